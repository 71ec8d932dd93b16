import { setTimeout as pause } from 'node:timers/promises';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { SystemClock } from '#runtime/clock.js';
import { createDataSource, type DataSourceSettings } from './data-source.js';
import { DatabaseClock } from './database-clock.js';
import type { DatabaseUnderTest, Replica, Thing } from './database-under-test.contract.js';
import { EmptiedSchema } from './emptied-schema.contract.js';
import { FaultyLine } from './faulty-line.js';
import { PgServiceDatabase, type PgTx } from './pg-service-database.js';
import { PgShardLeases } from './pg-shard-leases.js';
import { Plumbing1700000000000 } from './plumbing-migration.js';

export const url = process.env['DATABASE_URL'] ?? '';

class Things1700000000001 implements MigrationInterface {
  readonly name = 'Things1700000000001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE things (key text PRIMARY KEY, text text, claim text)`);
    await runner.query(`CREATE UNIQUE INDEX things_claim ON things (claim)`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations only go forward'));
  }
}

export const things: DatabaseUnderTest<PgTx>['things'] = {
  put: async (tx, key, { text, claim }) => {
    await tx.query(
      'things.put',
      `INSERT INTO things VALUES ($1, $2, $3)
       ON CONFLICT (key) DO UPDATE SET text = excluded.text, claim = excluded.claim`,
      [key, text, claim],
    );
  },
  putIf: async (tx, key, was, { text, claim }) => {
    const update =
      'UPDATE things SET text = $3, claim = $4 WHERE key = $1 AND text = $2 RETURNING 1';
    return (await tx.query('things.put-if', update, [key, was, text, claim])).length === 1;
  },
  insert: async (tx, key, { text, claim }) => {
    await tx.query('', `INSERT INTO things VALUES ($1, $2, $3)`, [key, text, claim]);
  },
  read: async (tx, key) => {
    const read = `SELECT text, claim FROM things WHERE key = $1`;
    return (await tx.query<Thing>('things.read', read, [key]))[0];
  },
  remove: async (tx, key) => {
    await tx.query('', `DELETE FROM things WHERE key = $1`, [key]);
  },
  lock: async (tx, key, mode) => {
    const skip = mode === 'skip' ? 'SKIP LOCKED' : '';
    const lock = `SELECT 1 FROM things WHERE key = $1 FOR UPDATE ${skip}`;
    return (await tx.query(`things.lock.${mode}`, lock, [key])).length === 1;
  },
};

const tested = new EmptiedSchema([Plumbing1700000000000, Things1700000000001]);
export const { operator, name: schema } = tested;

export interface PgUnderTest extends DatabaseUnderTest<PgTx> {
  replica(owner: string): Promise<Replica<PgTx> & { database: PgServiceDatabase }>;
}

/** Empty, and nobody but the replicas that are asked for is connected to it. */
export async function postgresUnderTest(
  more: Partial<DataSourceSettings> = {},
): Promise<PgUnderTest> {
  await tested.disconnectAll();
  await tested.empty();
  const { settings } = tested;
  const open: PgServiceDatabase[] = [];
  const lines: FaultyLine[] = [];
  const replica = async (owner: string, through = settings.url) => {
    const asked = { ...settings, poolSize: 4, ...more, ...(through !== url && { url: through }) };
    const database = new PgServiceDatabase(await createDataSource(asked).initialize(), owner);
    open.push(database);
    // Where monotonic time begins is each process's own affair.
    const beganMs = open.length * 1_000_000;
    const clock = new DatabaseClock(() => performance.now() - beganMs, new SystemClock());
    const leases = new PgShardLeases(database, clock.monotonicMs, clock.heard);
    return { database, clock, leases };
  };
  return {
    things,
    replica: (owner) => replica(owner),
    faultyReplica: async (owner) => {
      const line = await FaultyLine.before(url);
      lines.push(line);
      return {
        ...(await replica(owner, line.url)),
        cut: () => {
          line.cut();
        },
        loseCommitAnswer: () => {
          line.loseCommitAnswers(1);
        },
      };
    },
    nowMs: () => performance.now(),
    patiently: async (tx) => {
      const limits = ['idle_in_transaction_session_timeout', 'lock_timeout', 'transaction_timeout'];
      const set = 'SELECT set_config(name, $2, true) FROM unnest($1::text[]) AS name';
      await tx.query('', set, [limits, '0']);
    },
    blocked: async () => {
      const { rowCount } = await operator.query(
        `SELECT 1 FROM pg_locks JOIN pg_stat_activity USING (pid)
         WHERE application_name = $1 AND NOT granted`,
        [schema],
      );
      return rowCount ?? 0;
    },
    eventually,
    close: async () => {
      await Promise.all(open.map((database) => database.close()));
      await Promise.all(lines.map((line) => line.close()));
    },
  };
}

export async function eventually(
  condition: () => boolean | Promise<boolean>,
  limitMs = 5_000,
): Promise<void> {
  for (const endMs = performance.now() + limitMs; performance.now() < endMs;) {
    if (await condition()) return;
    await pause(10);
  }
  throw new Error(`not within ${String(limitMs)} ms`);
}
