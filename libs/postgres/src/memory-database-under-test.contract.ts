import { SteppedClock } from '#runtime/stepped-clock.js';
import { DatabaseClock } from './database-clock.js';
import type { DatabaseUnderTest, Thing } from './database-under-test.contract.js';
import {
  type MemoryDatabaseSettings,
  MemoryServiceDatabase,
  type MemoryTx,
} from './memory-service-database.js';
import { MemoryShardLeases } from './memory-shard-leases.js';

export const tables: NonNullable<MemoryDatabaseSettings['tables']> = {
  things: { unique: { things_claim: (row: Thing) => row.claim } },
};

/** Everything that is ready to go on has gone on, and stands still again. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** An empty twin on a clock of its own, which `eventually` moves on. */
export function twinUnderTest(): Promise<DatabaseUnderTest<MemoryTx>> {
  let nowMs = 1_800_000_000_000;
  const first = new MemoryServiceDatabase({ nowMs: () => nowMs, tables });
  const things = (tx: MemoryTx) => tx.table<Thing>('things');
  const replicaOf = (database: MemoryServiceDatabase) => {
    const clock = new DatabaseClock(() => nowMs - 1_700_000_000_000, new SteppedClock());
    const leases = new MemoryShardLeases(database, clock.monotonicMs, clock.heard);
    return { database, leases, clock };
  };
  return Promise.resolve({
    things: {
      put: (tx, key, thing) => things(tx).put(key, thing),
      putIf: async (tx, key, text, thing) => {
        const isSo = (row: Thing) => (row.text === text ? thing : undefined);
        return (await things(tx).update(key, isSo)) !== undefined;
      },
      insert: (tx, key, thing) => things(tx).insert(key, thing),
      read: (tx, key) => things(tx).get(key),
      remove: async (tx, key) => {
        await things(tx).delete(key);
      },
      lock: (tx, key, mode) => tx.lockRow('things', key, mode),
    },
    replica: (owner) => Promise.resolve(replicaOf(first.viewFor(owner))),
    faultyReplica: (owner) => {
      let fault: string | null = null;
      const database = first.viewFor(owner, (name) => {
        const isMet = fault === 'cut' || fault === name;
        if (isMet) fault = null;
        return isMet ? Promise.reject(new Error('connection lost')) : Promise.resolve();
      });
      return Promise.resolve({
        ...replicaOf(database),
        cut: () => {
          fault = 'cut';
        },
        loseCommitAnswer: () => {
          fault = 'committed';
        },
      });
    },
    nowMs: () => nowMs,
    // Time stands still but in `eventually`.
    patiently: () => Promise.resolve(),
    blocked: () => Promise.resolve(first.store.locks.waiting),
    eventually: async (condition, limitMs = 5_000) => {
      for (const endMs = nowMs + limitMs; nowMs <= endMs; nowMs += 20) {
        await settled();
        if (await condition()) return;
      }
      throw new Error(`not within ${String(limitMs)} ms`);
    },
    close: () => first.close(),
  });
}
