import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SystemClock } from '#runtime/clock.js';
import { silentLog } from '#runtime/log.js';
import { PROCESS_LIMITS } from '../src/fleet-agent-limits.js';
import { emptyFleet, withPlaces } from '../src/fleet/fleet-record.js';
import { FleetsStore } from '../src/fleet/fleets.store.js';
import { HealthProbe, type Health } from '../src/fleet/health.probe.js';
import { InstanceActs } from '../src/fleet/instance-acts.runner.js';
import { Routes } from '../src/fleet/routes.runner.js';
import { homeOf, type Home } from '../src/home.js';
import { InstanceProcesses, type LaunchResult } from '../src/processes/instance-process.driver.js';
import { EdgeProxy } from '../src/proxy/edge-proxy.client.js';
import type { FleetRoutes } from '../src/proxy/fleet-routes.js';

const [FLEET, ID] = ['api', 'api-0000'];
const OLD = { token: 'old', version: '1.0.0', port: 1, operationId: null };
const RELEASE = { version: '1.1.0', artifacts: { entry: 'app.js' }, operationId: 'o-1' };
const FAILED = { failed: 'it fell over', portTaken: false };
const clock = new SystemClock();
const go = new AbortController().signal;

let folder: string;
let home: Home;
let store: FleetsStore;
let acts: InstanceActs;
/** What happened, in its order. */
let done: string[];
let results: LaunchResult[];
let underWay: number[];
let health: Health;
let living: Set<string>;
let onDisk: string[];
let excepted: number[];

async function written(): Promise<string> {
  const names = await readdir(home.fleets);
  const texts = await Promise.all(names.map((name) => readFile(join(home.fleets, name), 'utf8')));
  return texts.join('\n');
}

class WatchedProcesses extends InstanceProcesses {
  #launches = 0;

  override newToken(): string {
    this.#launches += 1;
    return `new-${String(this.#launches)}`;
  }
  override freePort(except: ReadonlySet<number>): Promise<number> {
    excepted = [...except];
    return super.freePort(except);
  }
  override lives(token: string): Promise<boolean> {
    return Promise.resolve(living.has(token));
  }
  override async launch({ token }: { token: string }): Promise<LaunchResult> {
    done.push(`launch ${token}`);
    onDisk.push(await written());
    living.add(token);
    return results.shift() ?? 'LISTENS';
  }
  override awaitListening({ token }: { token: string }): Promise<LaunchResult> {
    done.push(`await ${token}`);
    return Promise.resolve(results.shift() ?? 'LISTENS');
  }
  override stop(token: string): Promise<void> {
    done.push(`stop ${token}`);
    living.delete(token);
    return Promise.resolve();
  }
}

class WatchedProbe extends HealthProbe {
  override healthOf(): Promise<Health> {
    return Promise.resolve(health);
  }
}

class WatchedProxy extends EdgeProxy {
  override tell(_: string, routes: FleetRoutes): Promise<FleetRoutes> {
    const instances = routes.sets.flatMap((set) => set.instances);
    done.push(instances.some(({ admitted }) => admitted) ? 'on' : 'off');
    return Promise.resolve(routes);
  }
  override drain(_: string, __: string, order: { close: boolean }) {
    done.push(order.close ? 'close' : 'drain');
    return Promise.resolve({ underWay: underWay.shift() ?? 0, closed: order.close ? 2 : 0 });
  }
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bring-'));
  home = homeOf(folder);
  [done, results, underWay, onDisk] = [[], [], [], []];
  living = new Set(['old']);
  health = { version: '1.0.0', healthy: true, problem: null };
  const proxy = new WatchedProxy(home, '127.0.0.1', clock);
  store = new FleetsStore(home.fleets, clock, 10);
  const routes = new Routes(store, proxy, clock, silentLog);
  const processes = new WatchedProcesses(folder, folder, clock);
  const probe = new WatchedProbe(processes, clock);
  const parts = { processes, proxy, routes, probe, allowedCommands: ['node'] };
  acts = new InstanceActs(store, parts, clock, silentLog);
  const empty = emptyFleet(FLEET, '1.0.0', 0);
  const fleet = withPlaces(empty, empty.live, { size: 1, admitted: true });
  store.add({ ...fleet, instances: fleet.instances.map((each) => ({ ...each, launch: OLD })) });
});
afterEach(() => rm(folder, { recursive: true }));

const bring = (release = RELEASE) => acts.bring(FLEET, ID, release, go);
const launched = () => done.filter((what) => what.startsWith('launch'));

describe('a bring', () => {
  it('takes the old process off the traffic, ends it, and only then starts the new one', async () => {
    expect(await bring()).toBe('LISTENS');
    expect(done).toEqual(['off', 'close', 'stop old', 'launch new-1', 'on']);
    expect(store.instance(FLEET, ID)?.launch).toMatchObject({ token: 'new-1', version: '1.1.0' });
  });

  it('is written down before the process is started', async () => {
    await bring();
    expect(onDisk[0]).toContain('"new-1"');
  });

  it('leaves a process alone that serves this version', async () => {
    expect(await bring({ ...RELEASE, version: '1.0.0' })).toBe('LISTENS');
    expect(launched()).toEqual([]);
    expect(done).not.toContain('stop old');
  });

  it.each([
    ['is not healthy', { version: '1.0.0', healthy: false, problem: 'no' }],
    ['says that it is another version', { version: '0.9.0', healthy: true, problem: null }],
    ['says nothing', { version: null, healthy: false, problem: 'silent' }],
  ])('exchanges a process of this version that %s', async (_, said) => {
    health = said;
    expect(await bring({ ...RELEASE, version: '1.0.0' })).toBe('LISTENS');
    expect(done).toEqual(expect.arrayContaining(['stop old', 'launch new-1']));
  });

  it('whose process does not start leaves none behind, and no traffic', async () => {
    results = [FAILED];
    expect(await bring()).toEqual({ failed: '1.1.0 did not start: it fell over' });
    expect(done.slice(-2)).toEqual(['launch new-1', 'stop new-1']);
    expect(living).toEqual(new Set());
    expect(store.instance(FLEET, ID)).toMatchObject({ launch: null, exchanging: true });
  });

  it('tries other ports when one is taken, a bounded number of times', async () => {
    results = Array.from({ length: 50 }, () => ({ ...FAILED, portTaken: true }));
    expect(await bring()).toMatchObject({ failed: expect.any(String) });
    expect(launched()).toHaveLength(PROCESS_LIMITS.portTries);
    expect(living).toEqual(new Set());
  });

  it('takes no port that traffic may still be sent to', async () => {
    await bring();
    expect(excepted).toEqual([OLD.port]);
  });

  it('that is taken up again waits for the process it has started, and starts no second', async () => {
    results = ['ABORTED'];
    expect(await bring()).toBe('ABORTED');
    expect(await bring()).toBe('LISTENS');
    expect(launched()).toEqual(['launch new-1']);
    expect(done.at(-1)).toBe('on');
    expect(living).toEqual(new Set(['new-1']));
  });
});

describe('a drain', () => {
  it('ends when no request is under way any more, and closes none before its time', async () => {
    underWay = [3, 1, 0];
    expect(await acts.drain(FLEET, ID, clock.nowMs() + 60_000, go)).toBe(0);
    expect(done).toEqual(['off', 'drain', 'drain', 'drain']);
  });

  it('closes what is under way when its time is over, and counts it', async () => {
    underWay = [3, 3];
    expect(await acts.drain(FLEET, ID, clock.nowMs() - 1, go)).toBe(2);
    expect(done).toEqual(['off', 'close']);
  });
});

describe('a readmission', () => {
  it('of an instance whose process is gone admits nothing', async () => {
    living.clear();
    await acts.drain(FLEET, ID, 0, go);
    expect(await acts.readmit(FLEET, ID, go)).toBe('the instance does not run');
    expect(store.instance(FLEET, ID)?.admitted).toBe(false);
  });

  it('brings its traffic back before it is said to be done', async () => {
    await acts.drain(FLEET, ID, 0, go);
    expect(await acts.readmit(FLEET, ID, go)).toBeNull();
    expect(done.at(-1)).toBe('on');
  });
});
