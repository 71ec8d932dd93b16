import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { TransientDatabaseError } from '#postgres/service-database.js';
import { SHARDS, shardOf } from '#postgres/shard-of.js';
import type { Validation } from '#core/validation/validation.js';
import type { AskedValidation, StoredValidation, ValidationStore } from './validation.store.js';

/** A store as the contract sees it. */
export interface StoreUnderTest {
  readonly store: ValidationStore;
  close(): Promise<void>;
}

const asked: AskedValidation = {
  target: { driver: 'simulated', settings: { fleet: 'f', version: '1.0.0' } },
  question: {
    compatibility: {
      valid: true,
      upgradeType: 'MINOR',
      riskLevel: 'LOW',
      requiresDowntime: false,
      blockers: [],
      warnings: ['deprecated'],
    },
    strategy: 'ROLLING',
    stateless: false,
    maxUnavailablePercentage: 25,
    expectedInstances: null,
    requires: { kafka: '>=3.5' },
    installedComponents: { kafka: '3.6' },
    smokeTests: [],
    pages: 2,
    targetVersion: '1.1.0',
    takesAll: true,
    skipChecks: [],
  },
};

function validation(but: Partial<Validation> = {}): Validation {
  return {
    executionId: randomUUID(),
    kind: 'PRE',
    handOver: 1,
    commandId: 'c1',
    pages: 2,
    pagesStored: [1],
    state: 'RUNNING',
    checks: [
      {
        check: 'HEALTH_ENDPOINTS',
        outcome: 'FAILED',
        summary: 'ünwell',
        evidence: { first: [{ id: 'a', problem: '"quoted"' }], listed: 3 },
        durationMs: 12,
      },
    ],
    said: 3,
    lastSaidAtMs: 1_700_000_000_123,
    ranMs: 4_321,
    ...but,
  };
}

/** What every store does, the real one and its twin. */
export function validationStoreContract(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`${name} as a store of validations`, () => {
    let under: StoreUnderTest;
    let store: ValidationStore;

    beforeAll(async () => {
      under = await open();
      store = under.store;
    });

    afterAll(() => under.close());

    async function insert(...all: Validation[]): Promise<void> {
      await store.transaction(async (tx) => {
        for (const one of all) await tx.insert({ validation: one, asked });
      });
    }

    test('replaces what was asked, of one and of no other', async () => {
      const one = validation();
      const other = { ...one, handOver: 2 };
      await insert(one, other);
      const smokeTest = { method: 'GET', path: '/', expectedStatus: 409, body: { a: [null] } };
      const smokeTests = [{ ...smokeTest, timeoutSeconds: 2.5 }];
      const more = { ...asked, question: { ...asked.question, smokeTests } };
      await store.transaction((tx) => tx.putAsked(one, more));
      expect((await store.get(one))?.asked).toEqual(more);
      expect((await store.get(other))?.asked).toEqual(asked);
    });

    test('gives back what it was given, with what was asked', async () => {
      const one = validation();
      await insert(one);
      const stored: StoredValidation = { validation: one, asked };
      expect(await store.get(one)).toEqual(stored);
      expect(await store.get({ ...one, kind: 'POST' })).toBeNull();
      expect(await store.transaction((tx) => tx.lock(one))).toEqual(one);
      expect(await store.transaction((tx) => tx.lock({ ...one, handOver: 2 }))).toBeNull();
    });

    test('keeps nothing of a transaction that failed', async () => {
      const one = validation();
      const failing = store.transaction(async (tx) => {
        await tx.insert({ validation: one, asked });
        throw new Error('no');
      });
      await expect(failing).rejects.toThrow('no');
      expect(await store.get(one)).toBeNull();
    });

    test('updates one and no other', async () => {
      const one = validation();
      const other = { ...one, kind: 'POST' as const };
      await insert(one, other);
      const next: Validation = {
        ...{ ...one, state: 'ENDED', commandId: 'c2', pagesStored: [1, 2], checks: [], said: 4 },
        lastSaidAtMs: 5,
      };
      await store.transaction(async (tx) => {
        await tx.lock(one);
        await tx.update(next);
      });
      expect((await store.get(one))?.validation).toEqual(next);
      expect((await store.get(other))?.validation).toEqual(other);
    });

    test('says of a key that is inserted twice that it may be tried again', async () => {
      const one = validation();
      await insert(one);
      await expect(insert(one)).rejects.toBeInstanceOf(TransientDatabaseError);
    });

    test('locks all of an execution by hand-over, and none of another', async () => {
      const first = validation();
      const second = { ...first, handOver: 2 };
      const third = { ...first, handOver: 2, kind: 'POST' as const };
      await insert(second, first, third, validation());
      const locked = await store.transaction((tx) => tx.lockAll(first.executionId));
      expect(locked.map(({ handOver, kind }) => [handOver, kind])).toEqual([
        [1, 'PRE'],
        [2, 'POST'],
        [2, 'PRE'],
      ]);
    });

    test('makes the second who locks wait for the first', async () => {
      const one = validation();
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
      const one = validation();
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
      const running = validation({ handOver: 1 });
      const key = { executionId: running.executionId };
      const ended = validation({ ...key, handOver: 1, kind: 'POST', state: 'ENDED' });
      const gathering = validation({ ...key, handOver: 2, state: 'GATHERING' });
      const newest = validation({ ...key, handOver: 3 });
      const stranger = validation({ handOver: 1 });
      await insert(running, ended, gathering, newest, stranger);
      await store.transaction((tx) => tx.supersedeOlder(key.executionId, 3));
      const states = [];
      for (const one of [running, ended, gathering, newest, stranger]) {
        states.push((await store.get(one))?.validation.state);
      }
      expect(states).toEqual(['SUPERSEDED', 'ENDED', 'SUPERSEDED', 'RUNNING', 'RUNNING']);
    });

    test('finds running ones in the shards asked for', async () => {
      const running = validation();
      const ended = validation({ executionId: running.executionId, handOver: 2, state: 'ENDED' });
      await insert(running, ended);
      const { executionId, kind, handOver } = running;
      const shard = shardOf(executionId, SHARDS);
      const found = await store.runningIn([shard], 10_000);
      expect(found.filter(({ subject }) => subject === executionId)).toEqual([
        {
          id: `${executionId}/PRE/1`,
          subject: executionId,
          shard,
          key: { executionId, kind, handOver },
        },
      ]);
      expect(await store.runningIn([(shard + 1) % SHARDS], 10_000)).not.toContainEqual(
        expect.objectContaining({ subject: executionId }),
      );
      expect(await store.runningIn([shard], 0)).toEqual([]);
    });

    test('forgets what was not touched for long, with its pages', async () => {
      const one = validation();
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
