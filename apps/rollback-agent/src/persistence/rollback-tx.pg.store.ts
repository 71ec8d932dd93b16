import { STEPS } from '#core/execution/execution.js';
import type {
  RollbackKey,
  RollbackMove,
  RollbackWork,
  SettledInstances,
} from '#core/rollback/rollback.js';
import type { PgTx } from '#postgres/pg-service-database.js';
import { ServiceTxOver } from '#postgres/service-tx-over.js';
import { TransientDatabaseError, UniqueViolationError } from '#postgres/service-database.js';
import { SHARDS, shardOf } from '#postgres/shard-of.js';
import { INSTANCE_COLUMNS, instanceOf, IS_KEY, keyOf, type InstanceRow } from './rollback.row.js';
import {
  idOf,
  StaleRollbackError,
  type NewRollbackInstance,
  type RollbackInstance,
  type RollbackTx,
  type StoredRollback,
} from './rollback.store.js';

// One table and nothing to join: where a batch is joined to a table that nobody has analysed yet,
// the planner takes the table for one row and compares every row with every one of the batch.
// width_bucket is the place of an index among the sorted ones, by binary search. IS TRUE keeps the
// guard from being looked up by: the primary key leads to the rows, and to no others.
const MOVE = `
  UPDATE rollback_instances SET
    status = $4, attempt = attempt + $5, since = $6,
    settled_no = $7::int + width_bucket(index, $8::int[]) - 1,
    reason = coalesce(($9::text[])[width_bucket(index, $8::int[])], reason)
  WHERE ${IS_KEY} AND index = ANY ($8::int[]) AND (status = $3) IS TRUE
  RETURNING ${INSTANCE_COLUMNS}`;

const NEXT = `
  SELECT index FROM rollback_instances WHERE ${IS_KEY} AND status = $3 ORDER BY index LIMIT $4`;

/** One transaction on the rollback agent's tables. */
export class PgRollbackTx extends ServiceTxOver<PgTx> implements RollbackTx {
  async lockAll(executionId: string): Promise<RollbackWork[]> {
    const rows = await this.tx.query<{ work: RollbackWork }>(
      'rollback.lock-all',
      `SELECT work FROM rollbacks WHERE execution_id = $1 ORDER BY hand_over FOR NO KEY UPDATE`,
      [executionId],
    );
    return rows.map(({ work }) => work);
  }

  async lock(key: RollbackKey): Promise<RollbackWork | null> {
    const [row] = await this.tx.query<{ work: RollbackWork }>(
      'rollback.lock',
      `SELECT work FROM rollbacks WHERE ${IS_KEY} FOR NO KEY UPDATE`,
      keyOf(key),
    );
    return row?.work ?? null;
  }

  async insert({ work, asked }: StoredRollback): Promise<void> {
    const shard = shardOf(work.executionId, SHARDS);
    const values = [shard, JSON.stringify(work), JSON.stringify(asked)];
    try {
      await this.tx.query(
        'rollback.insert',
        `INSERT INTO rollbacks (execution_id, hand_over, shard, active, work, asked)
         VALUES ($1, $2, $3, false, $4, $5)`,
        [...keyOf(work), ...values],
      );
    } catch (error) {
      if (!(error instanceof UniqueViolationError)) throw error;
      throw new TransientDatabaseError(`${idOf(work)} was inserted twice`, { cause: error });
    }
  }

  async update(work: RollbackWork, active: boolean): Promise<void> {
    await this.tx.query(
      'rollback.update',
      `UPDATE rollbacks SET active = $3, work = $4, touched_at = now() WHERE ${IS_KEY}`,
      [...keyOf(work), active, JSON.stringify(work)],
    );
  }

  async addInstances(
    key: RollbackKey,
    instances: readonly NewRollbackInstance[],
    nowMs: number,
  ): Promise<void> {
    if (instances.length === 0) return;
    await this.tx.query(
      'rollback.add-instances',
      `INSERT INTO rollback_instances
         (execution_id, hand_over, status, since, index, instance_id, version)
       SELECT $1, $2, 'UNSEEN', $3, index, instance_id, version
       FROM unnest($4::int[], $5::text[], $6::text[]) AS n(index, instance_id, version)`,
      [
        ...keyOf(key),
        nowMs,
        instances.map(({ index }) => index),
        instances.map(({ instanceId }) => instanceId),
        instances.map(({ version }) => version),
      ],
    );
  }

  async standing(key: RollbackKey, indices: readonly number[]): Promise<RollbackInstance[]> {
    const rows = await this.tx.query<InstanceRow>(
      'rollback.standing',
      `SELECT ${INSTANCE_COLUMNS} FROM rollback_instances
       WHERE ${IS_KEY} AND index = ANY ($3::int[]) ORDER BY index`,
      [...keyOf(key), indices],
    );
    return rows.map(instanceOf);
  }

  async upAmong(key: RollbackKey, instanceIds: readonly string[]): Promise<number[]> {
    if (instanceIds.length === 0) return [];
    const rows = await this.tx.query<{ index: number }>(
      'rollback.up-among',
      `SELECT index FROM rollback_instances
       WHERE ${IS_KEY} AND status = 'UP' AND instance_id = ANY ($3::text[]) ORDER BY index`,
      [...keyOf(key), instanceIds],
    );
    return rows.map(({ index }) => index);
  }

  async apply(
    key: RollbackKey,
    moves: readonly RollbackMove[],
    nowMs: number,
  ): Promise<RollbackInstance[]> {
    const moved: RollbackInstance[][] = [];
    // One after the other: each sees what the ones before have left.
    for (const move of moves) moved.push(await this.move(key, move, nowMs));
    const last = new Map(moved.flat().map((instance) => [instance.index, instance]));
    return [...last.values()]
      .filter(({ status }) => (STEPS as readonly string[]).includes(status))
      .sort((a, b) => a.index - b.index);
  }

  async settled(key: RollbackKey, after: number, upTo: number): Promise<SettledInstances> {
    if (after >= upTo) return { restored: [], leftOver: [] };
    const rows = await this.tx.query<{
      index: number;
      instance_id: string;
      reason: string | null;
      restored: boolean;
    }>(
      'rollback.settled',
      `SELECT index, instance_id, reason, status = 'RESTORED' AS restored FROM rollback_instances
       WHERE ${IS_KEY} AND settled_no > $3 AND settled_no <= $4 ORDER BY settled_no`,
      [...keyOf(key), after, upTo],
    );
    return {
      restored: rows.filter(({ restored }) => restored).map(({ index }) => index),
      leftOver: rows
        .filter(({ restored }) => !restored)
        .map(({ instance_id: instanceId, reason }) => ({ instanceId, reason: reason ?? '' })),
    };
  }

  private async move(
    key: RollbackKey,
    { select, from, to, begins, reason, settledFrom }: RollbackMove,
    nowMs: number,
  ): Promise<RollbackInstance[]> {
    const named = select.by === 'NEXT' ? await this.next(key, from, select.count) : select.indices;
    const reasonOf = (at: number): string | null => {
      return (typeof reason === 'string' ? reason : reason?.[at]) ?? null;
    };
    const sorted = named
      .map((index, at) => ({ index, reason: reasonOf(at) }))
      .sort((a, b) => a.index - b.index);
    const indices = sorted.map(({ index }) => index);
    const reasons = reason === null ? null : sorted.map((one) => one.reason);
    const attempts = begins ? 1 : 0;
    const rows = await this.tx.query<InstanceRow>('rollback.move', MOVE, [
      ...keyOf(key),
      ...[from, to, attempts, nowMs, settledFrom, indices, reasons],
    ]);
    const expected = select.by === 'NEXT' ? select.count : select.indices.length;
    if (rows.length !== expected) {
      throw new StaleRollbackError(
        `${String(rows.length)} of ${String(expected)} instances stood in ${from}`,
      );
    }
    return rows.map(instanceOf);
  }

  private async next(key: RollbackKey, from: string, count: number): Promise<number[]> {
    const values = [...keyOf(key), from, count];
    const rows = await this.tx.query<{ index: number }>('rollback.next-indices', NEXT, values);
    return rows.map(({ index }) => index);
  }
}
