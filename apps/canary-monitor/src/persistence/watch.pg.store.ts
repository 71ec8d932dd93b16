import type { ExpectedCanary } from '#core/canary/canary-findings.js';
import type { CanaryWatch, WatchKey } from '#core/canary/canary-watch.js';
import type { PgServiceDatabase, PgTx } from '#postgres/pg-service-database.js';
import { ServiceTxOver } from '#postgres/service-tx-over.js';
import { TransientDatabaseError, UniqueViolationError } from '#postgres/service-database.js';
import { SHARDS, shardOf } from '#postgres/shard-of.js';
import { valuesOf, WATCH_COLUMNS, watchOf, type WatchRow } from './watch.row.js';
import {
  idOf,
  WatchStore,
  type AskedWatch,
  type RunningWatch,
  type StoredWatch,
  type WatchTx,
} from './watch.store.js';

const COLUMNS = ['execution_id', 'hand_over', ...WATCH_COLUMNS];
const SELECT = `SELECT ${COLUMNS.join(', ')} FROM watches`;
const IS_KEY = 'execution_id = $1 AND hand_over = $2';

/** `$from`, `$from+1`, … for so many values. */
function places(count: number, from = 1): string[] {
  return Array.from({ length: count }, (_, at) => `$${String(from + at)}`);
}

const INSERT = `INSERT INTO watches (${[...COLUMNS, 'shard', 'asked'].join(', ')})
  VALUES (${places(COLUMNS.length + 2).join(', ')})`;
const SETTINGS = places(WATCH_COLUMNS.length, 3).map((place, at) => {
  return `${String(WATCH_COLUMNS[at])} = ${place}`;
});
const UPDATE = `UPDATE watches SET ${SETTINGS.join(', ')}, touched_at = now() WHERE ${IS_KEY}`;

function keyOf({ executionId, handOver }: WatchKey): unknown[] {
  return [executionId, handOver];
}

/** Watches in the canary monitor's schema on Postgres. */
export class PgWatchStore extends WatchStore {
  constructor(private readonly database: PgServiceDatabase) {
    super();
  }

  override transaction<T>(work: (tx: WatchTx) => Promise<T>): Promise<T> {
    return this.database.transaction((tx) => work(new PgWatchTx(tx)));
  }

  override async get(key: WatchKey): Promise<StoredWatch | null> {
    const [row] = await this.database.statement<WatchRow & { asked: AskedWatch }>(
      'watch.get',
      `SELECT ${COLUMNS.join(', ')}, asked FROM watches WHERE ${IS_KEY}`,
      keyOf(key),
    );
    return row === undefined ? null : { watch: watchOf(row), asked: row.asked };
  }

  override async page(key: WatchKey, page: number): Promise<ExpectedCanary[]> {
    const [row] = await this.database.statement<{ canaries: ExpectedCanary[] }>(
      'watch.page',
      `SELECT canaries FROM watch_pages WHERE ${IS_KEY} AND page = $3`,
      [...keyOf(key), page],
    );
    return row?.canaries ?? [];
  }

  override async runningIn(shards: readonly number[], limit: number): Promise<RunningWatch[]> {
    const rows = await this.database.statement<{
      shard: number;
      execution_id: string;
      hand_over: number;
    }>(
      'watch.running',
      `SELECT shard, execution_id, hand_over FROM watches
       WHERE state = 'RUNNING' AND shard = ANY ($1::smallint[])
       ORDER BY execution_id, hand_over LIMIT $2`,
      [shards, limit],
    );
    return rows.map(({ shard, execution_id: executionId, hand_over: handOver }) => {
      const key = { executionId, handOver };
      return { id: idOf(key), subject: executionId, shard, key };
    });
  }

  override async purge(olderThanMs: number, limit: number): Promise<number> {
    const rows = await this.database.statement(
      'watch.purge',
      `DELETE FROM watches WHERE (execution_id, hand_over) IN (
         SELECT execution_id, hand_over FROM watches
         WHERE touched_at < now() - $1 * interval '1 millisecond'
         ORDER BY touched_at LIMIT $2 FOR UPDATE SKIP LOCKED)
       RETURNING 1`,
      [olderThanMs, limit],
    );
    return rows.length;
  }
}

class PgWatchTx extends ServiceTxOver<PgTx> implements WatchTx {
  async lockAll(executionId: string): Promise<CanaryWatch[]> {
    const rows = await this.tx.query<WatchRow>(
      'watch.lock-all',
      `${SELECT} WHERE execution_id = $1 ORDER BY hand_over FOR NO KEY UPDATE`,
      [executionId],
    );
    return rows.map(watchOf);
  }

  async lock(key: WatchKey): Promise<CanaryWatch | null> {
    const [row] = await this.tx.query<WatchRow>(
      'watch.lock',
      `${SELECT} WHERE ${IS_KEY} FOR NO KEY UPDATE`,
      keyOf(key),
    );
    return row === undefined ? null : watchOf(row);
  }

  async insert({ watch, asked }: StoredWatch): Promise<void> {
    const shard = shardOf(watch.executionId, SHARDS);
    try {
      const values = [...valuesOf(watch), shard, JSON.stringify(asked)];
      await this.tx.query('watch.insert', INSERT, values);
    } catch (error) {
      if (!(error instanceof UniqueViolationError)) throw error;
      throw new TransientDatabaseError(`${idOf(watch)} was inserted twice`, { cause: error });
    }
  }

  async update(watch: CanaryWatch): Promise<void> {
    await this.tx.query('watch.update', UPDATE, valuesOf(watch));
  }

  async addPage(key: WatchKey, page: number, canaries: readonly ExpectedCanary[]): Promise<void> {
    await this.tx.query(
      'watch.add-page',
      `INSERT INTO watch_pages (execution_id, hand_over, page, canaries) VALUES ($1, $2, $3, $4)`,
      [...keyOf(key), page, JSON.stringify(canaries)],
    );
  }

  async supersedeOlder(executionId: string, handOver: number): Promise<void> {
    await this.tx.query(
      'watch.supersede',
      `UPDATE watches SET state = 'SUPERSEDED', touched_at = now()
       WHERE execution_id = $1 AND hand_over < $2 AND state IN ('GATHERING', 'RUNNING', 'EXPIRED')`,
      [executionId, handOver],
    );
  }
}
