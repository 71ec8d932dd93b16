import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SystemClock } from '#runtime/clock.js';
import { silentLog } from '#runtime/log.js';
import { emptyFleet, withPlaces } from '../src/fleet/fleet-record.js';
import { FleetsStore } from '../src/fleet/fleets.store.js';
import { HealthProbe } from '../src/fleet/health.probe.js';
import { InstanceActs } from '../src/fleet/instance-acts.runner.js';
import type { InstanceRecord } from '../src/fleet/instance-record.js';
import { Routes } from '../src/fleet/routes.runner.js';
import { instanceWork, SerialWork } from '../src/fleet/serial-work.js';
import { SetActs } from '../src/fleet/set-acts.runner.js';
import { homeOf } from '../src/home.js';
import { InstanceProcesses } from '../src/processes/instance-process.driver.js';
import { EdgeProxy, ProxyUnreachableError } from '../src/proxy/edge-proxy.client.js';
import type { FleetRoutes } from '../src/proxy/fleet-routes.js';
import type { DrainState } from '../src/proxy/traffic.runner.js';
import { until } from './real-agent.js';

const FLEET = 'api';
const clock = new SystemClock();

/** A proxy that keeps what it is told, unless it is away, and is drained when the test says so. */
class QuietProxy extends EdgeProxy {
  readonly told: FleetRoutes[] = [];
  isAway = false;
  ensured = 0;
  draining = 0;
  isIdle = true;

  override tell(_fleet: string, routes: FleetRoutes): Promise<FleetRoutes> {
    if (this.isAway) return Promise.reject(new ProxyUnreachableError('away'));
    this.told.push(routes);
    return Promise.resolve(routes);
  }

  override ensure(): Promise<void> {
    this.ensured += 1;
    return Promise.resolve();
  }

  override async drain(
    _fleet: string,
    _id: string,
    { signal }: { readonly signal?: AbortSignal },
  ): Promise<DrainState> {
    this.draining += 1;
    while (!this.isIdle && signal?.aborted !== true) await clock.sleep(1);
    return { underWay: 0, closed: 0 };
  }
}

/** Processes that are all there and healthy, until they are ended. */
class EndedProcesses extends InstanceProcesses {
  readonly ended: string[] = [];

  override stop(token: string): Promise<void> {
    this.ended.push(token);
    return Promise.resolve();
  }
}

let isHealthy: boolean;
class HealthyProbe extends HealthProbe {
  override healthOf(): ReturnType<HealthProbe['healthOf']> {
    return Promise.resolve({ version: '1.0.0', healthy: isHealthy, problem: null });
  }
}

let folder: string;
let proxy: QuietProxy;
let processes: EndedProcesses;
let store: FleetsStore;
let work: SerialWork;
let acts: SetActs;
/** Ends whatever a test that failed has left waiting. */
let over: AbortController;
let go: AbortSignal;

beforeEach(async () => {
  isHealthy = true;
  over = new AbortController();
  go = over.signal;
  folder = await mkdtemp(join(tmpdir(), 'set-acts-'));
  const home = homeOf(folder);
  proxy = new QuietProxy(home, '127.0.0.1', clock);
  store = new FleetsStore(home.fleets, clock, 10);
  work = new SerialWork();
  processes = new EndedProcesses(folder, folder, clock);
  const routes = new Routes(store, proxy, clock, silentLog);
  const probe = new HealthyProbe(processes, clock);
  const parts = { processes, proxy, routes, probe, allowedCommands: ['node'] };
  const instances = new InstanceActs(store, parts, clock, silentLog);
  acts = new SetActs(store, { acts: instances, probe, routes, work });
  const main = withPlaces(emptyFleet(FLEET, '1.0.0', 0), 'main', { size: 1, admitted: true });
  const both = withPlaces(main, 'green', { size: 1, admitted: true });
  store.add({ ...both, instances: both.instances.map(running) });
});

afterEach(async () => {
  over.abort();
  await rm(folder, { recursive: true });
});

function running(instance: InstanceRecord): InstanceRecord {
  const launch = { token: instance.id, version: '1.0.0', port: 1, operationId: null };
  return { ...instance, launch };
}

describe('a switch', () => {
  it('is not shown before the proxy knows of it', async () => {
    proxy.isAway = true;
    const switched = acts.switchTo(FLEET, 'green', go);
    await until(() => store.find(FLEET)?.switchingTo === 'green');
    expect(store.find(FLEET)?.live).toBe('main');
    // A proxy that died is started by whoever has something to tell it.
    await until(() => proxy.ensured > 0);
    proxy.isAway = false;
    expect(await switched).toEqual({});
    expect(store.find(FLEET)).toMatchObject({ live: 'green', switchingTo: null });
    expect(proxy.told.map(({ live }) => live)).toEqual(['green']);
  });

  it('that was broken off is done before traffic is switched back', async () => {
    proxy.isAway = true;
    const stop = new AbortController();
    const switched = acts.switchTo(FLEET, 'green', stop.signal);
    await until(() => store.find(FLEET)?.switchingTo === 'green');
    stop.abort();
    expect(await switched).toBeNull();
    proxy.isAway = false;
    expect(await acts.switchTo(FLEET, 'main', go)).toEqual({});
    expect(store.find(FLEET)).toMatchObject({ live: 'main', switchingTo: null });
    expect(proxy.told.map(({ live }) => live)).toEqual(['green', 'main']);
  });

  it('that was broken off keeps its set from being retired', async () => {
    store.change(FLEET, (before) => ({ ...before, switchingTo: 'green' }));
    expect(await acts.retire(FLEET, 'green', 0, go)).toEqual({
      failed: 'set green is the live one',
    });
    expect(processes.ended).toEqual([]);
  });

  it('ends what one version was to get of the set before', async () => {
    await acts.weigh(FLEET, { version: '1.0.0', percentage: 10 }, go);
    await acts.switchTo(FLEET, 'green', go);
    expect(proxy.told.map(({ share }) => share?.percentage ?? null)).toEqual([10, null]);
  });
});

it('a switch to a set in which nobody is healthy fails, and traffic stays', async () => {
  isHealthy = false;
  expect(await acts.switchTo(FLEET, 'green', go)).toEqual({
    failed: 'set green has no healthy instance that was readmitted',
  });
  expect(store.find(FLEET)).toMatchObject({ live: 'main', switchingTo: null });
  expect(proxy.told).toEqual([]);
});

it('a set is made with as many places as there is room for, and not with one more', async () => {
  const { spare } = store;
  const refused = { failed: `there is room for ${spare} more instances` };
  expect(await acts.create(FLEET, 'blue', spare + 1, go)).toEqual(refused);
  expect(await acts.create(FLEET, 'blue', spare, go)).toEqual({});
  expect(store.spare).toBe(0);
});

describe('a retirement', () => {
  it('ends the process also when other work took its turn in between', async () => {
    proxy.isIdle = false;
    const retired = acts.retire(FLEET, 'green', clock.nowMs() + 60_000, go);
    await until(() => proxy.draining === 1);
    await work.run(instanceWork(FLEET, 'api-green-0001'), () => Promise.resolve());
    await until(() => proxy.draining === 2);
    expect(processes.ended).toEqual([]);
    proxy.isIdle = true;
    expect(await retired).toEqual({ closed: 0 });
    expect(processes.ended).toEqual(['api-green-0001']);
    expect(store.find(FLEET)?.sets.map(({ name }) => name)).toEqual(['main']);
  });

  it('broken off leaves the set there, for whoever comes next', async () => {
    proxy.isIdle = false;
    const stop = new AbortController();
    const retired = acts.retire(FLEET, 'green', clock.nowMs() + 60_000, stop.signal);
    await until(() => proxy.draining === 1);
    stop.abort();
    expect(await retired).toBeNull();
    expect(processes.ended).toEqual([]);
    expect(store.find(FLEET)?.sets).toHaveLength(2);
  });
});
