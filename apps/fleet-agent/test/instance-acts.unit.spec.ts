import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SystemClock } from '#runtime/clock.js';
import { silentLog } from '#runtime/log.js';
import { FleetsStore } from '../src/fleet/fleets.store.js';
import { HealthProbe } from '../src/fleet/health.probe.js';
import { InstanceActs } from '../src/fleet/instance-acts.runner.js';
import { emptyFleet, withPlaces } from '../src/fleet/fleet-record.js';
import { Routes } from '../src/fleet/routes.runner.js';
import { homeOf } from '../src/home.js';
import { InstanceProcesses } from '../src/processes/instance-process.driver.js';
import { EdgeProxy } from '../src/proxy/edge-proxy.client.js';
import type { FleetRoutes } from '../src/proxy/fleet-routes.js';
import { until } from './real-agent.js';

const FLEET = 'api';
const clock = new SystemClock();
const go = new AbortController().signal;

/** A proxy whose orders arrive when the test lets them. */
class HeldProxy extends EdgeProxy {
  /** What the proxy would send traffic to after each order that arrived. */
  readonly routed: string[][] = [];
  readonly held: (() => void)[] = [];
  drains = 0;

  override async tell(_fleet: string, routes: FleetRoutes): Promise<FleetRoutes> {
    await new Promise<void>((arrive) => this.held.push(arrive));
    const instances = routes.sets.flatMap((set) => set.instances);
    this.routed.push(instances.filter((each) => each.admitted).map((each) => each.id));
    return routes;
  }

  override drain(): Promise<{ underWay: number; closed: number }> {
    this.drains += 1;
    return Promise.resolve({ underWay: 0, closed: 0 });
  }
}

let folder: string;
let proxy: HeldProxy;
let store: FleetsStore;
let routes: Routes;
let acts: InstanceActs;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'instance-acts-'));
  const home = homeOf(folder);
  proxy = new HeldProxy(home, '127.0.0.1', clock);
  store = new FleetsStore(home.fleets, clock, 10);
  routes = new Routes(store, proxy, clock, silentLog);
  const processes = new InstanceProcesses(folder, folder, clock);
  const probe = new HealthProbe(processes, clock);
  acts = new InstanceActs(
    store,
    { processes, proxy, routes, probe, allowedCommands: ['node'] },
    clock,
    silentLog,
  );
  const launch = { token: 't', version: '1.0.0', port: 1, operationId: null };
  const empty = emptyFleet(FLEET, '1.0.0', 0);
  const fleet = withPlaces(empty, empty.live, { size: 2, admitted: true });
  store.add({ ...fleet, instances: fleet.instances.map((each) => ({ ...each, launch })) });
});

afterEach(() => rm(folder, { recursive: true }));

describe('routes', () => {
  it('arrive in the order they were made: an older table never undoes a drain', async () => {
    // A table in which both are admitted is on its way, for whatever reason.
    const older = routes.route(FLEET);
    await until(() => proxy.held.length === 1);
    const drained = acts.drain(FLEET, 'api-0000', 0, go);
    await until(() => store.instance(FLEET, 'api-0000')?.admitted === false);
    await store.save(FLEET);
    expect(proxy.drains).toBe(0);
    proxy.held.shift()?.();
    await older;
    await until(() => proxy.held.length === 1);
    proxy.held.shift()?.();
    expect(await drained).toBe(0);
    expect(proxy.routed).toEqual([['api-0000', 'api-0001'], ['api-0001']]);
  });

  it('are made when their turn comes, not when they were asked for', async () => {
    const first = routes.route(FLEET);
    const second = routes.route(FLEET);
    // All that can happen by itself has happened: the second one waits for the first.
    await new Promise((turn) => setImmediate(turn));
    expect(proxy.held).toHaveLength(1);
    store.changeInstance(FLEET, 'api-0001', (before) => ({ ...before, admitted: false }));
    proxy.held.shift()?.();
    await first;
    await until(() => proxy.held.length === 1);
    proxy.held.shift()?.();
    await second;
    expect(proxy.routed.at(-1)).toEqual(['api-0000']);
  });
});
