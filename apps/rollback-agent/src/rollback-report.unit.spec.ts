import { beforeEach, describe, expect, test } from '@jest/globals';
import { NO_COUNTERS, type RollbackMove, type RollbackWork } from '#core/rollback/rollback.js';
import type { RollbackInput } from '#core/rollback/rollback-inputs.js';
import { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import { MemoryRollbackStore } from './persistence/rollback.memory.store.js';
import type { RollbackInstance, RollbackStore } from './persistence/rollback.store.js';
import { understood, type RollbackReport } from './rollback-report.js';

const KEY = { executionId: '6f1d2c3b-4a59-4678-8a9b-0c1d2e3f4a5b', handOver: 2 };

const WORK: RollbackWork = {
  ...KEY,
  ...{ kind: 'ROLL_BACK', commandId: 'c', pages: 1, pagesStored: [1], state: 'RUNNING' },
  ...{ listed: 4, maxUnavailablePercentage: 25, batchSize: 5, counters: NO_COUNTERS },
  ...{ ignoresRoom: false, sets: null },
  ...{ settled: 0, reported: 0, owesReport: false, gaveUp: null, noRoom: null },
  ...{ said: 0, lastSaidAtMs: 0 },
};

const asked = {
  target: { driver: 'simulated', settings: {} },
  ...{ drainTimeoutMs: 0, healthCheckIntervalMs: 0, healthCheckTimeoutMs: 0, artifacts: {} },
};

let store: RollbackStore;

beforeEach(async () => {
  const nowMs = (): number => 1_000;
  store = new MemoryRollbackStore(new MemoryServiceDatabase({ nowMs }));
  await store.transaction(async (tx) => {
    await tx.insert({ work: WORK, asked });
    const instances = [0, 1, 2, 3].map((index) => {
      return { index, instanceId: `i-${String(index)}`, version: '1.0.0' };
    });
    await tx.addInstances(KEY, instances, 0);
  });
});

async function move(indices: number[], ...path: RollbackMove['to'][]): Promise<void> {
  let from: RollbackMove['from'] = 'UNSEEN';
  for (const to of path) {
    const select = { by: 'INDICES', indices } as const;
    const begins = to === 'DRAINING';
    const one = { select, from, to, begins, reason: null, settledFrom: null };
    await store.transaction((tx) => tx.apply(KEY, [one], 1));
    from = to;
  }
}

function understand(report: RollbackReport): Promise<RollbackInput> {
  return store.transaction((tx) => understood(tx, KEY, report));
}

describe('steps that ended', () => {
  const drained = { step: 'DRAINING', attempt: 1, outcome: 'DONE' } as const;
  const failed = { step: 'DRAINING', attempt: 1, outcome: 'FAILED' } as const;

  test('count in the step and attempt in which the rows stand, and are left out else', async () => {
    await move([0, 1], 'DRAINING');
    await move([2], 'DRAINING', 'UPGRADING');
    await move([3], 'DRAINING', 'UNSEEN', 'DRAINING');
    const settled = [0, 1, 2, 3].map((index) => ({ index, ...drained }));
    expect(await understand({ type: 'STEPS', settled })).toEqual({
      type: 'STEPS_SETTLED',
      settled: [{ ...drained, failure: null, indices: [0, 1], reasons: [null, null] }],
    });
  });

  test('in the same way go together, each with its own reason', async () => {
    await move([0, 1, 2, 3], 'DRAINING');
    const end = (index: number, failure: 'DRAIN_FAILED' | 'VANISHED') => {
      return { index, ...failed, failure, reason: `reason ${String(index)}` };
    };
    const settled = [end(0, 'DRAIN_FAILED'), end(1, 'VANISHED'), end(2, 'DRAIN_FAILED')];
    expect(await understand({ type: 'STEPS', settled })).toMatchObject({
      settled: [
        { failure: 'DRAIN_FAILED', indices: [0, 2], reasons: ['reason 0', 'reason 2'] },
        { failure: 'VANISHED', indices: [1], reasons: ['reason 1'] },
      ],
    });
  });
});

describe('a look', () => {
  test('counts for those that still stand where they were looked for', async () => {
    const instances = (await store.next(KEY, 'UNSEEN', 10)) satisfies RollbackInstance[];
    await move([3], 'UP');
    const seen = [
      { id: 'i-0', version: '1.0.0', admitted: false, healthy: true },
      { id: 'i-1', version: '2.0.0', admitted: true, healthy: true },
      { id: 'i-3', version: '2.0.0', admitted: false, healthy: false },
    ];
    const report = { type: 'LOOKED', from: 'UNSEEN', lookedAtMs: 5, instances, seen } as const;
    expect(await understand(report)).toEqual({
      type: 'INSTANCES_LOOKED_AT',
      from: 'UNSEEN',
      lookedAtMs: 5,
      seen: { THERE: [0], UP: [1], DOWN: [], VANISHED: [2] },
    });
  });
});

describe('a count of the room', () => {
  test('names those of ours that wait as healthy and are down', async () => {
    await move([1, 2], 'UP');
    const downIds = ['i-0', 'i-2', 'stranger'];
    const report = { type: 'ROOM', othersDown: 3, downIds, countedAtMs: 7 } as const;
    expect(await understand(report)).toEqual({
      type: 'ROOM_COUNTED',
      othersDown: 3,
      fallen: [2],
      countedAtMs: 7,
    });
  });
});
