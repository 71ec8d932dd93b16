import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { Execution, ExecutionPlan } from '#core/execution/execution.js';
import { finishedOf } from '../upgrade-statistics.js';
import { aStoredExecution } from './execution.contract.js';
import type { ExecutionStore } from './execution.store.js';
import type { StatisticsStore } from './statistics.store.js';

export interface StatisticsUnderTest {
  readonly executions: ExecutionStore;
  readonly store: StatisticsStore;
  close(): Promise<void>;
}

type Ending = Partial<Omit<Execution, 'plan'>> & { plan?: Partial<ExecutionPlan> };

const T0 = Date.UTC(2026, 0, 2);

export function statisticsContract(open: () => Promise<StatisticsUnderTest>): void {
  let under: StatisticsUnderTest;
  let componentId: string;
  beforeEach(async () => {
    under = await open();
    componentId = randomUUID();
  });
  afterEach(() => under.close());

  const asked = (more: object = {}) => {
    const filter = { componentId, tenantId: null, sinceMs: null, executionsMax: 100 };
    return under.store.statistics({ ...filter, ...more });
  };

  /** One that was created, started a second later, and took so long. */
  async function ended(tookMs: number | null, more: Ending = {}) {
    const { plan, createdAtMs = T0, status = 'COMPLETED', ...fields } = more;
    const stored = aStoredExecution({ componentId, createdAtMs });
    const planned = { ...stored.execution.plan, ...plan };
    const before = { ...stored.execution, ...fields, plan: planned } as Execution;
    const times =
      tookMs === null
        ? { completedAtMs: createdAtMs + 500 }
        : { startedAtMs: createdAtMs + 1_000, completedAtMs: createdAtMs + 1_000 + tookMs };
    const next = { ...before, ...times, status, revision: 2 } as Execution;
    await under.executions.transaction(async (tx) => {
      await tx.insert({ ...stored, execution: before });
      await tx.lock([before.id], 'wait');
      await tx.save([{ before, next, facts: [] }]);
    });
  }

  async function running(more: Partial<Execution> = {}): Promise<void> {
    const stored = aStoredExecution({ componentId, ...more });
    await under.executions.transaction((tx) => tx.insert(stored));
  }

  it('of nothing are zero', async () => {
    await ended(1_000, { componentId: randomUUID() });
    const { tallies, active } = await asked();
    expect(active).toBe(0);
    const none = { completed: 0, failed: 0, rolledBack: 0, cancelled: 0 };
    const all = { ...none, averageDurationMs: null, percentilesMs: null, batchWork: null };
    expect(tallies).toEqual({ all, byStrategy: [], byKind: [], byVersion: [], byFailure: [] });
  });

  it('count by status, and durations of those that were started', async () => {
    for (const tookMs of [1_000, 2_000, 4_000]) await ended(tookMs);
    await ended(5_000, { status: 'FAILED', failureReason: 'no progress before the deadline' });
    await ended(8_000, { status: 'ROLLED_BACK', failureReason: 'a new sentence' });
    await ended(null, { status: 'CANCELLED' });
    await running();
    const { tallies, active } = await asked();
    expect(active).toBe(1);
    expect(tallies.all).toEqual({
      ...{ completed: 3, failed: 1, rolledBack: 1, cancelled: 1, averageDurationMs: 4_000 },
      percentilesMs: { p50: 4_000, p90: 8_000, p95: 8_000, p99: 8_000 },
      batchWork: null,
    });
    const causes = tallies.byFailure.map(({ key, tally }) => [key, finishedOf(tally)]);
    expect(causes.sort()).toEqual([
      ['NO_PROGRESS', 1],
      ['OTHER', 1],
    ]);
  });

  it('say in how long 50, 90, 95 and 99 of 100 were done', async () => {
    for (let took = 1; took <= 20; took += 1) await ended(took * 1_000);
    const { percentilesMs } = (await asked()).tallies.all;
    expect(percentilesMs).toEqual({ p50: 10_000, p90: 18_000, p95: 19_000, p99: 20_000 });
  });

  it('count by strategy, kind and target version', async () => {
    await ended(1_000);
    await ended(3_000);
    await ended(null, { status: 'CANCELLED', plan: { strategy: 'CANARY' } });
    const to = { id: randomUUID(), version: '3.0.0', artifacts: {} };
    await ended(9_000, { kind: 'REVERT', status: 'FAILED', plan: { to } });
    const { byStrategy, byKind, byVersion } = (await asked()).tallies;
    const shown = (of: typeof byStrategy | typeof byKind | typeof byVersion) =>
      of.map(({ key, tally }) => [key, finishedOf(tally), tally.averageDurationMs]).sort();
    expect(shown(byStrategy)).toEqual([
      ['CANARY', 1, null],
      ['ROLLING', 3, 13_000 / 3],
    ]);
    expect(shown(byKind)).toEqual([
      ['REVERT', 1, 9_000],
      ['UPGRADE', 3, 2_000],
    ]);
    expect(shown(byVersion)).toEqual([
      ['1.1.0', 3, 2_000],
      ['3.0.0', 1, 9_000],
    ]);
    expect(byStrategy.find(({ key }) => key === 'CANARY')?.tally.percentilesMs).toBeNull();
  });

  it('know how long batches took, and how many executions say so', async () => {
    for (const batchWorkMs of [40, 10, 30, 20]) await ended(1_000, { batchWorkMs });
    await ended(1_000, { status: 'FAILED' });
    await ended(1_000, { batchWorkMs: 90, plan: { strategy: 'RECREATE' } });
    const { all, byStrategy } = (await asked()).tallies;
    expect(all.batchWork).toEqual({ medianMs: 30, executions: 5 });
    expect(byStrategy.find(({ key }) => key === 'ROLLING')?.tally.batchWork).toEqual({
      ...{ medianMs: 20, executions: 4 },
    });
  });

  it('leave out other tenants when one is named', async () => {
    await ended(1_000);
    await ended(9_000, { tenantId: 'other', status: 'FAILED' });
    await running();
    await running({ tenantId: 'other' });
    const { tallies, active } = await asked({ tenantId: 'acme' });
    expect([finishedOf(tallies.all), tallies.all.failed, active]).toEqual([1, 0, 1]);
    expect(finishedOf((await asked()).tallies.all)).toBe(2);
  });

  describe('are bounded', () => {
    it('by when they were created, that moment included', async () => {
      await ended(1_000, { createdAtMs: T0 - 1 });
      await ended(1_000, { createdAtMs: T0 });
      await running({ createdAtMs: T0 - 1 });
      const { tallies, active } = await asked({ sinceMs: T0 });
      expect([finishedOf(tallies.all), active]).toEqual([1, 0]);
    });

    it('to the newest', async () => {
      for (const age of [3, 1, 2]) await ended(age * 1_000, { createdAtMs: T0 - age });
      const { tallies } = await asked({ executionsMax: 2 });
      expect(finishedOf(tallies.all)).toBe(2);
      expect(tallies.all.averageDurationMs).toBe(1_500);
    });
  });
}
