import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { createDataSource } from '#postgres/data-source.js';
import { migrate } from '#postgres/migrate.js';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { PostgresFleetStore } from '#targets/postgres-fleet.store.js';
import { SimulatedTargets } from '#targets/simulated-targets.js';
import { examine } from './examination.js';
import type { Diagnosis } from './finding.js';
import { repair, RepairRefusedError } from './repairs.js';
import { SCHEMAS } from './schemas.js';
import { SERVICE_NAMES, type ServiceName } from './seen.js';

const SERVER = process.env['DATABASE_URL'] ?? '';
/** Nothing listens there. */
const NO_BROKERS = ['127.0.0.1:1'];
const LIMIT_MS = 60_000;
const FOREIGN = [{ kind: 'RAISE_EPOCHS', above: 0 }] as const;

/** Statements of an administrator, one after the other. */
async function administer(url: string, ...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
}

describe('the doctor at a database', () => {
  const name = `doctor_${randomUUID().replaceAll('-', '')}`;
  const own = new URL(SERVER);
  own.pathname = `/${name}`;
  const databaseUrl = own.href;

  beforeAll(() => administer(SERVER, `CREATE DATABASE ${name}`));
  afterAll(() => administer(SERVER, `DROP DATABASE ${name} WITH (FORCE)`));

  const look = (tenant: string | null = null): Promise<Diagnosis> =>
    examine({ databaseUrl, brokers: NO_BROKERS, tenant });
  const migrated = async (service: ServiceName): Promise<void> => {
    const { schema, migrations } = SCHEMAS[service];
    await migrate(createDataSource({ url: databaseUrl, schema, migrations: [...migrations] }), {
      schema,
    });
  };
  const deploy = async (tenant: string, target: string | null): Promise<void> => {
    const component = randomUUID();
    await administer(
      databaseUrl,
      `INSERT INTO orchestrator.components
         (id, name, display_name, kind, stateless, created_at, updated_at)
       VALUES ('${component}', '${tenant}', 'Greeter', 'SERVICE', true, now(), now())`,
      `INSERT INTO orchestrator.deployments (tenant_id, component_id, target)
       VALUES ('${tenant}', '${component}', ${target === null ? 'NULL' : `'${target}'`})`,
    );
  };
  const mended = async (): Promise<string[]> => {
    const done: string[] = [];
    await repair(databaseUrl, FOREIGN, (line) => done.push(line));
    return done;
  };

  it(
    'without a schema, with an older one, with all of them: in sentences, never in SQL',
    async () => {
      const { findings } = await look();
      expect(findings.map(({ code }) => code)).toEqual(Array(4).fill('SCHEMA_MISSING'));
      await expect(mended()).rejects.toThrow(RepairRefusedError);
      await expect(mended()).rejects.toThrow('orchestrator: it has no schema in this database');

      for (const service of SERVICE_NAMES) await migrated(service);
      await administer(databaseUrl, 'DROP SCHEMA validator CASCADE');
      await expect(mended()).rejects.toThrow('validator: it has no schema in this database');

      // Of the tables of an older release nothing is known.
      await administer(
        databaseUrl,
        'CREATE SCHEMA validator',
        'CREATE TABLE validator.migrations (name text)',
      );
      const older = await look();
      expect(older.findings.map(({ code }) => code)).toContain('MIGRATION_MISSING');
      expect(older.notLookedAt).toContainEqual(expect.stringContaining('validator: its schema is'));
      await expect(mended()).rejects.toThrow('validator: its schema is older than this code');

      await administer(databaseUrl, 'DROP SCHEMA validator CASCADE');
      await migrated('validator');
      expect(await mended()).toEqual([expect.stringContaining('epochs of all shards raised')]);
    },
    LIMIT_MS,
  );

  it(
    'the fence of a simulated fleet\u2019s sets counts, also where no instance has seen one so high',
    async () => {
      const pool = new pg.Pool({ connectionString: databaseUrl });
      const clock = new SteppedClock();
      const settings = { fleet: 'doctor/sets', version: '1.0.0', instances: 2 };
      const driver = new SimulatedTargets(new PostgresFleetStore(pool), clock).open(settings);
      const create = { id: 'c', verb: 'createSet', set: 'new', size: 1 } as const;
      await driver.submitSet(create, { handOver: 7, epoch: 3 });
      await driver.submitSet({ id: 'r', verb: 'retireSet', set: 'new' }, { handOver: 7, epoch: 3 });
      await pool.query('UPDATE simulated.instances SET fence = NULL');
      await pool.end();
      const target = JSON.stringify({ driver: 'simulated', settings });
      await deploy('sets', target);
      const { findings } = await look('sets');
      expect(findings.map(({ code }) => code)).toEqual(['FENCE_AHEAD']);
      expect(findings[0]?.is).toContain('hand-over 7');
    },
    LIMIT_MS,
  );

  it(
    'a tenant is known by what stands of it, and only that is looked at',
    async () => {
      await deploy('acme', null);
      await Promise.all([
        expect(look('acne')).rejects.toThrow('no tenant "acne" is known'),
        expect(look('acme')).resolves.toMatchObject({
          lookedAt: { tenant: 'acme', deployments: 1, executions: 0 },
          findings: [],
        }),
      ]);
    },
    LIMIT_MS,
  );
});
