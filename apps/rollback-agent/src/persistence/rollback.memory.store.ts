import type { RollbackKey, RollbackStatus } from '#core/rollback/rollback.js';
import type { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import { SHARDS, shardOf } from '#postgres/shard-of.js';
import {
  INSTANCES,
  instanceOf,
  isUnderWay,
  MemoryRollbackTx,
  ROLLBACKS,
  rowsOf,
  type MemoryInstanceRow,
  type MemoryRollbackRow,
} from './rollback-tx.memory.store.js';
import {
  idOf,
  RollbackStore,
  type RollbackInstance,
  type RollbackTx,
  type RunningRollback,
  type StoredRollback,
} from './rollback.store.js';

/** The twin of `PgRollbackStore`. */
export class MemoryRollbackStore extends RollbackStore {
  constructor(private readonly database: MemoryServiceDatabase) {
    super();
  }

  override transaction<T>(work: (tx: RollbackTx) => Promise<T>): Promise<T> {
    return this.database.transaction((tx) =>
      work(new MemoryRollbackTx(tx, this.database.store.nowMs)),
    );
  }

  override get(key: RollbackKey): Promise<StoredRollback | null> {
    return this.database.transaction(async (tx) => {
      const row = await tx.table<MemoryRollbackRow>(ROLLBACKS).get(idOf(key));
      return row === undefined ? null : { work: row.work, asked: row.asked };
    });
  }

  override activeIn(shards: readonly number[], limit: number): Promise<RunningRollback[]> {
    return this.database.transaction(async (tx) => {
      const rows = await tx.table<MemoryRollbackRow>(ROLLBACKS).scan(({ active, work }) => {
        return active && shards.includes(shardOf(work.executionId, SHARDS));
      });
      const found = rows.map(({ key: id, row: { work } }) => {
        const { executionId, handOver } = work;
        const shard = shardOf(executionId, SHARDS);
        return { id, subject: executionId, shard, key: { executionId, handOver } };
      });
      return found.sort((a, b) => byKey(a.key, b.key)).slice(0, limit);
    });
  }

  override next(
    key: RollbackKey,
    status: RollbackStatus,
    limit: number,
  ): Promise<RollbackInstance[]> {
    return this.database.transaction(async (tx) => {
      const rows = await rowsOf(tx, key, (row) => row.status === status);
      return rows.slice(0, limit).map(instanceOf);
    });
  }

  override underWay(key: RollbackKey): Promise<RollbackInstance[]> {
    return this.database.transaction(async (tx) => {
      return (await rowsOf(tx, key, isUnderWay)).map(instanceOf);
    });
  }

  override purge(olderThanMs: number, limit: number): Promise<boolean> {
    return this.database.transaction(async (tx) => {
      const before = this.database.store.nowMs() - olderThanMs;
      const rollbacks = tx.table<MemoryRollbackRow>(ROLLBACKS);
      const instances = tx.table<MemoryInstanceRow>(INSTANCES);
      const old = await rollbacks.scan((row) => row.touchedAtMs < before);
      const ids = new Set(old.map(({ key }) => key));
      const gone = (await instances.scan((row) => ids.has(row.of))).slice(0, limit);
      for (const { key } of gone) await instances.delete(key);
      if (gone.length === limit) return true;
      const over = old.slice(0, limit);
      for (const { key } of over) await rollbacks.delete(key);
      return over.length === limit;
    });
  }
}

function byKey(a: RollbackKey, b: RollbackKey): number {
  if (a.executionId !== b.executionId) return a.executionId < b.executionId ? -1 : 1;
  return a.handOver - b.handOver;
}
