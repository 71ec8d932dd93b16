import { readFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { InstanceVerb, OperationState } from '#targets/target.driver.js';
import { isAlive } from '../src/processes/process-identity.probe.js';
import { ask, Load } from './load.js';
import { greeter, RealAgent, until, type Fleet } from './real-agent.js';

jest.setTimeout(120_000);

const FENCE = { handOver: 1, epoch: 1 };

let agent: RealAgent;

beforeAll(async () => {
  agent = await RealAgent.start();
});

afterEach(() => Load.stopAll());

afterAll(async () => {
  await agent.close();
});

async function operate(
  fleet: Fleet,
  instanceId: string,
  verb: InstanceVerb,
  more: { version?: string; drainTimeoutMs?: number } = {},
): Promise<OperationState> {
  const { version = '1.1.0', drainTimeoutMs = 10_000 } = more;
  const own = verb === 'bring' ? { version, artifacts: greeter(version) } : { drainTimeoutMs };
  const id = `${instanceId}/${verb}/${version}`;
  const operation = { id, instanceId, verb, ...own };
  let [state] = await fleet.driver.submit([operation], FENCE);
  await until(async () => {
    [state] = await fleet.driver.poll([operation], 1_000);
    return state?.state !== 'RUNNING';
  });
  if (state === undefined) throw new Error('no state');
  return state;
}

async function idsOf(fleet: Fleet): Promise<string[]> {
  const { instances } = await fleet.driver.list({ limit: 100 });
  return instances.map((instance) => instance.id);
}

describe('the edge proxy under load', () => {
  it('fails no request while every instance is drained, brought and readmitted in turn', async () => {
    const fleet = await agent.declare(3);
    const load = new Load(fleet.trafficUrl);
    await until(() => load.answered > 200);
    for (const id of await idsOf(fleet)) {
      for (const verb of ['drain', 'bring', 'readmit'] as const) {
        expect(await operate(fleet, id, verb)).toMatchObject({ state: 'SUCCEEDED' });
      }
    }
    const before = load.answered;
    await until(() => load.answered > before + 200);
    await load.stop();
    expect(load.failures).toEqual([]);
    expect([...load.versions.keys()].sort()).toEqual(['1.0.0', '1.1.0']);
    expect((await ask(fleet.trafficUrl, false)).body).toContain('"1.1.0"');
  });

  it('goes on without the agent, which finds proxy and instances again', async () => {
    const fleet = await agent.declare(2);
    const instances = await agent.instances();
    const proxy = await agent.proxy();
    const load = new Load(fleet.trafficUrl);
    await until(() => load.answered > 100);
    await agent.killAgent();
    const without = load.answered;
    await until(() => load.answered > without + 100);
    await agent.startAgent();
    const { instances: seen } = await agent.open(fleet.name).list({ limit: 10 });
    expect(seen).toHaveLength(2);
    expect(seen.every((instance) => instance.healthy && instance.admitted)).toBe(true);
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(await agent.instances()).toEqual(instances);
    expect(await agent.proxy()).toEqual(proxy);
  });

  it('killed, it comes back on the same port with the same table', async () => {
    const fleet = await agent.declare(2);
    const [first = ''] = await idsOf(fleet);
    await operate(fleet, first, 'drain');
    const killed = await agent.proxy();
    process.kill(killed.pid, 'SIGKILL');
    await until(async () => !(await isAlive(killed)));
    await until(async () => {
      const answer = await ask(fleet.trafficUrl, false).catch(() => null);
      return answer?.status === 200;
    });
    for (let count = 0; count < 4; count += 1) {
      expect((await ask(fleet.trafficUrl, false)).body).not.toContain(first);
    }
  });
});

/** The instances the proxy itself sends traffic to. */
async function routedOf(fleet: Fleet): Promise<string[]> {
  const tables = JSON.parse(await readFile(agent.home.routes, 'utf8')) as Record<
    string,
    { sets: { instances: { id: string; admitted: boolean }[] }[] }
  >;
  const instances = tables[fleet.name]?.sets.flatMap((set) => set.instances) ?? [];
  return instances.filter(({ admitted }) => admitted).map(({ id }) => id);
}

describe('where traffic goes', () => {
  it('is what the operations say, however many of them run at once', async () => {
    const fleet = await agent.declare(4);
    const [a = '', b = '', c = '', d = ''] = await idsOf(fleet);
    let turn = 0;
    const both = (verb: InstanceVerb, ids: string[]) =>
      ids.map((id) => operate(fleet, id, verb, { version: `turn-${turn}` }));
    await Promise.all(both('drain', [a, b]));
    for (turn = 1; turn <= 12; turn += 1) {
      const [off, on] =
        turn % 2 === 1
          ? [
              [c, d],
              [a, b],
            ]
          : [
              [a, b],
              [c, d],
            ];
      // Side by side, so that tables are made and told while others are on their way.
      await Promise.all([...both('drain', off), ...both('readmit', on)]);
      expect(await routedOf(fleet)).toEqual(on);
    }
  });

  it('includes an instance that was brought without a drain', async () => {
    const fleet = await agent.declare(1);
    const [only = ''] = await idsOf(fleet);
    expect(await operate(fleet, only, 'bring')).toMatchObject({ state: 'SUCCEEDED' });
    expect(await routedOf(fleet)).toEqual([only]);
    expect((await ask(fleet.trafficUrl, false)).body).toContain('"1.1.0"');
  });
});

describe('a drain', () => {
  it('lets what is under way finish, and sends what follows elsewhere', async () => {
    const fleet = await agent.declare(2);
    const [first = '', second = ''] = await idsOf(fleet);
    // The slow request can only go to the first one.
    await operate(fleet, second, 'drain');
    const order: string[] = [];
    const slow = ask(`${fleet.trafficUrl}slow?ms=3000`, false).then(({ status, body }) => {
      order.push(`${status} of ${body.includes(first) ? 'first' : 'second'}`);
    });
    // A whole round trip behind it says that it is on its way.
    await ask(fleet.trafficUrl, false);
    await operate(fleet, second, 'readmit');
    const drained = operate(fleet, first, 'drain').then((state) => {
      order.push('drained');
      return state;
    });
    await until(async () => !(await routedOf(fleet)).includes(first));
    const sockets = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let count = 0; count < 4; count += 1) {
      expect((await ask(fleet.trafficUrl, sockets)).body).toContain(second);
    }
    sockets.destroy();
    expect(await drained).toMatchObject({ state: 'SUCCEEDED', closedConnections: 0 });
    await slow;
    expect(order).toEqual(['200 of first', 'drained']);
  });

  it('closes what is under way when its time is over, and counts it', async () => {
    const fleet = await agent.declare(1);
    const [only = ''] = await idsOf(fleet);
    const slow = [1, 2, 3].map(() =>
      ask(`${fleet.trafficUrl}slow?ms=30000`, false).then(
        () => 'answered',
        () => 'closed',
      ),
    );
    // The drain must not come before the requests are on their way.
    await ask(fleet.trafficUrl, false);
    const state = await operate(fleet, only, 'drain', { drainTimeoutMs: 300 });
    expect(state).toMatchObject({ state: 'SUCCEEDED', closedConnections: 3 });
    expect(await Promise.all(slow)).toEqual(['closed', 'closed', 'closed']);
    expect(await ask(fleet.trafficUrl, false)).toMatchObject({ status: 503 });
  });
});

describe('an instance that fell', () => {
  it('gets no request that another could take, and is listed as down', async () => {
    const fleet = await agent.declare(2);
    const [first = ''] = await idsOf(fleet);
    expect(await operate(fleet, first, 'bring', { version: '1.5.0' })).toMatchObject({
      state: 'SUCCEEDED',
    });
    await until(async () => {
      const { instances } = await fleet.driver.list({ ids: [first], limit: 1 });
      return instances[0]?.healthy === false;
    });
    for (let count = 0; count < 6; count += 1) {
      expect(await ask(fleet.trafficUrl, false)).toMatchObject({ status: 200 });
      expect(await ask(fleet.trafficUrl, false, 'POST', 'x')).toMatchObject({ status: 200 });
    }
    expect(await fleet.driver.room([])).toMatchObject({ listed: 2, down: 1 });
  });
});
