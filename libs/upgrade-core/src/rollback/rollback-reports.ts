/** What a rollback says, and when: a page of settled instances for each result. */
import { ROLLBACK_LIMITS } from '../limits.js';
import type { RollbackSaying, RollbackWork } from './rollback.js';

const NO_SETS = { setsRestored: false, setLeftOver: null };

/**
 * Says all that is settled and not told of, in as many results as it takes, and at least one. More
 * than a transaction should write stays owed, and goes with the next decision.
 */
export function speakIfOwed(
  work: RollbackWork,
  nowMs: number,
): readonly [RollbackWork, readonly RollbackSaying[]] {
  if (!work.owesReport) return [work, []];
  const { handOver, settled } = work;
  const says: RollbackSaying[] = [];
  let { reported, said } = work;
  do {
    const after = reported;
    reported = Math.min(settled, after + ROLLBACK_LIMITS.reportMax);
    said += 1;
    // Only the last page of an ended rollback says so: then the total is complete.
    const state = work.state === 'ENDED' && reported === settled ? 'ENDED' : 'RUNNING';
    const sets = state === 'ENDED' ? setsOf(work) : NO_SETS;
    says.push({ number: said, state, handOver, after, upTo: reported, ...sets });
  } while (reported < settled && says.length < ROLLBACK_LIMITS.reportsPerDecisionMax);
  const owesReport = reported < settled;
  return [{ ...work, reported, said, owesReport, lastSaidAtMs: nowMs }, says];
}

function setsOf({ sets }: RollbackWork): Pick<RollbackSaying, 'setsRestored' | 'setLeftOver'> {
  if (sets === null) return NO_SETS;
  return { setsRestored: sets.stage === 'RESTORED', setLeftOver: sets.leftOver };
}

/** STOPPED, after what the stopped hand-over had restored and not yet told of. */
export function speakStopped(
  stop: RollbackWork,
  stopped: Pick<RollbackWork, 'handOver' | 'reported' | 'settled'> | null,
  nowMs: number,
): readonly [RollbackWork, readonly RollbackSaying[]] {
  const says: RollbackSaying[] = [];
  let { said } = stop;
  let after = stopped?.reported ?? 0;
  const settled = stopped?.settled ?? 0;
  while (after < settled && says.length < ROLLBACK_LIMITS.reportsPerDecisionMax) {
    const upTo = Math.min(settled, after + ROLLBACK_LIMITS.reportMax);
    said += 1;
    says.push({
      ...{ number: said, state: 'RUNNING', handOver: stopped?.handOver ?? 0, after, upTo },
      ...NO_SETS,
    });
    after = upTo;
  }
  said += 1;
  const { handOver } = stop;
  says.push({ number: said, state: 'STOPPED', handOver, after: 0, upTo: 0, ...NO_SETS });
  return [{ ...stop, said, lastSaidAtMs: nowMs }, says];
}
