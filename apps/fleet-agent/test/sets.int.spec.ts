import { Agent } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { isAlive } from '../src/processes/process-identity.probe.js';
import { ask, Load, whoAnswers } from './load.js';
import { RealAgent, until } from './real-agent.js';
import {
  create,
  FENCE,
  GREEN,
  NEW,
  OLD,
  operationOf,
  Orders,
  retire,
  switchTo,
} from './set-orders.js';

jest.setTimeout(120_000);

let agent: RealAgent;
const orders = new Orders(() => agent);

beforeAll(async () => {
  agent = await RealAgent.start();
});

afterEach(() => Load.stopAll());

afterAll(async () => {
  await agent.close();
});

describe('a second set under load', () => {
  it('takes over in one act: nothing is dropped, and nothing goes to the old one after it', async () => {
    const fleet = await agent.declare(3);
    const processes = (await agent.instances()).length;
    const load = new Load(fleet.trafficUrl);
    await until(() => load.answered > 200);
    await orders.standby(fleet, 3);
    expect([...load.versions.keys()]).toEqual([OLD]);
    expect(await orders.onSet(fleet, switchTo(GREEN))).toMatchObject({ state: 'SUCCEEDED' });
    load.mark();
    await until(() => (load.sinceMark.get(NEW) ?? 0) > 200);
    expect(await orders.onSet(fleet, retire('main'))).toMatchObject({
      state: 'SUCCEEDED',
      closedConnections: 0,
    });
    const before = load.answered;
    await until(() => load.answered > before + 200);
    await load.stop();
    expect(load.failures).toEqual([]);
    expect([...load.sinceMark.keys()]).toEqual([NEW]);
    expect(await agent.instances()).toHaveLength(processes);
    expect(await fleet.driver.sets()).toEqual([{ name: GREEN, live: true, listed: 3 }]);
  });

  it('takes over and gives back without a drop, as often as asked', async () => {
    const fleet = await agent.declare(2);
    await orders.standby(fleet, 2);
    const load = new Load(fleet.trafficUrl);
    await until(() => load.answered > 100);
    for (const set of [GREEN, 'main', GREEN, 'main']) {
      expect(await orders.onSet(fleet, switchTo(set))).toMatchObject({ state: 'SUCCEEDED' });
      const before = load.answered;
      await until(() => load.answered > before + 50);
    }
    await load.stop();
    expect(load.failures).toEqual([]);
    expect([...load.versions.keys()].sort()).toEqual([OLD, NEW]);
  });
});

describe('a switch', () => {
  it('lets what is under way end in the old set, and kept-alive connections go on', async () => {
    const fleet = await agent.declare(1);
    await orders.standby(fleet, 1);
    const sockets = new Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number | undefined>();
    sockets.on('free', (socket: { localPort?: number }) => ports.add(socket.localPort));
    const slow = ask(`${fleet.trafficUrl}slow?ms=2500`, false);
    expect((await whoAnswers(fleet.trafficUrl, sockets)).version).toBe(OLD);
    expect(await orders.onSet(fleet, switchTo(GREEN))).toMatchObject({ state: 'SUCCEEDED' });
    expect((await whoAnswers(fleet.trafficUrl, sockets)).version).toBe(NEW);
    const retiring = operationOf(retire('main'));
    expect(await fleet.driver.submitSet(retiring, FENCE)).toMatchObject({ state: 'RUNNING' });
    expect((await slow).body).toContain(OLD);
    expect(await orders.ending(fleet, retiring)).toMatchObject({ closedConnections: 0 });
    expect(ports.size).toBe(1);
    sockets.destroy();
  });

  it('to a set whose instances have all fallen fails, and traffic stays', async () => {
    const fleet = await agent.declare(1);
    const before = (await agent.instances()).map(({ pid }) => pid);
    await orders.standby(fleet, 1);
    const [fallen] = (await agent.instances()).filter(({ pid }) => !before.includes(pid));
    if (fallen === undefined) throw new Error('nothing stands by');
    process.kill(fallen.pid, 'SIGKILL');
    await until(async () => !(await isAlive(fallen)));
    expect(await orders.onSet(fleet, switchTo(GREEN))).toMatchObject({
      state: 'FAILED',
      reason: 'set green has no healthy instance that was readmitted',
    });
    expect((await whoAnswers(fleet.trafficUrl)).version).toBe(OLD);
  });
});

describe('a retirement', () => {
  it('closes what is under way when its time is over, and counts it', async () => {
    const fleet = await agent.declare(1);
    await orders.standby(fleet, 1);
    const address = await orders.address(fleet, GREEN);
    const slow = [1, 2].map(() =>
      ask(`${address}/slow?ms=30000`, false).then(
        () => 'answered',
        () => 'closed',
      ),
    );
    // A whole round trip behind them says that they are on their way.
    await whoAnswers(address);
    expect(await orders.onSet(fleet, { ...retire(GREEN), drainTimeoutMs: 300 })).toMatchObject({
      state: 'SUCCEEDED',
      closedConnections: 2,
    });
    expect(await Promise.all(slow)).toEqual(['closed', 'closed']);
    await expect(fetch(address)).rejects.toThrow('fetch failed');
    expect(await fleet.driver.address(GREEN)).toBeNull();
  });

  it('gives way to another order, which waits for none of its draining', async () => {
    const fleet = await agent.declare(1);
    await orders.standby(fleet, 1);
    const address = await orders.address(fleet, GREEN);
    let isAnswered = false;
    const slow = ask(`${address}/slow?ms=9000`, false).finally(() => (isAnswered = true));
    await whoAnswers(address);
    const long = operationOf({ ...retire(GREEN), drainTimeoutMs: 60_000 });
    await fleet.driver.submitSet(long, FENCE);
    // It has come to waiting for what is under way.
    expect(await fleet.driver.pollSet(long.id, 500)).toMatchObject({ state: 'RUNNING' });
    const [id = ''] = await orders.ids(fleet, GREEN);
    const drain = { id: 'late', instanceId: id, verb: 'drain' } as const;
    expect(await fleet.driver.submit([drain], FENCE)).toMatchObject([
      { state: 'FAILED', reason: "the instance's set is being retired" },
    ]);
    expect(await orders.onSet(fleet, create(1))).toMatchObject({ state: 'SUCCEEDED' });
    expect(await fleet.driver.pollSet(long.id, 0)).toMatchObject({ state: 'FAILED' });
    await orders.each(fleet, [id], 'readmit');
    expect(await orders.onSet(fleet, switchTo(GREEN))).toMatchObject({ state: 'SUCCEEDED' });
    expect(isAnswered).toBe(false);
    expect(await slow).toMatchObject({ status: 200 });
  });
});

describe('an agent that is killed', () => {
  /** Neither the agent nor what it told the proxy last survives. */
  async function killBoth(): Promise<void> {
    const proxy = await agent.proxy();
    await agent.killAgent();
    process.kill(proxy.pid, 'SIGKILL');
    await until(async () => !(await isAlive(proxy)));
    await agent.startAgent();
  }

  it('in the middle of a switch switches all the same', async () => {
    const fleet = await agent.declare(1);
    await orders.standby(fleet, 1);
    // A proxy that does not listen holds the switch in its middle.
    process.kill((await agent.proxy()).pid, 'SIGSTOP');
    const operation = operationOf(switchTo(GREEN));
    expect(await fleet.driver.submitSet(operation, FENCE)).toMatchObject({ state: 'RUNNING' });
    await until(async () => (await agent.kept(fleet.name))['switchingTo'] === GREEN);
    expect(await fleet.driver.pollSet(operation.id, 0)).toMatchObject({ state: 'RUNNING' });
    await killBoth();
    expect(await orders.ending(fleet, operation)).toMatchObject({ state: 'SUCCEEDED' });
    expect((await whoAnswers(fleet.trafficUrl)).version).toBe(NEW);
    expect(await agent.open(fleet.name).room([])).toMatchObject({ listed: 1, down: 0 });
  });

  it('in the middle of a creation makes the set once', async () => {
    const fleet = await agent.declare(1);
    process.kill((await agent.proxy()).pid, 'SIGSTOP');
    const operation = operationOf(create(3));
    expect(await fleet.driver.submitSet(operation, FENCE)).toMatchObject({ state: 'RUNNING' });
    await until(async () => (await agent.kept(fleet.name))['made'] === 4);
    await killBoth();
    expect(await orders.ending(fleet, operation)).toMatchObject({ state: 'SUCCEEDED' });
    expect(await orders.ids(fleet, GREEN)).toHaveLength(3);
    expect(await orders.ids(fleet)).toHaveLength(1);
  });

  it('in the middle of a retirement lets what is under way end, and ends the set', async () => {
    const fleet = await agent.declare(1);
    const before = await agent.instances();
    await orders.standby(fleet, 2);
    const address = await orders.address(fleet, GREEN);
    const slow = ask(`${address}/slow?ms=4000`, false);
    await whoAnswers(address);
    const operation = operationOf({ ...retire(GREEN), drainTimeoutMs: 30_000 });
    expect(await fleet.driver.submitSet(operation, FENCE)).toMatchObject({ state: 'RUNNING' });
    await agent.restartAgent();
    expect(await slow).toMatchObject({ status: 200 });
    expect(await orders.ending(fleet, operation)).toMatchObject({
      state: 'SUCCEEDED',
      closedConnections: 0,
    });
    expect(await agent.instances()).toHaveLength(before.length);
    expect(await agent.open(fleet.name).sets()).toEqual([{ name: 'main', live: true, listed: 1 }]);
  });
});
