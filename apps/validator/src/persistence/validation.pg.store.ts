import type { ExpectedInstance } from '#core/validation/instance-checks.js';
import type { Validation, ValidationKey } from '#core/validation/validation.js';
import type { PgServiceDatabase, PgTx } from '#postgres/pg-service-database.js';
import { ServiceTxOver } from '#postgres/service-tx-over.js';
import { TransientDatabaseError, UniqueViolationError } from '#postgres/service-database.js';
import { SHARDS, shardOf } from '#postgres/shard-of.js';
import { VALIDATION_COLUMNS, validationOf, type ValidationRow } from './validation.row.js';
import {
  idOf,
  ValidationStore,
  type AskedValidation,
  type RunningValidation,
  type StoredValidation,
  type ValidationTx,
} from './validation.store.js';

const SELECT = `SELECT ${VALIDATION_COLUMNS} FROM validations`;
const IS_KEY = 'execution_id = $1 AND hand_over = $2 AND kind = $3';

function keyOf({ executionId, handOver, kind }: ValidationKey): unknown[] {
  return [executionId, handOver, kind];
}

/** Validations in the validator's schema on Postgres. */
export class PgValidationStore extends ValidationStore {
  constructor(private readonly database: PgServiceDatabase) {
    super();
  }

  override transaction<T>(work: (tx: ValidationTx) => Promise<T>): Promise<T> {
    return this.database.transaction((tx) => work(new PgValidationTx(tx)));
  }

  override async get(key: ValidationKey): Promise<StoredValidation | null> {
    const [row] = await this.database.statement<ValidationRow & { asked: AskedValidation }>(
      'validation.get',
      `SELECT ${VALIDATION_COLUMNS}, asked FROM validations WHERE ${IS_KEY}`,
      keyOf(key),
    );
    return row === undefined ? null : { validation: validationOf(row), asked: row.asked };
  }

  override async page(key: ValidationKey, page: number): Promise<ExpectedInstance[]> {
    const [row] = await this.database.statement<{ instances: ExpectedInstance[] }>(
      'validation.page',
      `SELECT instances FROM validation_pages WHERE ${IS_KEY} AND page = $4`,
      [...keyOf(key), page],
    );
    return row?.instances ?? [];
  }

  override async runningIn(shards: readonly number[], limit: number): Promise<RunningValidation[]> {
    const rows = await this.database.statement<{
      shard: number;
      execution_id: string;
      hand_over: number;
      kind: Validation['kind'];
    }>(
      'validation.running',
      `SELECT shard, execution_id, hand_over, kind FROM validations
       WHERE state = 'RUNNING' AND shard = ANY ($1::smallint[])
       ORDER BY execution_id, hand_over, kind LIMIT $2`,
      [shards, limit],
    );
    return rows.map(({ shard, execution_id: executionId, hand_over: handOver, kind }) => {
      const key = { executionId, kind, handOver };
      return { id: idOf(key), subject: executionId, shard, key };
    });
  }

  override async purge(olderThanMs: number, limit: number): Promise<number> {
    const rows = await this.database.statement(
      'validation.purge',
      `DELETE FROM validations WHERE (execution_id, hand_over, kind) IN (
         SELECT execution_id, hand_over, kind FROM validations
         WHERE touched_at < now() - $1 * interval '1 millisecond'
         ORDER BY touched_at LIMIT $2 FOR UPDATE SKIP LOCKED)
       RETURNING 1`,
      [olderThanMs, limit],
    );
    return rows.length;
  }
}

class PgValidationTx extends ServiceTxOver<PgTx> implements ValidationTx {
  async lockAll(executionId: string): Promise<Validation[]> {
    const rows = await this.tx.query<ValidationRow>(
      'validation.lock-all',
      `${SELECT} WHERE execution_id = $1 ORDER BY hand_over, kind FOR NO KEY UPDATE`,
      [executionId],
    );
    return rows.map(validationOf);
  }

  async lock(key: ValidationKey): Promise<Validation | null> {
    const [row] = await this.tx.query<ValidationRow>(
      'validation.lock',
      `${SELECT} WHERE ${IS_KEY} FOR NO KEY UPDATE`,
      keyOf(key),
    );
    return row === undefined ? null : validationOf(row);
  }

  async insert({ validation, asked }: StoredValidation): Promise<void> {
    const { executionId } = validation;
    try {
      await this.tx.query(
        'validation.insert',
        `INSERT INTO validations (execution_id, hand_over, kind, state, command_id, pages,
           pages_stored, said, last_said_at, checks, ran_ms, shard, asked)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
        [...valuesOf(validation), shardOf(executionId, SHARDS), JSON.stringify(asked)],
      );
    } catch (error) {
      if (!(error instanceof UniqueViolationError)) throw error;
      throw new TransientDatabaseError(`${idOf(validation)} was inserted twice`, { cause: error });
    }
  }

  async update(validation: Validation): Promise<void> {
    await this.tx.query(
      'validation.update',
      `UPDATE validations SET state = $4, command_id = $5, pages = $6, pages_stored = $7, said = $8,
         last_said_at = $9, checks = $10, ran_ms = $11, touched_at = now()
       WHERE ${IS_KEY}`,
      valuesOf(validation),
    );
  }

  async putAsked(key: ValidationKey, asked: AskedValidation): Promise<void> {
    await this.tx.query(
      'validation.put-asked',
      `UPDATE validations SET asked = $4 WHERE ${IS_KEY}`,
      [...keyOf(key), JSON.stringify(asked)],
    );
  }

  async addPage(
    key: ValidationKey,
    page: number,
    instances: readonly ExpectedInstance[],
  ): Promise<void> {
    await this.tx.query(
      'validation.add-page',
      `INSERT INTO validation_pages (execution_id, hand_over, kind, page, instances)
       VALUES ($1, $2, $3, $4, $5)`,
      [...keyOf(key), page, JSON.stringify(instances)],
    );
  }

  async supersedeOlder(executionId: string, handOver: number): Promise<void> {
    await this.tx.query(
      'validation.supersede',
      `UPDATE validations SET state = 'SUPERSEDED', touched_at = now()
       WHERE execution_id = $1 AND hand_over < $2 AND state IN ('GATHERING', 'RUNNING')`,
      [executionId, handOver],
    );
  }
}

/** In the order of `VALIDATION_COLUMNS`. */
function valuesOf(validation: Validation): unknown[] {
  const { state, commandId, pages, pagesStored, said, lastSaidAtMs, checks, ranMs } = validation;
  const progress = [state, commandId, pages, pagesStored, said, lastSaidAtMs];
  return [...keyOf(validation), ...progress, JSON.stringify(checks), ranMs];
}
