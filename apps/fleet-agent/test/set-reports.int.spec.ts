import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { isAlive } from '../src/processes/process-identity.probe.js';
import { ask, whoAnswers } from './load.js';
import { greeter, RealAgent, until, type Fleet } from './real-agent.js';
import { create, GREEN, NEW, OLD, Orders, switchTo, type SetOrder } from './set-orders.js';

jest.setTimeout(120_000);

/** Room for a few sets of a few instances, so that it can run out. */
const INSTANCES_MAX = 60;

let agent: RealAgent;
const orders = new Orders(() => agent);

beforeAll(async () => {
  agent = await RealAgent.start({ FLEET_AGENT_INSTANCES_MAX: String(INSTANCES_MAX) });
});

afterAll(async () => {
  await agent.close();
});

/** How many of so many requests each version answered. */
async function answers(url: string, requests: number): Promise<Record<string, number>> {
  const by: Record<string, number> = {};
  for (let count = 0; count < requests; count += 1) {
    const { version } = await whoAnswers(url);
    by[version] = (by[version] ?? 0) + 1;
  }
  return by;
}

async function metric(fleet: Fleet, query: string, ids: string[]): Promise<number | null> {
  return fleet.driver.metric({ query, ids });
}

describe('an address', () => {
  it('is where exactly the instances of the set answer, live or not', async () => {
    const fleet = await agent.declare(2);
    const green = await orders.standby(fleet, 2);
    const main = await orders.ids(fleet);
    const seen = { main: new Set<string>(), green: new Set<string>() };
    for (let count = 0; count < 6; count += 1) {
      seen.main.add((await whoAnswers(await orders.address(fleet, 'main'))).instance);
      seen.green.add((await whoAnswers(await orders.address(fleet, GREEN))).instance);
    }
    expect([[...seen.main].sort(), [...seen.green].sort()]).toEqual([main, green]);
    expect(await orders.address(fleet, null)).toBe(await orders.address(fleet, 'main'));
    await orders.onSet(fleet, switchTo(GREEN));
    expect(await orders.address(fleet, null)).toBe(await orders.address(fleet, GREEN));
  });

  it('is none for a set in which nothing was readmitted yet', async () => {
    const fleet = await agent.declare(1);
    await orders.onSet(fleet, create(1));
    expect(await fleet.driver.address(GREEN)).toBeNull();
    await orders.each(fleet, await orders.ids(fleet, GREEN), 'bring');
    expect(await fleet.driver.address(GREEN)).toBeNull();
    expect(await fleet.driver.address('no-such')).toBeNull();
  });
});

describe('a share of the requests', () => {
  const weigh = (percentage: number | null): SetOrder => ({
    verb: 'weigh',
    set: null,
    version: NEW,
    percentage,
  });

  it('goes to the version it was given, also after agent and proxy were killed', async () => {
    const fleet = await agent.declare(4);
    const [first = ''] = await orders.ids(fleet);
    await orders.each(fleet, [first], 'bring');
    expect(await answers(fleet.trafficUrl, 40)).toEqual({ [OLD]: 30, [NEW]: 10 });
    expect(await orders.onSet(fleet, weigh(10))).toMatchObject({ state: 'SUCCEEDED' });
    expect(await answers(fleet.trafficUrl, 100)).toEqual({ [OLD]: 90, [NEW]: 10 });
    const proxy = await agent.proxy();
    await agent.killAgent();
    process.kill(proxy.pid, 'SIGKILL');
    await until(async () => !(await isAlive(proxy)));
    await agent.startAgent();
    expect(await answers(fleet.trafficUrl, 100)).toEqual({ [OLD]: 90, [NEW]: 10 });
    // Nobody is left on its side: what it would have got is answered all the same.
    await orders.each(fleet, [first], 'drain');
    expect(await answers(fleet.trafficUrl, 20)).toEqual({ [OLD]: 20 });
    await orders.each(fleet, [first], 'readmit');
    expect(await orders.onSet(fleet, weigh(null))).toMatchObject({ state: 'SUCCEEDED' });
    expect(await answers(fleet.trafficUrl, 40)).toEqual({ [OLD]: 30, [NEW]: 10 });
  });
});

describe('metrics', () => {
  it('tell of the named instances alone, and of nothing when they had no requests', async () => {
    const fleet = await agent.declare(2);
    const [good = '', bad = ''] = await orders.ids(fleet);
    await orders.each(fleet, [bad], 'bring', '1.6.0');
    const names = ['error_rate', 'latency_p95_ms', 'requests_per_second'];
    const none = await Promise.all(names.map((name) => metric(fleet, name, [good, bad])));
    expect(none).toEqual([null, null, null]);
    for (let count = 0; count < 40; count += 1) await ask(fleet.trafficUrl, false);
    expect(await metric(fleet, 'error_rate', [bad])).toBe(0.2);
    expect(await metric(fleet, 'error_rate', [good])).toBe(0);
    expect(await metric(fleet, 'error_rate', [good, bad])).toBe(0.1);
    expect(await metric(fleet, 'latency_p95_ms', [good])).toBeGreaterThanOrEqual(3);
    expect(await metric(fleet, 'requests_per_second', [good])).toBeGreaterThan(0);
  });

  it('show that one turns bad which was good at first', async () => {
    const fleet = await agent.declare(1);
    const ids = await orders.ids(fleet);
    await orders.each(fleet, ids, 'bring', '1.7.0');
    await whoAnswers(fleet.trafficUrl);
    expect(await metric(fleet, 'error_rate', ids)).toBe(0);
    await until(async () => {
      const { instances } = await fleet.driver.list({ limit: 1 });
      return instances[0]?.healthy === false;
    });
    for (let count = 0; count < 20; count += 1) await ask(fleet.trafficUrl, false);
    expect(await metric(fleet, 'error_rate', ids)).toBeGreaterThan(0.3);
  });

  it('count a request that an instance could not take, though another answered it', async () => {
    const fleet = await agent.declare(2);
    const [first = '', second = ''] = await orders.ids(fleet);
    await orders.each(fleet, [second], 'bring', '1.5.0');
    await until(async () => {
      const { instances } = await fleet.driver.list({ ids: [second], limit: 1 });
      return instances[0]?.healthy === false;
    });
    for (let count = 0; count < 10; count += 1) await whoAnswers(fleet.trafficUrl);
    expect(await metric(fleet, 'error_rate', [first])).toBe(0);
    expect(await metric(fleet, 'error_rate', [second])).toBe(1);
  });
});

describe('a fleet', () => {
  it('leaves the process of an instance alone that runs the version already', async () => {
    const fleet = await agent.declare(1);
    const before = await agent.instances();
    await orders.each(fleet, await orders.ids(fleet), 'bring', OLD);
    expect(await agent.instances()).toEqual(before);
  });

  it('has no more instances than the machine is to run', async () => {
    const fleet = await agent.declare(1);
    const { spare } = await fleet.driver.room([]);
    expect(await orders.onSet(fleet, create(spare + 1))).toMatchObject({
      state: 'FAILED',
      reason: `there is room for ${spare} more instances`,
    });
    expect(await orders.onSet(fleet, create(2))).toMatchObject({ state: 'SUCCEEDED' });
    expect(await fleet.driver.room([])).toMatchObject({ listed: 1, down: 0, spare: spare - 2 });
    const declared = { instances: spare, version: OLD, artifacts: greeter(OLD) };
    expect(await agent.ask('PUT', `fleets/${fleet.name}`, declared)).toMatchObject({ status: 409 });
  });

  it('tells of the backups that were declared, the latest first', async () => {
    const fleet = await agent.declare(1);
    expect(await fleet.driver.backups()).toEqual([]);
    const backups = [
      { id: 'sunday', takenAt: '2026-03-01T02:00:00Z', verified: true },
      { id: 'monday', takenAt: '2026-03-02T03:00:00+01:00', verified: false },
    ];
    const declared = { instances: 1, version: OLD, artifacts: greeter(OLD) };
    await agent.ask('PUT', `fleets/${fleet.name}`, { ...declared, backups });
    await agent.ask('PUT', `fleets/${fleet.name}`, declared);
    expect(await fleet.driver.backups()).toEqual([
      { id: 'monday', takenAtMs: Date.UTC(2026, 2, 2, 2), verified: false },
      { id: 'sunday', takenAtMs: Date.UTC(2026, 2, 1, 2), verified: true },
    ]);
  });
});
