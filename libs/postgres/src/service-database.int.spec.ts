import { randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { createDataSource, type DataSourceSettings } from './data-source.js';
import { gate, type Thing } from './database-under-test.contract.js';
import { migrate } from './migrate.js';
import {
  eventually,
  operator,
  postgresUnderTest,
  schema,
  things,
  url,
  type PgUnderTest,
} from './pg-database-under-test.contract.js';
import type { PgServiceDatabase, PgTx } from './pg-service-database.js';
import { Plumbing1700000000000 } from './plumbing-migration.js';
import { serviceDatabaseContract } from './service-database.contract.js';
import { TransientDatabaseError } from './service-database.js';
import { servicePlumbingContract } from './service-plumbing.contract.js';
import { shardLeasesContract } from './shard-leases.contract.js';
import { transactionEndsContract } from './transaction-ends.contract.js';
import { transactionIsolationContract } from './transaction-isolation.contract.js';

/** Ends connections of this name as an administrator, or a failover, would. */
async function cut(applicationName: string): Promise<number> {
  const { rows } = await operator.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1`,
    [applicationName],
  );
  return rows.length;
}

describe('Postgres', () => {
  // Each in a suite of its own, or every test would open a database for each of them.
  describe.each([
    ['transactions', serviceDatabaseContract<PgTx>],
    ['their ends', transactionEndsContract<PgTx>],
    ['their isolation', transactionIsolationContract<PgTx>],
    ['the plumbing', servicePlumbingContract<PgTx>],
    ['the leases', shardLeasesContract<PgTx>],
  ])('%s', (_, contract) => {
    contract(postgresUnderTest);
  });

  async function withDatabase(
    work: (database: PgServiceDatabase, under: PgUnderTest) => Promise<void>,
    more: Partial<DataSourceSettings> = {},
  ): Promise<void> {
    const under = await postgresUnderTest(more);
    try {
      await work((await under.replica('one')).database, under);
    } finally {
      await under.close();
    }
  }

  const putAs = (database: PgServiceDatabase, key: string): Promise<void> =>
    database.transaction((tx) => things.put(tx, key, { text: key, claim: null }));
  const read = (database: PgServiceDatabase, key: string): Promise<Thing | undefined> =>
    database.transaction((tx) => things.read(tx, key));

  test.each(['40001', '40P01', '57014', '57P01', '55P03', '53300', '08006'])(
    'SQLSTATE %s is transient',
    (state) =>
      withDatabase(async (database) => {
        const raised = database.transaction(async (tx) => {
          await tx.query('', `DO $$ BEGIN RAISE 'x' USING ERRCODE = '${state}'; END $$`, []);
        });
        await expect(raised).rejects.toThrow(TransientDatabaseError);
      }),
  );

  test('a mistake in a statement is not transient, and the connection serves on', () =>
    withDatabase(
      async (database) => {
        const mistaken = database.transaction((tx) => tx.query('mistake', 'SELEC $1', [1]));
        await expect(mistaken).rejects.not.toThrow(TransientDatabaseError);
        await expect(mistaken).rejects.toThrow('syntax error');
        await putAs(database, 'a');
        // Refused while it was prepared: it must be prepared again, not taken for prepared.
        const missing = (): Promise<unknown[]> =>
          database.transaction((tx) => tx.query('late', 'SELECT $1::int FROM late', [1]));
        await expect(missing()).rejects.toThrow('does not exist');
        await database.statement('', 'CREATE TABLE late ()', []);
        expect(await missing()).toEqual([]);
      },
      { poolSize: 1 },
    ));

  test('a first statement that fails has begun nothing that outlives it', () =>
    withDatabase(
      async (database) => {
        await putAs(database, 'a');
        const failing = database.transaction(async (tx) => {
          void things.insert(tx, 'a', { text: 'again', claim: null }).catch(() => undefined);
          void things.put(tx, 'b', { text: 'alone', claim: null }).catch(() => undefined);
          await Promise.resolve();
        });
        await expect(failing).rejects.toThrow('things_pkey');
        expect(await read(database, 'b')).toBeUndefined();
        const open = await operator.query(
          `SELECT 1 FROM pg_stat_activity WHERE state LIKE 'idle in%' AND application_name = $1`,
          [schema],
        );
        expect(open.rowCount).toBe(0);
      },
      { poolSize: 1 },
    ));

  test('a server that is not there is transient and not reachable', async () => {
    await withDatabase(async (database) => {
      const { port } = new URL(url);
      const options = database.dataSource.options as { url: string };
      expect(await database.isReachable()).toBe(true);
      const nowhere = createDataSource({ url: url.replace(port, '1'), schema: 'nowhere' });
      await expect(nowhere.initialize()).rejects.toThrow('ECONNREFUSED');
      expect(options.url).toContain(port);
      await database.close();
      expect(await database.isReachable()).toBe(false);
    });
  });

  test('a pool with no connection left in time is transient', () =>
    withDatabase(
      async (database) => {
        await database.transaction(async (tx) => {
          await things.read(tx, 'a');
          const second = putAs(database, 'b');
          let refused: unknown;
          second.catch((error: unknown) => {
            refused = error;
          });
          // The first must stay busy, or its connection would fall for idling.
          await eventually(async () => {
            await things.read(tx, 'a');
            return refused !== undefined;
          });
          expect(refused).toBeInstanceOf(TransientDatabaseError);
        });
      },
      { poolSize: 1 },
    ));

  test('listening comes back by itself and tells of the gap', () =>
    withDatabase(async (database) => {
      const heard: string[][] = [];
      const stop = await database.listen((subjects) => heard.push(subjects));
      await eventually(async () => (await cut(`${schema} listening`)) === 1);
      await eventually(() => heard.length === 1);
      expect(heard).toEqual([[]]);
      await database.transaction((tx) => tx.tell(['x']));
      await eventually(() => heard.length === 2);
      expect(heard[1]).toEqual(['x']);
      await stop();
      await eventually(async () => (await cut(`${schema} listening`)) === 0);
    }));

  test('replicas that migrate at once: one does, the others find it done', async () => {
    const own = { schema: `t_${randomUUID().slice(0, 8)}` };
    const dataSource = createDataSource({ url, ...own, migrations: [Plumbing1700000000000] });
    const ran = await Promise.all([1, 2, 3].map(() => migrate(dataSource, own)));
    expect(ran.flat()).toEqual(['Plumbing1700000000000']);
    expect(await migrate(dataSource, own)).toEqual([]);
    await operator.query(`DROP SCHEMA ${own.schema} CASCADE`);
  });

  test("the schema stays the service's own, whatever options the URL brings", () =>
    withDatabase(
      async (database) => {
        const [row] = await database.statement<Record<string, string>>(
          '',
          `SELECT current_setting('search_path') AS path, current_setting('work_mem') AS work_mem,
            current_setting('idle_in_transaction_session_timeout') AS idle`,
          [],
        );
        expect(row).toEqual({ path: schema, work_mem: '5MB', idle: '1s' });
      },
      { url: `${url}?options=${encodeURIComponent('-c search_path=public -c work_mem=5MB')}` },
    ));

  test('what was dropped from the outbox is gone for every replica', () =>
    withDatabase(async (database, under) => {
      await database.transaction((tx) =>
        tx.point([{ shard: 1, subject: randomUUID(), position: 1 }]),
      );
      const rows = await database.takeOutbox([1], 1);
      await database.dropOutbox(rows.map(({ id }) => id));
      const other = await under.replica('two');
      expect(await other.database.takeOutbox([1], 1)).toEqual([]);
    }));

  test('what time it is: some moment between question and answer, by the server', () =>
    withDatabase(async (database) => {
      const byTheServer = async (): Promise<number> => {
        const ms = 'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms';
        const { rows } = await operator.query<{ ms: number }>(ms);
        return rows[0]!.ms;
      };
      const beforeMs = await byTheServer();
      const nowMs = await database.nowMs();
      expect(nowMs).toBeGreaterThan(beforeMs);
      expect(nowMs).toBeLessThan(await byTheServer());
    }));

  test('a transaction that says nothing costs nothing', () =>
    withDatabase(async (database) => {
      const held = gate();
      const work = database.transaction(() => held.opened);
      held.open();
      await work;
    }));
});
