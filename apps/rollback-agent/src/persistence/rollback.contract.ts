import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { NO_COUNTERS, type RollbackMove, type RollbackWork } from '#core/rollback/rollback.js';
import { TransientDatabaseError, UniqueViolationError } from '#postgres/service-database.js';
import { SHARDS, shardOf } from '#postgres/shard-of.js';
import {
  StaleRollbackError,
  type AskedRollback,
  type RollbackInstance,
  type RollbackStore,
} from './rollback.store.js';

/** A store as the contract sees it. */
export interface StoreUnderTest {
  readonly store: RollbackStore;
  close(): Promise<void>;
}

export const SOMETHING_ASKED: AskedRollback = {
  target: { driver: 'simulated', settings: { fleet: 'f', version: '1.0.0' } },
  drainTimeoutMs: 30_000,
  healthCheckIntervalMs: 0,
  healthCheckTimeoutMs: 60_000,
  artifacts: { '1.0.0': { image: 'orders:1.0.0' }, '0.9.0': {} },
};

export function aWork(but: Partial<RollbackWork> = {}): RollbackWork {
  return {
    executionId: randomUUID(),
    handOver: 2,
    kind: 'ROLL_BACK',
    commandId: 'c1',
    pages: 1,
    pagesStored: [1],
    state: 'RUNNING',
    listed: 10,
    maxUnavailablePercentage: 25,
    batchSize: 5,
    ignoresRoom: false,
    sets: null,
    counters: { ...NO_COUNTERS, UNSEEN: 6 },
    settled: 0,
    reported: 0,
    owesReport: false,
    gaveUp: null,
    noRoom: { waitedMs: 5, foundAtMs: 1_700_000_000_001 },
    said: 1,
    lastSaidAtMs: 1_700_000_000_000,
    ...but,
  };
}

function move(but: Partial<RollbackMove>): RollbackMove {
  const select = { by: 'NEXT', count: 1 } as const;
  const plain = { begins: false, reason: null, settledFrom: null };
  return { select, from: 'UNSEEN', to: 'UP', ...plain, ...but };
}

function named(...indices: number[]): RollbackMove['select'] {
  return { by: 'INDICES', indices };
}

/** What every store does, the real one and its twin. */
export function rollbackStoreContract(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`${name} as a store of rollbacks`, () => {
    let under: StoreUnderTest;
    let store: RollbackStore;

    beforeAll(async () => {
      under = await open();
      store = under.store;
    });

    afterAll(() => under.close());

    async function insert(one: RollbackWork, active = true): Promise<void> {
      await store.transaction(async (tx) => {
        await tx.insert({ work: one, asked: SOMETHING_ASKED });
        await tx.update(one, active);
      });
    }

    /** A rollback of instances 0 … count - 1, all UNSEEN. */
    async function withInstances(count: number, but: Partial<RollbackWork> = {}) {
      const one = aWork(but);
      await insert(one);
      const instances = Array.from({ length: count }, (_, index) => {
        return { index, instanceId: `i-${String(index)}`, version: '1.0.0' };
      });
      // Not in order: what is next is so by index, not by the order of storing.
      await store.transaction((tx) => tx.addInstances(one, instances.reverse(), 100));
      return one;
    }

    function apply(key: RollbackWork, nowMs: number, ...moves: RollbackMove[]) {
      return store.transaction((tx) => tx.apply(key, moves, nowMs));
    }

    async function standing(key: RollbackWork): Promise<RollbackInstance[]> {
      return store.transaction((tx) => tx.standing(key, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
    }

    test('gives back what it was given, with what was asked', async () => {
      const one = aWork();
      await insert(one);
      expect(await store.get(one)).toEqual({ work: one, asked: SOMETHING_ASKED });
      expect(await store.get({ ...one, handOver: 3 })).toBeNull();
      expect(await store.transaction((tx) => tx.lock(one))).toEqual(one);
      expect(await store.transaction((tx) => tx.lock({ ...one, handOver: 3 }))).toBeNull();
    });

    test('says of a key that is inserted twice that it may be tried again', async () => {
      const one = aWork();
      await insert(one);
      await expect(insert(one)).rejects.toBeInstanceOf(TransientDatabaseError);
    });

    test('updates one and no other, and locks all of an execution by hand-over', async () => {
      const second = aWork({ handOver: 3 });
      const first = { ...second, handOver: 2 };
      await insert(second);
      await insert(first);
      const next = { ...first, state: 'STOPPED', said: 9 } as const;
      await store.transaction((tx) => tx.update(next, false));
      const all = await store.transaction((tx) => tx.lockAll(first.executionId));
      expect(all).toEqual([next, second]);
    });

    test('makes the second who locks wait for the first', async () => {
      const one = aWork();
      await insert(one);
      const order: string[] = [];
      let second: Promise<unknown> | undefined;
      await store.transaction(async (tx) => {
        await tx.lock(one);
        second = store.transaction(async (other) => {
          order.push(`second sees ${String((await other.lock(one))?.said)}`);
        });
        await tx.update({ ...one, said: 9 }, true);
        order.push('first ends');
      });
      await second;
      expect(order).toEqual(['first ends', 'second sees 9']);
    });

    test('finds active ones in the shards asked for', async () => {
      const active = aWork();
      await insert(active);
      await insert({ ...active, handOver: 3 }, false);
      const { executionId, handOver } = active;
      const shard = shardOf(executionId, SHARDS);
      const found = await store.activeIn([shard], 10_000);
      const id = `${executionId}:rollback:${String(handOver)}`;
      expect(found.filter(({ subject }) => subject === executionId)).toEqual([
        { id, subject: executionId, shard, key: { executionId, handOver } },
      ]);
      const elsewhere = await store.activeIn([(shard + 1) % SHARDS], 10_000);
      expect(elsewhere.filter(({ subject }) => subject === executionId)).toEqual([]);
      expect(await store.activeIn([shard], 0)).toEqual([]);
    });

    test('stores instances as UNSEEN, and no index twice', async () => {
      const one = await withInstances(2);
      const there = { version: '1.0.0', status: 'UNSEEN', attempt: 0, sinceMs: 100 };
      expect(await standing(one)).toEqual([
        { index: 0, instanceId: 'i-0', ...there },
        { index: 1, instanceId: 'i-1', ...there },
      ]);
      const again = [{ index: 1, instanceId: 'other', version: '1.0.0' }];
      await expect(
        store.transaction((tx) => tx.addInstances(one, again, 200)),
      ).rejects.toBeInstanceOf(UniqueViolationError);
    });

    test('moves the next by index, and those that are named', async () => {
      const one = await withInstances(5);
      await apply(one, 200, move({ select: { by: 'NEXT', count: 2 } }), move({ select: named(4) }));
      expect((await standing(one)).map(({ status }) => status)).toEqual([
        ...['UP', 'UP', 'UNSEEN', 'UNSEEN', 'UP'],
      ]);
      expect((await store.next(one, 'UP', 2)).map(({ index }) => index)).toEqual([0, 1]);
      expect((await store.next(one, 'UNSEEN', 9)).map(({ index }) => index)).toEqual([2, 3]);
    });

    test('answers who stands in a step by that, with the attempt that began', async () => {
      const one = await withInstances(3);
      const begun = await apply(
        one,
        300,
        move({ select: named(2, 0), to: 'DOWN' }),
        move({ select: named(2), from: 'DOWN', to: 'DRAINING', begins: true }),
      );
      const instance = { index: 2, instanceId: 'i-2', version: '1.0.0', attempt: 1, sinceMs: 300 };
      expect(begun).toEqual([{ ...instance, status: 'DRAINING' }]);
      expect(await store.underWay(one)).toEqual(begun);
      const walked = await apply(
        one,
        400,
        move({ select: named(2), from: 'DRAINING', to: 'UPGRADING' }),
      );
      expect(walked).toEqual([{ ...instance, status: 'UPGRADING', sinceMs: 400 }]);
    });

    test('moves nothing at all when one of a decision’s instances stands elsewhere', async () => {
      const one = await withInstances(2);
      const moves = [move({ select: named(0) }), move({ select: named(0, 1) })];
      await expect(apply(one, 200, ...moves)).rejects.toBeInstanceOf(StaleRollbackError);
      const tooMany = move({ select: { by: 'NEXT', count: 3 } });
      await expect(apply(one, 200, tooMany)).rejects.toBeInstanceOf(StaleRollbackError);
      expect((await standing(one)).map(({ status }) => status)).toEqual(['UNSEEN', 'UNSEEN']);
    });

    test('numbers what settles, and tells it by those numbers', async () => {
      const one = await withInstances(6);
      await apply(
        one,
        200,
        move({ select: named(3, 1), to: 'RESTORED', settledFrom: 1 }),
        move({ select: named(5, 0), to: 'LEFT_OVER', settledFrom: 3, reason: ['five', 'null'] }),
        move({
          ...{ select: { by: 'NEXT', count: 2 }, to: 'LEFT_OVER', settledFrom: 5 },
          reason: 'for all',
        }),
      );
      const settled = (after: number, upTo: number) =>
        store.transaction((tx) => tx.settled(one, after, upTo));
      expect(await settled(0, 6)).toEqual({
        restored: [1, 3],
        leftOver: [
          { instanceId: 'i-0', reason: 'null' },
          { instanceId: 'i-5', reason: 'five' },
          { instanceId: 'i-2', reason: 'for all' },
          { instanceId: 'i-4', reason: 'for all' },
        ],
      });
      expect(await settled(1, 3)).toEqual({
        restored: [3],
        leftOver: [{ instanceId: 'i-0', reason: 'null' }],
      });
      expect(await settled(6, 6)).toEqual({ restored: [], leftOver: [] });
    });

    test('keeps the last reason that was said of an instance', async () => {
      const one = await withInstances(2);
      await apply(
        one,
        200,
        move({ select: named(0, 1), to: 'DOWN', reason: 'it fell' }),
        move({ select: named(0), from: 'DOWN', to: 'LEFT_OVER', settledFrom: 1 }),
        move({ select: named(1), from: 'DOWN', to: 'LEFT_OVER', settledFrom: 2, reason: 'late' }),
      );
      expect((await store.transaction((tx) => tx.settled(one, 0, 2))).leftOver).toEqual([
        { instanceId: 'i-0', reason: 'it fell' },
        { instanceId: 'i-1', reason: 'late' },
      ]);
    });

    test('knows which of its UP ones are among others’ ids', async () => {
      const one = await withInstances(4);
      await apply(one, 200, move({ select: named(3, 1) }));
      const among = (ids: string[]) => store.transaction((tx) => tx.upAmong(one, ids));
      expect(await among(['i-3', 'i-0', 'stranger', 'i-1'])).toEqual([1, 3]);
      expect(await among([])).toEqual([]);
    });

    test('keeps the instances of two hand-overs apart', async () => {
      const one = await withInstances(2);
      const other = await withInstances(2, { executionId: one.executionId, handOver: 7 });
      await apply(one, 200, move({ select: { by: 'NEXT', count: 2 } }));
      expect((await standing(other)).map(({ status }) => status)).toEqual(['UNSEEN', 'UNSEEN']);
    });

    test('forgets what was not touched for long, instances first', async () => {
      const one = await withInstances(3);
      while (await store.purge(3_600_000, 10));
      expect(await store.get(one)).not.toBeNull();
      // An age below zero lies in the future: everything is older.
      while (await store.purge(-3_600_000, 2));
      expect(await store.get(one)).toBeNull();
      expect(await standing(one)).toEqual([]);
    });
  });
}
