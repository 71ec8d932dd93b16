import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Pool } from 'pg';
import { SystemClock } from '#runtime/clock.js';
import { PostgresFleetStore } from './postgres-fleet.store.js';
import { describeSimulatedSets } from './simulated-sets.contract.js';
import { SimulatedTargets } from './simulated-targets.js';
import { describeTarget } from './target.contract.js';
import { TargetUnreachableError } from './target.driver.js';
import type { InstanceOperation } from './target.driver.js';

const FENCE = { handOver: 1, epoch: 1 };
const clock = new SystemClock();
// A database of its own: the schema is dropped here, and others rehearse in theirs.
const database = `targets_spec_${process.pid}`;
const server = new URL(process.env['DATABASE_URL'] ?? 'postgres://nowhere');
const admin = new Pool({ connectionString: server.href, max: 1 });
const pool = new Pool({ connectionString: new URL(`/${database}`, server).href, max: 8 });
// Each of the many stores of these tests listens for its cut connections.
pool.setMaxListeners(20);
const store = new PostgresFleetStore(pool);
const targets = new SimulatedTargets(store, clock);
/** As another process opens them that knows nothing but what the first one has kept. */
const restarted = new SimulatedTargets(new PostgresFleetStore(pool), clock);
let fleets = 0;

beforeAll(async () => {
  await admin.query(`create database ${database}`);
});

afterAll(async () => {
  await pool.end();
  // The server notices the end of a connection a moment after we do.
  for (let left = 1; left > 0;) {
    const { rows } = await admin.query<{ left: number }>(
      'select count(*)::integer as left from pg_stat_activity where datname = $1',
      [database],
    );
    left = rows[0]?.left ?? 0;
  }
  await admin.query(`drop database ${database}`);
  await admin.end();
});

/** As it was with one set to a fleet, and a fleet in it. */
const SCHEMA_BEFORE_SETS = `
create schema simulated;
create table simulated.fleets (
  fleet text primary key, version text not null, faults jsonb not null, spent jsonb not null,
  keeps_history boolean not null, acts integer not null default 0
);
create table simulated.instances (
  fleet text not null references simulated.fleets on delete cascade, id text collate "C" not null,
  index integer not null, runs text not null, came_from jsonb not null, admitted boolean not null,
  up boolean not null, gone boolean not null, busy boolean not null, fence jsonb, operation jsonb,
  earlier jsonb not null, primary key (fleet, id)
);
insert into simulated.fleets values ('before/sets', '1.0.0', '[]', '[]', true, 0);
insert into simulated.instances values
  ('before/sets', 'i-000000', 0, '0.9.0', '[]', true, true, false, false, null, null, '[]'),
  ('before/sets', 'i-000001', 1, '1.0.0', '[]', false, true, false, false, null, null, '[]');
`;

function newSettings(instances: number): { fleet: string; version: string; instances: number } {
  fleets += 1;
  return { fleet: `store-spec/${process.pid}-${fleets}`, version: '1.0.0', instances };
}

const bring = (index: number, attempt = 1): InstanceOperation => ({
  id: `e/${index}/${attempt}/bring`,
  instanceId: `i-${String(index).padStart(6, '0')}`,
  verb: 'bring',
  version: '1.1.0',
  artifacts: {},
});

/** Its place in its set, as its id says. */
const indexOf = (id: string): number => Number(id.slice(-6));

describeTarget('the simulated driver in Postgres', () => {
  const settings = newSettings(5);
  let driver = targets.open(settings);
  return Promise.resolve({
    get driver() {
      return driver;
    },
    artifactsOf: () => ({}),
    slowVersion: '1.2.0',
    makeSlow: (id) => {
      const instance = indexOf(id);
      return targets.setFaults(settings, [{ instance, on: 'BRING', how: 'HANG', times: 1 }]);
    },
    vanish: (id) => store.alter(settings.fleet, indexOf(id), { gone: true }),
    restart: () => {
      driver = restarted.open(settings);
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  });
});

describeSimulatedSets('simulated fleets in Postgres', (faults = [], more = {}) => {
  const settings = { ...newSettings(10), faults, ...more };
  return { driver: targets.open(settings), targets, settings, store };
});

describe('simulated fleets in Postgres', () => {
  it('are the same ones for every service', async () => {
    const settings = newSettings(3);
    const other = new SimulatedTargets(new PostgresFleetStore(pool), clock).open(settings);
    await targets.open(settings).submit([bring(0)], FENCE);
    expect((await other.list({ limit: 1 })).instances).toMatchObject([{ version: '1.1.0' }]);
  });

  it('are made once when many services ask at once for the first time', async () => {
    await pool.query('drop schema simulated cascade');
    const settings = newSettings(100);
    const rooms = await Promise.all(
      Array.from({ length: 8 }, () =>
        new SimulatedTargets(new PostgresFleetStore(pool), clock).open(settings).room([]),
      ),
    );
    expect(rooms).toEqual(rooms.map(() => ({ listed: 100, down: 0, spare: 100 })));
  });

  it('that were made before there were sets have one, and can have more', async () => {
    await pool.query('drop schema simulated cascade');
    await pool.query(SCHEMA_BEFORE_SETS);
    const settings = { ...newSettings(2), fleet: 'before/sets' };
    const driver = new SimulatedTargets(new PostgresFleetStore(pool), clock).open(settings);
    expect(await driver.sets()).toEqual([{ name: 'main', live: true, listed: 2 }]);
    expect((await driver.list({ limit: 5 })).instances).toMatchObject([
      { id: 'i-000000', version: '0.9.0', admitted: true },
      { id: 'i-000001', version: '1.0.0', admitted: false },
    ]);
    const create = { id: 'c', verb: 'createSet', set: 'new', size: 2 } as const;
    expect(await driver.submitSet(create, FENCE)).toMatchObject({ state: 'SUCCEEDED' });
    expect(await driver.list({ set: 'new', limit: 5 })).toMatchObject({
      instances: [{ version: null }, { version: null }],
    });
  });

  it('begin an operation once, however many submit it at once', async () => {
    const settings = newSettings(3);
    const driver = targets.open(settings);
    await Promise.all(Array.from({ length: 6 }, () => driver.submit([bring(0)], FENCE)));
    expect(await targets.history(settings)).toHaveLength(1);
  });

  it('count a fault that happens a number of times over all services', async () => {
    const settings = newSettings(10);
    await targets.setFaults(settings, [{ on: 'BRING', how: 'FAIL', times: 3 }]);
    const driver = targets.open(settings);
    const operations = Array.from({ length: 10 }, (_, index) => bring(index));
    const answers = await Promise.all(operations.map((each) => driver.submit([each], FENCE)));
    expect(answers.flat().filter((state) => state.state === 'FAILED')).toHaveLength(3);
  });

  it('let go on what hung once its fault is gone', async () => {
    const settings = newSettings(3);
    const driver = targets.open(settings);
    await targets.setFaults(settings, [{ on: 'BRING', how: 'HANG' }]);
    expect(await driver.submit([bring(0)], FENCE)).toMatchObject([{ state: 'RUNNING' }]);
    await targets.setFaults(settings, []);
    expect(await driver.poll([bring(0)], 1_000)).toMatchObject([{ state: 'SUCCEEDED' }]);
  });

  it('show faults of health in counts and lists of down ones', async () => {
    const settings = newSettings(3);
    const driver = targets.open(settings);
    await driver.submit([bring(1)], FENCE);
    await targets.setFaults(settings, [
      { on: 'HEALTH', how: 'FAIL' },
      { instance: 2, on: 'LIST', how: 'FAIL' },
    ]);
    expect(await driver.room([])).toMatchObject({ down: 2 });
    const down = await driver.list({ downOnly: true, limit: 10 });
    expect(down.instances.map((instance) => instance.id)).toEqual(['i-000001', 'i-000002']);
  });

  it('declared anew are as declared, and remember who lost them', async () => {
    const settings = newSettings(3);
    const driver = targets.open(settings);
    await driver.submit([bring(0)], { handOver: 2, epoch: 1 });
    await targets.declare({ ...settings, instances: 5 });
    expect(await driver.room([])).toMatchObject({ listed: 5, down: 0 });
    expect(await driver.submit([bring(0, 2)], FENCE)).toMatchObject([{ state: 'REFUSED' }]);
  });

  it('take a batch of a thousand', async () => {
    const settings = newSettings(1_000);
    const driver = targets.open(settings);
    const operations = Array.from({ length: 1_000 }, (_, index) => bring(index));
    const states = await driver.submit(operations, FENCE);
    expect(states.every((state) => state.state === 'SUCCEEDED')).toBe(true);
    expect(await driver.room([])).toMatchObject({ listed: 1_000, down: 0 });
  });

  it('have sets of any size, made at once and gone at once', async () => {
    const settings = newSettings(1);
    const driver = targets.open(settings);
    const create = { id: 'c', verb: 'createSet', set: 'new', size: 20_001 } as const;
    expect(await driver.submitSet(create, FENCE)).toMatchObject({ state: 'SUCCEEDED' });
    expect(await driver.sets()).toEqual([
      { name: 'main', live: true, listed: 1 },
      { name: 'new', live: false, listed: 20_001 },
    ]);
    const of = { ids: ['new-000000', 'new-019999', 'new-020000', 'new-020001'], limit: 4 };
    expect((await driver.list(of)).instances).toHaveLength(3);
    await driver.submitSet({ id: 'r', verb: 'retireSet', set: 'new' }, FENCE);
    expect(await driver.sets()).toHaveLength(1);
  });

  it('survive that all connections are cut, idle ones and those at work', async () => {
    const settings = newSettings(200);
    const driver = targets.open(settings);
    await driver.room([]);
    const operations = Array.from({ length: 200 }, (_, index) => bring(index));
    for (let round = 0; round < 10; round += 1) {
      const asked = operations.map((each) => driver.submit([each], FENCE));
      const settled = Promise.allSettled(asked);
      await admin.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1',
        [database],
      );
      for (const each of await settled) {
        if (each.status === 'rejected') {
          expect(each.reason).toBeInstanceOf(TargetUnreachableError);
        }
      }
    }
    const states = await driver.submit(operations, FENCE);
    expect(states.every((state) => state.state === 'SUCCEEDED')).toBe(true);
    // Whatever was cut when: each was begun once.
    const begun = (await targets.history(settings)).map((act) => act.operationId);
    expect(begun.slice().sort()).toEqual(operations.map(({ id }) => id).sort());
  });

  it('are unreachable when the database is', async () => {
    const nowhere = new Pool({ connectionString: 'postgres://127.0.0.1:1/none' });
    const driver = new SimulatedTargets(new PostgresFleetStore(nowhere), clock).open(
      newSettings(3),
    );
    await expect(driver.room([])).rejects.toThrow(TargetUnreachableError);
    await nowhere.end();
  });
});
