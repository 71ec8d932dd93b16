/** What an owner found out at the target, in the words of the rules: what came late is left out. */
import type { FailureKind } from '#core/execution/execution-inputs.js';
import type { Step } from '#core/execution/execution.js';
import type { RollbackInput, SettledRollbackSteps } from '#core/rollback/rollback-inputs.js';
import { sightOf, type RollbackKey, type Sight } from '#core/rollback/rollback.js';
import type { SetOperationEnded } from '#core/rollback/sets-back.js';
import type { RollbackInstance, RollbackTx } from './persistence/rollback.store.js';

/** An instance as its target sees it at this moment. */
interface Seen {
  readonly id: string;
  readonly version: string | null;
  readonly admitted: boolean;
  readonly healthy: boolean;
}

/** A step that ended, as it is told by whoever walks the instances. */
interface StepEnd {
  readonly index: number;
  readonly step: Step;
  readonly attempt: number;
  readonly outcome: 'DONE' | 'FAILED';
  readonly failure?: FailureKind;
  readonly reason?: string;
}

export type RollbackReport =
  | {
      readonly type: 'LOOKED';
      readonly from: 'UNSEEN' | 'DOWN';
      readonly lookedAtMs: number;
      /** Those that were asked for; one that is not among the seen is not there any more. */
      readonly instances: readonly RollbackInstance[];
      readonly seen: readonly Seen[];
    }
  | { readonly type: 'STEPS'; readonly settled: readonly StepEnd[] }
  | {
      readonly type: 'ROOM';
      readonly othersDown: number;
      /** Ids of instances that are down, as far as they were read. */
      readonly downIds: readonly string[];
      readonly countedAtMs: number;
    }
  | SetOperationEnded
  | { readonly type: 'TARGET_REFUSED'; readonly reason: string }
  | { readonly type: 'TIME_PASSED' };

/** Only under the rollback's lock: what the rows say now decides what still counts. */
export async function understood(
  tx: RollbackTx,
  key: RollbackKey,
  report: RollbackReport,
): Promise<RollbackInput> {
  switch (report.type) {
    case 'LOOKED': {
      const { from, lookedAtMs, instances } = report;
      const rows = await tx.standing(key, indicesOf(instances));
      const there = rows.filter(({ status }) => status === from);
      const seen = sightsOf(there, report.seen);
      return { type: 'INSTANCES_LOOKED_AT', from, lookedAtMs, seen };
    }
    case 'STEPS': {
      const rows = await tx.standing(key, indicesOf(report.settled));
      const byIndex = new Map(rows.map((row) => [row.index, row]));
      const timely = report.settled.filter(({ index, step, attempt }) => {
        const row = byIndex.get(index);
        return row?.status === step && row.attempt === attempt;
      });
      return { type: 'STEPS_SETTLED', settled: together(timely) };
    }
    case 'ROOM': {
      const { othersDown, downIds, countedAtMs } = report;
      const fallen = await tx.upAmong(key, downIds);
      return { type: 'ROOM_COUNTED', othersDown, fallen, countedAtMs };
    }
    default:
      return report;
  }
}

function indicesOf(all: readonly { readonly index: number }[]): number[] {
  return all.map(({ index }) => index);
}

function sightsOf(
  instances: readonly RollbackInstance[],
  seen: readonly Seen[],
): Record<Sight, number[]> {
  const seenById = new Map(seen.map((one) => [one.id, one]));
  const sights: Record<Sight, number[]> = { THERE: [], DOWN: [], UP: [], VANISHED: [] };
  for (const { index, instanceId, version } of instances) {
    sights[sightOf(version, seenById.get(instanceId))].push(index);
  }
  return sights;
}

/** Those that ended the same step in the same way, so that each group moves in one statement. */
function together(ends: readonly StepEnd[]): SettledRollbackSteps[] {
  const groups = Map.groupBy(ends, ({ step, attempt, outcome, failure }) => {
    return [step, attempt, outcome, failure].join(' ');
  });
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { step, attempt, outcome, failure = null } = first;
    const reasons = group.map(({ reason }) => reason ?? null);
    return [{ step, attempt, outcome, failure, indices: indicesOf(group), reasons }];
  });
}
