/** Statistics as they are answered: seed 003's fields first, then ours. */
import { z } from 'zod';
import { STRATEGY_NAMES } from '#core/execution/execution.js';
import {
  FAILURE_CAUSES,
  finishedOf,
  STATISTICS_LIMITS,
  successRateOf,
  type Tally,
  type UpgradeStatistics,
} from '../upgrade-statistics.js';
import { STATISTICS_EXAMPLE } from './examples.js';
import { isoOrNull, TenantId, Time, Uuid } from './fields.js';

const count = z.int().min(0);
const seconds = z.number().min(0);

const Durations = z
  .strictObject({ p50: seconds, p90: seconds, p95: seconds, p99: seconds })
  .meta({ id: 'DurationPercentiles', description: 'Seconds, by nearest rank' });

const tallied = {
  finishedExecutions: count.meta({ description: 'Successful, failed and cancelled' }),
  successfulExecutions: count.meta({ description: 'COMPLETED' }),
  failedExecutions: count.meta({ description: 'FAILED and ROLLED_BACK' }),
  rolledBackExecutions: count.meta({ description: 'Of the failed ones, ROLLED_BACK' }),
  cancelledExecutions: count.meta({ description: 'Neither successful nor failed' }),
  successRate: z
    .number()
    .min(0)
    .max(100)
    .meta({ description: '100 · successful / (successful + failed); 0 when there are none' }),
  averageDurationSeconds: seconds.meta({
    description: 'From start to end, pauses included, of those that were started; 0 when none was',
  }),
  durationSeconds: Durations.nullable().meta({ description: 'Null when none was started' }),
};

const ByStrategy = z
  .strictObject({ strategy: z.enum(STRATEGY_NAMES), ...tallied })
  .meta({ id: 'StatisticsByStrategy' });
const ByKind = z
  .strictObject({ kind: z.enum(['UPGRADE', 'REVERT']), ...tallied })
  .meta({ id: 'StatisticsByKind' });
const ByVersion = z
  .strictObject({ toVersion: z.string(), ...tallied })
  .meta({ id: 'StatisticsByVersion' });

const FailuresByCause = z
  .strictObject({ cause: z.enum(FAILURE_CAUSES), count })
  .meta({ id: 'FailuresByCause' });

export const StatisticsView = z
  .strictObject({
    componentId: Uuid,
    totalExecutions: count.meta({ description: 'Finished and active' }),
    ...tallied,
    activeExecutions: count.meta({ description: 'Those that have not ended' }),
    tenantId: TenantId.nullable().meta({ description: 'Whose alone are counted; null: all' }),
    since: Time.nullable().meta({ description: 'Created at or after this; null: whenever' }),
    isComplete: z.boolean().meta({
      description:
        `False: there are more that ended than the newest ` +
        `${String(STATISTICS_LIMITS.executionsMax)}, which alone are counted`,
    }),
    byStrategy: z.array(ByStrategy),
    byKind: z.array(ByKind),
    byVersion: z.array(ByVersion).meta({
      description: `By target version, the ${String(STATISTICS_LIMITS.versionsShown)} most frequent`,
    }),
    failuresByCause: z
      .array(FailuresByCause)
      .meta({ description: 'Why executions were FAILED or ROLLED_BACK, the most frequent first' }),
  })
  .meta({ id: 'UpgradeStatistics', examples: [STATISTICS_EXAMPLE] });

export function statisticsView(
  asked: { componentId: string; tenantId: string | null; sinceMs: number | null },
  { tallies, active }: UpgradeStatistics,
): z.infer<typeof StatisticsView> {
  const { all, byStrategy, byKind, byVersion, byFailure } = tallies;
  const finished = finishedOf(all);
  return {
    componentId: asked.componentId,
    totalExecutions: finished + active,
    ...talliedView(all),
    activeExecutions: active,
    tenantId: asked.tenantId,
    since: isoOrNull(asked.sinceMs),
    isComplete: finished < STATISTICS_LIMITS.executionsMax,
    byStrategy: frequentFirst(byStrategy).map(({ key, tally }) => {
      return { strategy: key, ...talliedView(tally) };
    }),
    byKind: frequentFirst(byKind).map(({ key, tally }) => ({ kind: key, ...talliedView(tally) })),
    byVersion: frequentFirst(byVersion)
      .slice(0, STATISTICS_LIMITS.versionsShown)
      .map(({ key, tally }) => ({ toVersion: key, ...talliedView(tally) })),
    failuresByCause: frequentFirst(byFailure).map(({ key, tally }) => {
      return { cause: key, count: finishedOf(tally) };
    }),
  };
}

/** Those that are as frequent in the order of their names, so that an answer does not flicker. */
function frequentFirst<Of extends { readonly key: string; readonly tally: Tally }>(
  groups: readonly Of[],
): Of[] {
  return [...groups].sort(
    (a, b) => finishedOf(b.tally) - finishedOf(a.tally) || (a.key < b.key ? -1 : 1),
  );
}

function talliedView(tally: Tally) {
  const { completed, failed, rolledBack, cancelled, averageDurationMs, percentilesMs } = tally;
  return {
    finishedExecutions: finishedOf(tally),
    successfulExecutions: completed,
    failedExecutions: failed + rolledBack,
    rolledBackExecutions: rolledBack,
    cancelledExecutions: cancelled,
    successRate: successRateOf(tally),
    averageDurationSeconds: (averageDurationMs ?? 0) / 1_000,
    durationSeconds:
      percentilesMs === null
        ? null
        : {
            p50: percentilesMs.p50 / 1_000,
            p90: percentilesMs.p90 / 1_000,
            p95: percentilesMs.p95 / 1_000,
            p99: percentilesMs.p99 / 1_000,
          },
  };
}
