import { expect, it } from '@jest/globals';
import { STATISTICS_LIMITS } from '../upgrade-statistics.js';
import { statisticsView, StatisticsView } from './statistics-views.js';

const TALLY = {
  ...{ completed: 6, failed: 2, rolledBack: 1, cancelled: 1, averageDurationMs: 4_500 },
  percentilesMs: { p50: 1_000, p90: 2_000, p95: 3_000, p99: 4_000 },
  batchWork: null,
};
const NONE = { byStrategy: [], byKind: [], byVersion: [], byFailure: [] };
const ASKED = {
  componentId: '0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b',
  tenantId: null,
  sinceMs: null,
};

it('shows every number of the statistics in its own place', () => {
  const view = statisticsView(ASKED, { tallies: { all: TALLY, ...NONE }, active: 4 });
  expect(view).toMatchObject({
    ...{ totalExecutions: 14, finishedExecutions: 10, activeExecutions: 4 },
    ...{ successfulExecutions: 6, failedExecutions: 3, rolledBackExecutions: 1 },
    ...{ cancelledExecutions: 1, averageDurationSeconds: 4.5 },
    durationSeconds: { p50: 1, p90: 2, p95: 3, p99: 4 },
  });
  expect(() => StatisticsView.parse(view)).not.toThrow();
});

it('says that statistics are not complete as soon as there may be more', () => {
  const of = (completed: number) => {
    const all = { ...TALLY, completed, failed: 0, rolledBack: 0, cancelled: 0 };
    return statisticsView(ASKED, { tallies: { all, ...NONE }, active: 0 }).isComplete;
  };
  const { executionsMax } = STATISTICS_LIMITS;
  expect([of(executionsMax - 1), of(executionsMax)]).toEqual([true, false]);
});
