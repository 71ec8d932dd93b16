import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { InstanceOperation, OperationState } from '#targets/target.driver.js';
import { isAlive } from '../src/processes/process-identity.probe.js';
import { greeter, RealAgent, until, type Fleet } from './real-agent.js';

jest.setTimeout(120_000);

const FENCE = { handOver: 1, epoch: 1 };
const TOKEN = 'a-token-of-the-test-alone';

let agent: RealAgent;

beforeAll(async () => {
  agent = await RealAgent.start({ FLEET_AGENT_TOKEN: TOKEN });
});

afterAll(async () => {
  await agent.close();
});

const bring = (instanceId: string, version: string, n = 1): InstanceOperation => ({
  id: `${instanceId}/bring/${version}/${n}`,
  instanceId,
  verb: 'bring',
  version,
  artifacts: greeter(version),
});

async function firstOf(fleet: Fleet): Promise<string> {
  return (await fleet.driver.list({ limit: 1 })).instances[0]?.id ?? '';
}

async function run(fleet: Fleet, operation: InstanceOperation): Promise<OperationState> {
  let [state] = await fleet.driver.submit([operation], FENCE);
  await until(async () => {
    [state] = await agent.open(fleet.name).poll([operation], 1_000);
    return state?.state !== 'RUNNING';
  });
  if (state === undefined) throw new Error('no state');
  return state;
}

describe('versions as they really are', () => {
  it('one that is never healthy runs, and says why it is not', async () => {
    const fleet = await agent.declare(1);
    const id = await firstOf(fleet);
    expect(await run(fleet, bring(id, '1.3.0'))).toMatchObject({ state: 'SUCCEEDED' });
    expect((await fleet.driver.list({ limit: 1 })).instances[0]).toMatchObject({
      version: '1.3.0',
      healthy: false,
      problem: 'cannot reach its dictionary',
    });
  });

  it('one that lies is shown with the version it claims', async () => {
    const fleet = await agent.declare(1);
    await run(fleet, bring(await firstOf(fleet), '1.4.0'));
    expect((await fleet.driver.list({ limit: 1 })).instances[0]).toMatchObject({
      version: '1.0.0',
      healthy: true,
    });
  });

  it('one that does not exist fails with the end of its log', async () => {
    const fleet = await agent.declare(1);
    const state = await run(fleet, bring(await firstOf(fleet), '9.9.9'));
    expect(state).toMatchObject({ state: 'FAILED' });
    expect(JSON.stringify(state)).toContain('9.9.9 did not start: it ended at once');
  });

  it.each([
    ['a command nobody allowed', { command: 'rm', entry: 'x' }, 'command: expected one of node'],
    ['an entry outside', { entry: '../../etc/passwd' }, 'entry: expected a path below'],
    ['a variable that loads code', { entry: 'x', 'env.NODE_OPTIONS': '-r x' }, 'cannot be set'],
    ['arguments that are no list', { argv: 'rm -rf' }, 'argv: expected a JSON array'],
  ])('artifacts with %s are not run', async (_what, artifacts, why) => {
    const fleet = await agent.declare(1);
    const operation = { ...bring(await firstOf(fleet), '2.0.0'), artifacts };
    expect(JSON.stringify(await run(fleet, operation))).toContain(why);
    expect((await fleet.driver.list({ limit: 1 })).instances[0]).toMatchObject({ healthy: true });
  });
});

describe('an agent that is killed', () => {
  it('in the middle of a bring goes on with it, and starts no second process', async () => {
    const fleet = await agent.declare(1);
    const id = await firstOf(fleet);
    const before = (await agent.instances()).map(({ pid }) => pid);
    const slow = {
      ...bring(id, '1.2.0'),
      artifacts: { ...greeter('1.2.0'), 'env.GREETER_STARTS_AFTER_MS': '6000' },
    };
    const [began] = await fleet.driver.submit([slow], FENCE);
    expect(began).toMatchObject({ state: 'RUNNING' });
    let started: number | undefined;
    await until(async () => {
      started = (await agent.instances()).find(({ pid }) => !before.includes(pid))?.pid;
      return started !== undefined;
    });
    await agent.restartAgent();
    expect(await run({ ...fleet, driver: agent.open(fleet.name) }, slow)).toMatchObject({
      state: 'SUCCEEDED',
    });
    expect((await agent.open(fleet.name).list({ limit: 1 })).instances[0]).toMatchObject({
      version: '1.2.0',
      healthy: true,
    });
    // The very process that the killed agent had started, and no other beside it.
    const after = (await agent.instances()).map(({ pid }) => pid);
    expect(after).toContain(started);
    expect(after).toHaveLength(before.length);
  });

  it('leaves its folder to the next one, and no second agent lives there', async () => {
    const second = spawn(
      process.execPath,
      ['--conditions=source', '--import=./tools/typescript.mjs', 'apps/fleet-agent/src/main.ts'],
      {
        cwd: new URL('../../..', import.meta.url).pathname,
        env: { PATH: process.env['PATH'], FLEET_AGENT_HOME: agent.home.folder, PORT: '0' },
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    let said = '';
    second.stderr.on('data', (part: Buffer) => (said += part.toString()));
    const [code] = (await once(second, 'exit')) as [number];
    expect(code).not.toBe(0);
    expect(said).toContain('an agent lives on');
  });
});

describe('a fleet', () => {
  it('declared again stays as it is, and grows', async () => {
    const fleet = await agent.declare(1);
    await run(fleet, bring(await firstOf(fleet), '1.1.0'));
    const again = { instances: 2, version: '1.0.0', artifacts: greeter('1.0.0') };
    expect((await agent.ask('PUT', `fleets/${fleet.name}`, again)).status).toBe(200);
    const { instances } = await fleet.driver.list({ limit: 10 });
    expect(instances.map((instance) => instance.version)).toEqual(['1.1.0', '1.0.0']);
    expect(
      (await agent.ask('PUT', `fleets/${fleet.name}`, { ...again, instances: 1 })).status,
    ).toBe(409);
  });

  it('removed leaves no process and no traffic', async () => {
    const before = (await agent.instances()).length;
    const fleet = await agent.declare(2);
    expect(await agent.instances()).toHaveLength(before + 2);
    await agent.remove(`fleets/${fleet.name}`);
    expect(await agent.instances()).toHaveLength(before);
    await expect(fetch(fleet.trafficUrl)).rejects.toThrow('fetch failed');
    await expect(fleet.driver.room([])).rejects.toThrow('there is no fleet');
  });
});

describe('requests', () => {
  it('without the token are refused, but for the health of the agent itself', async () => {
    expect((await fetch(`${agent.url}/fleets`)).status).toBe(401);
    expect((await fetch(`${agent.url}/livez`)).status).toBe(200);
    expect((await fetch(`${agent.url}/readyz`)).status).toBe(200);
  });

  it('that do not fit are answered as problems that name the field', async () => {
    const answer = await agent.ask('PUT', 'fleets/x', { instances: 0, colour: 'red' });
    expect(answer).toMatchObject({ status: 400, body: { title: 'Bad Request' } });
    expect(JSON.stringify(answer.body)).toContain('instances');
    expect((await agent.ask('POST', 'v1/fleets/nowhere/list', { limit: 1 })).status).toBe(404);
  });
});

describe('the watchdog', () => {
  it('ends agent, proxy and instances when what it guards is gone, also after the agent', async () => {
    const guarded = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], {
      stdio: 'ignore',
    });
    const other = await RealAgent.start({ WATCHDOG_PID: String(guarded.pid) });
    await other.declare(2);
    const processes = [await other.proxy(), ...(await other.instances())];
    expect(processes).toHaveLength(3);
    await other.killAgent();
    guarded.kill('SIGKILL');
    await until(async () => {
      const alive = await Promise.all(processes.map(isAlive));
      return alive.every((is) => !is);
    });
    await other.close();
  });
});
