import type { PoolClient } from 'pg';
import type { DataSource, QueryRunner } from 'typeorm';
import { prepareOpening } from './opening-query.js';
import { translated, translatedCommit } from './pg-errors.js';
import { PgServiceTx, type PgTx } from './pg-tx.js';
import { CONNECT_TIMEOUT_MS, REACHABLE_TIMEOUT_MS } from './postgres-limits.js';
import { type OutboxRow, ServiceDatabase, type Timer } from './service-database.js';
import { ToldListener } from './told-listener.js';

export type { PgTx } from './pg-tx.js';

const TAKE_OUTBOX = `
  SELECT id, shard, topic, message_key, headers, value, subject, position
  FROM outbox WHERE shard = ANY ($1::smallint[]) ORDER BY id LIMIT $2`;

// The one commit that need not be on disk before it is answered: a row that comes back after a
// crash of the server is sent a second time, which receivers absorb. It saves the relay an fsync.
const DROP_OUTBOX = `
  WITH relaxed AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true) AS setting)
  DELETE FROM outbox USING relaxed WHERE id = ANY ($1::bigint[]) AND relaxed.setting = 'off'`;

const DUE_TIMERS = `
  SELECT shard, subject, kind, round(extract(epoch FROM at) * 1000)::float8 AS at_ms
  FROM due_work WHERE shard = ANY ($1::smallint[]) AND at <= to_timestamp($2::float8 / 1000)
  ORDER BY at, subject, kind LIMIT $3`;

const PURGE_INBOX = `
  DELETE FROM inbox WHERE key IN (
    SELECT key FROM inbox WHERE seen_at < now() - $1 * interval '1 millisecond'
    ORDER BY seen_at LIMIT $2 FOR UPDATE SKIP LOCKED)
  RETURNING 1`;

const NOW = 'SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS now_ms';

// Not truncated: that would take a lock which every writer meets, to win back a few pages.
const RECLAIM = 'VACUUM (SKIP_LOCKED, TRUNCATE false) outbox, due_work';

interface OutboxColumns {
  id: string;
  shard: number;
  topic: string | null;
  message_key: string;
  headers: Record<string, string> | null;
  value: string;
  subject: string;
  position: string;
}

/** One replica's view of its service's schema on Postgres. */
export class PgServiceDatabase extends ServiceDatabase<PgTx> {
  private readonly listeners = new Set<ToldListener>();
  private readonly channel: string;

  /**
   * @param dataSource from `createDataSource`, initialized; closed by `close`.
   * @param owner names this replica in its leases. New at every start of a process: a restarted one
   * must not pass for the one before it.
   */
  constructor(
    readonly dataSource: DataSource,
    readonly owner: string,
  ) {
    super();
    const { schema } = dataSource.options as { schema?: string };
    if (schema === undefined) throw new Error('a service database needs a schema of its own');
    // Channels are the whole database's: the schema keeps services apart.
    this.channel = `${schema}_told`;
  }

  override async transaction<T>(work: (tx: PgTx) => Promise<T>): Promise<T> {
    const runner = this.dataSource.createQueryRunner();
    const client = await this.connect(runner, prepareOpening);
    const tx = new PgServiceTx(client, { owner: this.owner, channel: this.channel });
    try {
      const result = await work(tx);
      await tx.commit();
      return result;
    } catch (error) {
      await tx.rollback();
      throw error;
    } finally {
      await runner.release();
    }
  }

  override async takeOutbox(shards: readonly number[], limit: number): Promise<OutboxRow[]> {
    if (shards.length === 0) return [];
    const rows = await this.statement<OutboxColumns>('plumbing.take', TAKE_OUTBOX, [shards, limit]);
    return rows.map(outboxRow);
  }

  override async dropOutbox(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.statement('plumbing.drop', DROP_OUTBOX, [ids]);
  }

  override async dueTimers(
    shards: readonly number[],
    nowMs: number,
    limit: number,
  ): Promise<Timer[]> {
    if (shards.length === 0) return [];
    const rows = await this.statement<{
      shard: number;
      subject: string;
      kind: string;
      at_ms: number;
    }>('plumbing.due', DUE_TIMERS, [shards, nowMs, limit]);
    return rows.map(({ at_ms: atMs, ...timer }) => ({ ...timer, atMs }));
  }

  override async purgeInbox(olderThanMs: number, limit: number): Promise<number> {
    const rows = await this.statement('plumbing.purge', PURGE_INBOX, [olderThanMs, limit]);
    return rows.length;
  }

  override async reclaim(): Promise<void> {
    await this.statement('', RECLAIM, []);
  }

  override async listen(onTold: (subjects: string[]) => void): Promise<() => Promise<void>> {
    const { url, applicationName } = this.dataSource.options as {
      url: string;
      applicationName: string;
    };
    const listener = new ToldListener(
      {
        connectionString: url,
        application_name: `${applicationName} listening`,
        connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      },
      this.channel,
      onTold,
    );
    this.listeners.add(listener);
    await listener.start();
    return async () => {
      this.listeners.delete(listener);
      await listener.stop();
    };
  }

  override async nowMs(): Promise<number> {
    const [row] = await this.statement<{ now_ms: number }>('plumbing.now', NOW, []);
    if (!row) throw new Error('the time is exactly one row');
    return row.now_ms;
  }

  override async isReachable(): Promise<boolean> {
    const late = new Promise<false>((resolve) => {
      setTimeout(resolve, REACHABLE_TIMEOUT_MS, false).unref();
    });
    const answer = this.statement('', 'SELECT 1', []).then(
      () => true,
      () => false,
    );
    return Promise.race([answer, late]);
  }

  override async close(): Promise<void> {
    await Promise.all([...this.listeners].map((listener) => listener.stop()));
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
  }

  /** One statement that commits by itself, in one round trip. `name` as in `PgTx.query`. */
  async statement<Row>(name: string, text: string, values: unknown[]): Promise<Row[]> {
    const runner = this.dataSource.createQueryRunner();
    const client = await this.connect(runner);
    try {
      const result = await client.query({ text, values, ...(name !== '' && { name }) });
      return result.rows as Row[];
    } catch (error) {
      throw translatedCommit(error);
    } finally {
      await runner.release();
    }
  }

  private async connect(
    runner: QueryRunner,
    ready: (client: PoolClient) => Promise<void> = () => Promise.resolve(),
  ): Promise<PoolClient> {
    try {
      const client = (await runner.connect()) as PoolClient;
      await ready(client);
      return client;
    } catch (error) {
      await runner.release();
      throw translated(error);
    }
  }
}

function outboxRow(row: OutboxColumns): OutboxRow {
  const { id, shard, topic, message_key: key, headers, value, subject, position } = row;
  if (topic === null) {
    return { id, shard, message: null, pointer: { shard, subject, position: Number(position) } };
  }
  const message = { shard, topic, key, value, ...(headers !== null && { headers }) };
  return { id, shard, message, pointer: null };
}
