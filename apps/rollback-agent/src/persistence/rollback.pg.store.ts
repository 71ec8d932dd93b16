import type { RollbackKey, RollbackStatus, RollbackWork } from '#core/rollback/rollback.js';
import type { PgServiceDatabase } from '#postgres/pg-service-database.js';
import { PgRollbackTx } from './rollback-tx.pg.store.js';
import { INSTANCE_COLUMNS, instanceOf, IS_KEY, keyOf, type InstanceRow } from './rollback.row.js';
import {
  idOf,
  RollbackStore,
  type AskedRollback,
  type RollbackInstance,
  type RollbackTx,
  type RunningRollback,
  type StoredRollback,
} from './rollback.store.js';

const OLD = `touched_at < now() - $1 * interval '1 millisecond'`;

const PURGE_INSTANCES = `
  DELETE FROM rollback_instances WHERE ctid = ANY (ARRAY(
    SELECT i.ctid FROM rollbacks r JOIN rollback_instances i USING (execution_id, hand_over)
    WHERE r.${OLD} LIMIT $2))
  RETURNING 1`;

const PURGE = `
  DELETE FROM rollbacks WHERE (execution_id, hand_over) IN (
    SELECT execution_id, hand_over FROM rollbacks WHERE ${OLD}
    ORDER BY touched_at LIMIT $2 FOR UPDATE SKIP LOCKED)
  RETURNING 1`;

/** Rollbacks in the agent's schema on Postgres. */
export class PgRollbackStore extends RollbackStore {
  constructor(private readonly database: PgServiceDatabase) {
    super();
  }

  override transaction<T>(work: (tx: RollbackTx) => Promise<T>): Promise<T> {
    return this.database.transaction((tx) => work(new PgRollbackTx(tx)));
  }

  override async get(key: RollbackKey): Promise<StoredRollback | null> {
    const [row] = await this.database.statement<{ work: RollbackWork; asked: AskedRollback }>(
      'rollback.get',
      `SELECT work, asked FROM rollbacks WHERE ${IS_KEY}`,
      keyOf(key),
    );
    return row ?? null;
  }

  override async activeIn(shards: readonly number[], limit: number): Promise<RunningRollback[]> {
    const rows = await this.database.statement<{
      shard: number;
      execution_id: string;
      hand_over: number;
    }>(
      'rollback.active',
      `SELECT shard, execution_id, hand_over FROM rollbacks
       WHERE active AND shard = ANY ($1::smallint[]) ORDER BY execution_id, hand_over LIMIT $2`,
      [shards, limit],
    );
    return rows.map(({ shard, execution_id: executionId, hand_over: handOver }) => {
      const key = { executionId, handOver };
      return { id: idOf(key), subject: executionId, shard, key };
    });
  }

  override async next(
    key: RollbackKey,
    status: RollbackStatus,
    limit: number,
  ): Promise<RollbackInstance[]> {
    const rows = await this.database.statement<InstanceRow>(
      'rollback.next',
      `SELECT ${INSTANCE_COLUMNS} FROM rollback_instances
       WHERE ${IS_KEY} AND status = $3 ORDER BY index LIMIT $4`,
      [...keyOf(key), status, limit],
    );
    return rows.map(instanceOf);
  }

  override async underWay(key: RollbackKey): Promise<RollbackInstance[]> {
    const rows = await this.database.statement<InstanceRow>(
      'rollback.under-way',
      `SELECT ${INSTANCE_COLUMNS} FROM rollback_instances
       WHERE ${IS_KEY} AND status IN ('DRAINING', 'UPGRADING', 'HEALTH_CHECKING') ORDER BY index`,
      keyOf(key),
    );
    return rows.map(instanceOf);
  }

  override async purge(olderThanMs: number, limit: number): Promise<boolean> {
    const values = [olderThanMs, limit];
    const instances = await this.database.statement(
      'rollback.purge-instances',
      PURGE_INSTANCES,
      values,
    );
    if (instances.length === limit) return true;
    const rollbacks = await this.database.statement('rollback.purge', PURGE, values);
    return rollbacks.length === limit;
  }
}
