import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { TransientDatabaseError } from '#postgres/service-database.js';
import { SHARDS, shardOf } from '#postgres/shard-of.js';
import type { CanaryWatch } from '#core/canary/canary-watch.js';
import type { AskedWatch, StoredWatch, WatchStore } from './watch.store.js';

/** A store as the contract sees it. */
export interface StoreUnderTest {
  readonly store: WatchStore;
  close(): Promise<void>;
}

const asked: AskedWatch = {
  target: { driver: 'simulated', settings: { fleet: 'f', version: '1.0.0' } },
  metrics: [
    {
      name: 'errors',
      source: 'PROMETHEUS',
      query: 'sum(errors{tenant="{{tenant}}"})',
      bound: 0.05,
      direction: 'BELOW',
      initialDelaySeconds: 60,
    },
  ],
  tenant: 'acme',
  component: 'orders',
  version: '1.1.0',
};

function watch(but: Partial<CanaryWatch> = {}): CanaryWatch {
  const findings = [{ of: 'ünwell', outcome: 'FAIL' as const, value: 0.25, summary: '"quoted"' }];
  return {
    executionId: randomUUID(),
    handOver: 1,
    commandId: 'c1',
    pages: 2,
    pagesStored: [1],
    state: 'RUNNING',
    beganAtMs: 1_700_000_000_123,
    durationMs: 604_800_000,
    intervalMs: 30_000,
    askedAtMs: 1_700_000_000_456,
    lastNumber: 7,
    totals: { PASS: 1, FAIL: 2, NO_DATA: 3, ERROR: 1 },
    streak: { outcome: 'FAIL', length: 2 },
    verdict: 'INCONCLUSIVE',
    reason: 'ünwell: FAIL',
    durationOver: false,
    samples: [{ number: 7, atMs: 1_700_000_210_130, outcome: 'FAIL', findings }],
    untold: 1,
    said: 3,
    lastSaidAtMs: 1_700_000_000_789,
    ...but,
  };
}

/** What every store does, the real one and its twin. */
export function watchStoreContract(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`${name} as a store of watches`, () => {
    let under: StoreUnderTest;
    let store: WatchStore;

    beforeAll(async () => {
      under = await open();
      store = under.store;
    });

    afterAll(() => under.close());

    async function insert(...all: CanaryWatch[]): Promise<void> {
      await store.transaction(async (tx) => {
        for (const one of all) await tx.insert({ watch: one, asked });
      });
    }

    test('gives back what it was given, with what was asked', async () => {
      const one = watch();
      await insert(one);
      const stored: StoredWatch = { watch: one, asked };
      expect(await store.get(one)).toEqual(stored);
      expect(await store.get({ ...one, handOver: 2 })).toBeNull();
      expect(await store.transaction((tx) => tx.lock(one))).toEqual(one);
      expect(await store.transaction((tx) => tx.lock({ ...one, handOver: 2 }))).toBeNull();
    });

    test('keeps one that has no sample yet', async () => {
      const totals = { PASS: 0, FAIL: 0, NO_DATA: 0, ERROR: 0 };
      const one = watch({ streak: null, verdict: null, samples: [], totals, lastNumber: 0 });
      await insert(one);
      expect((await store.get(one))?.watch).toEqual(one);
    });

    test('keeps nothing of a transaction that failed', async () => {
      const one = watch();
      const failing = store.transaction(async (tx) => {
        await tx.insert({ watch: one, asked });
        throw new Error('no');
      });
      await expect(failing).rejects.toThrow('no');
      expect(await store.get(one)).toBeNull();
    });

    test('updates one and no other', async () => {
      const one = watch();
      const other = { ...one, handOver: 2 };
      await insert(one, other);
      const next: CanaryWatch = {
        ...{ ...one, state: 'ENDED', commandId: 'c2', pagesStored: [1, 2], askedAtMs: 5 },
        ...{ lastNumber: 8, totals: { ...one.totals, PASS: 2 }, samples: [], untold: 0 },
        ...{ streak: { outcome: 'PASS', length: 1 }, verdict: 'UNHEALTHY', reason: 'r' },
        ...{ durationOver: true, said: 4, lastSaidAtMs: 6 },
      };
      await store.transaction(async (tx) => {
        await tx.lock(one);
        await tx.update(next);
      });
      expect((await store.get(one))?.watch).toEqual(next);
      expect((await store.get(other))?.watch).toEqual(other);
    });

    test('says of a key that is inserted twice that it may be tried again', async () => {
      const one = watch();
      await insert(one);
      await expect(insert(one)).rejects.toBeInstanceOf(TransientDatabaseError);
    });

    test('locks all of an execution by hand-over, and none of another', async () => {
      const first = watch();
      await insert({ ...first, handOver: 12 }, first, { ...first, handOver: 3 }, watch());
      const locked = await store.transaction((tx) => tx.lockAll(first.executionId));
      expect(locked.map(({ handOver }) => handOver)).toEqual([1, 3, 12]);
    });

    test('makes the second who locks wait for the first', async () => {
      const one = watch();
      await insert(one);
      const order: string[] = [];
      let second: Promise<unknown> | undefined;
      await store.transaction(async (tx) => {
        await tx.lock(one);
        second = store.transaction(async (other) => {
          const seen = await other.lock(one);
          order.push(`second sees ${String(seen?.said)}`);
        });
        await tx.update({ ...one, said: 9 });
        order.push('first ends');
      });
      await second;
      expect(order).toEqual(['first ends', 'second sees 9']);
    });

    test('keeps pages by their number', async () => {
      const one = watch();
      await insert(one);
      await store.transaction(async (tx) => {
        await tx.addPage(one, 2, [{ id: 'b', version: '1.1.0' }]);
        await tx.addPage(one, 1, []);
      });
      expect(await store.page(one, 2)).toEqual([{ id: 'b', version: '1.1.0' }]);
      expect(await store.page(one, 1)).toEqual([]);
      expect(await store.page(one, 3)).toEqual([]);
    });

    test('supersedes what has not ended of older hand-overs, and nothing else', async () => {
      const running = watch({ handOver: 1 });
      const { executionId } = running;
      const all = [
        running,
        watch({ executionId, handOver: 2, state: 'ENDED' }),
        watch({ executionId, handOver: 3, state: 'GATHERING' }),
        watch({ executionId, handOver: 4, state: 'EXPIRED' }),
        watch({ executionId, handOver: 5 }),
        watch({ handOver: 1 }),
      ];
      await insert(...all);
      await store.transaction((tx) => tx.supersedeOlder(executionId, 5));
      const states = [];
      for (const one of all) states.push((await store.get(one))?.watch.state);
      const gone = 'SUPERSEDED';
      expect(states).toEqual([gone, 'ENDED', gone, gone, 'RUNNING', 'RUNNING']);
    });

    test('finds running ones in the shards asked for', async () => {
      const running = watch();
      const { executionId, handOver } = running;
      await insert(running, watch({ executionId, handOver: 2, state: 'ENDED' }));
      const shard = shardOf(executionId, SHARDS);
      const found = await store.runningIn([shard], 10_000);
      const id = `${executionId}/1`;
      expect(found.filter(({ subject }) => subject === executionId)).toEqual([
        { id, subject: executionId, shard, key: { executionId, handOver } },
      ]);
      expect(await store.runningIn([(shard + 1) % SHARDS], 10_000)).not.toContainEqual(
        expect.objectContaining({ subject: executionId }),
      );
      expect(await store.runningIn([shard], 0)).toEqual([]);
    });

    test('forgets what was not touched for long, with its pages', async () => {
      const one = watch();
      await insert(one);
      await store.transaction((tx) => tx.addPage(one, 1, [{ id: 'a', version: '1.0.0' }]));
      await store.purge(3_600_000, 10_000);
      expect(await store.get(one)).not.toBeNull();
      // An age below zero lies in the future: everything is older.
      while ((await store.purge(-3_600_000, 100)) === 100);
      expect(await store.get(one)).toBeNull();
      expect(await store.page(one, 1)).toEqual([]);
    });
  });
}
