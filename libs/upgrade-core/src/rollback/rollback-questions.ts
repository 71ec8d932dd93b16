/** What a question does: a page of a rollback, or the wish to stop one. */
import type { RollbackAsked, RollbackDecision } from './rollback-inputs.js';
import { speakIfOwed, speakStopped } from './rollback-reports.js';
import { NO_COUNTERS, type RollbackWork } from './rollback.js';
import { beginSets } from './sets-back.js';

export function takeQuestion(
  known: RollbackWork | null,
  asked: RollbackAsked,
  nowMs: number,
): RollbackDecision {
  const { other } = asked;
  if (other !== null && other.handOver > asked.handOver) {
    return { kind: 'ABSORBED', why: `hand-over ${String(other.handOver)} is known` };
  }
  if (known !== null && known.kind !== asked.kind) {
    return { kind: 'IMPOSSIBLE', why: `the hand-over was asked to ${known.kind} before` };
  }
  const work = known ?? begun(asked, nowMs);
  if (asked.page > asked.pages || asked.pages !== work.pages) {
    const pages = `page ${String(asked.page)} of ${String(asked.pages)}`;
    return { kind: 'IMPOSSIBLE', why: `${pages} cannot belong to ${String(work.pages)}` };
  }
  const odd = oddSets(asked);
  if (odd !== null) return { kind: 'IMPOSSIBLE', why: odd };
  const stopsOlder = known === null;
  if (asked.kind === 'STOP') {
    const stopped = { ...work, commandId: asked.commandId, state: 'STOPPED' } as const;
    const [next, says] = speakStopped(stopped, stopsOlder ? other : null, nowMs);
    return { kind: 'DECIDED', next, moves: [], says, storesPage: false, stopsOlder };
  }
  return takePage(work, asked, { stopsOlder, nowMs });
}

/** What cannot be meant of a way back by sets; null: nothing. */
function oddSets({ sets, pages, instances, kind }: RollbackAsked): string | null {
  if (sets === null) return null;
  if (kind === 'STOP') return 'a stop names sets';
  if (pages > 1 || instances > 0) return 'sets go back in one page that names no instances';
  return sets.switchTo === sets.retire ? 'a set cannot be switched to and retired' : null;
}

function takePage(
  work: RollbackWork,
  asked: RollbackAsked,
  { stopsOlder, nowMs }: { stopsOlder: boolean; nowMs: number },
): RollbackDecision {
  const storesPage = !work.pagesStored.includes(asked.page);
  const pagesStored = storesPage
    ? [...work.pagesStored, asked.page].sort((a, b) => a - b)
    : work.pagesStored;
  const completes = storesPage && pagesStored.length === work.pages;
  const UNSEEN = work.counters.UNSEEN + (storesPage ? asked.instances : 0);
  const isEmpty = completes && UNSEEN === 0 && work.sets === null;
  let next: RollbackWork = {
    ...work,
    commandId: asked.commandId,
    pagesStored,
    counters: { ...work.counters, UNSEEN },
    state: isEmpty ? 'ENDED' : completes ? 'RUNNING' : work.state,
  };
  // A question of many pages is answered once: at its last page, or when nothing is missing. One
  // that was asked before is answered with everything restored so far, not with what is new.
  if (completes || asked.page === asked.pages) next = { ...next, reported: 0, owesReport: true };
  const [spoken, says] = speakIfOwed(next, nowMs);
  return { kind: 'DECIDED', next: spoken, moves: [], says, storesPage, stopsOlder };
}

function begun(asked: RollbackAsked, nowMs: number): RollbackWork {
  const { executionId, handOver, kind, commandId, pages } = asked;
  const { listed, maxUnavailablePercentage, batchSize, ignoresRoom, sets } = asked;
  return {
    ...{ executionId, handOver, kind, commandId, pages },
    pagesStored: [],
    state: 'GATHERING',
    ...{ listed, maxUnavailablePercentage, batchSize, ignoresRoom },
    sets: sets === null ? null : beginSets(sets, nowMs),
    counters: NO_COUNTERS,
    settled: 0,
    reported: 0,
    owesReport: false,
    gaveUp: null,
    noRoom: null,
    said: 0,
    lastSaidAtMs: nowMs,
  };
}
