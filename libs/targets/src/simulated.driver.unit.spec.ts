import { describe, expect, it } from '@jest/globals';
import { SystemClock } from '#runtime/clock.js';
import { InMemoryFleetStore } from './in-memory-fleet.store.js';
import type { SimulatedFault } from './simulated-faults.js';
import { describeSimulatedSets } from './simulated-sets.contract.js';
import { SimulatedTargets } from './simulated-targets.js';
import { ManualClock } from '#testing/manual-clock.js';
import { describeTarget } from './target.contract.js';
import { TargetUnreachableError } from './target.driver.js';
import type { InstanceOperation, TargetDriver } from './target.driver.js';

const FENCE = { handOver: 1, epoch: 1 };
const BASE = { fleet: 'tenant/component', version: '1.0.0' };

/** Its place in its set, as its id says. */
const indexOf = (id: string): number => Number(id.slice(-6));

describeTarget('the simulated driver in memory', () => {
  const clock = new SystemClock();
  const store = new InMemoryFleetStore(clock);
  const targets = new SimulatedTargets(store, clock);
  const settings = { ...BASE, instances: 5 };
  return Promise.resolve({
    driver: targets.open(settings),
    artifactsOf: () => ({}),
    slowVersion: '1.2.0',
    makeSlow: (id) => {
      const instance = indexOf(id);
      return targets.setFaults(settings, [{ instance, on: 'BRING', how: 'HANG', times: 1 }]);
    },
    vanish: (id) => store.alter(settings.fleet, indexOf(id), { gone: true }),
    restart: () => Promise.resolve(),
    close: () => Promise.resolve(),
  });
});

interface Rehearsal {
  readonly clock: ManualClock;
  readonly targets: SimulatedTargets;
  readonly driver: TargetDriver;
  readonly settings: Record<string, unknown>;
}

function rehearse(faults: SimulatedFault[] = [], more: Record<string, unknown> = {}): Rehearsal {
  const clock = new ManualClock();
  const targets = new SimulatedTargets(new InMemoryFleetStore(clock), clock);
  const settings = { ...BASE, faults, ...more };
  return { clock, targets, driver: targets.open(settings), settings };
}

describeSimulatedSets('simulated fleets in memory', (faults = [], more = {}) => {
  const clock = new SystemClock();
  const store = new InMemoryFleetStore(clock);
  const targets = new SimulatedTargets(store, clock);
  const settings = { ...BASE, faults, ...more };
  return { driver: targets.open(settings), targets, settings, store };
});

const drain = (index: number): InstanceOperation => ({
  id: `e/${index}/1/drain`,
  instanceId: `i-00000${index}`,
  verb: 'drain',
});
const bring = (index: number, version = '1.1.0', attempt = 1): InstanceOperation => ({
  id: `e/${index}/${attempt}/bring`,
  instanceId: `i-00000${index}`,
  verb: 'bring',
  version,
  artifacts: {},
});
const look = async (driver: TargetDriver, index: number) =>
  (await driver.list({ ids: [`i-00000${index}`], limit: 1 })).instances[0];

describe('a simulated fleet', () => {
  it('has ten instances when nothing else is said', async () => {
    expect(await rehearse().driver.room([])).toEqual({ listed: 10, down: 0, spare: 10 });
  });

  it('answers success at once without latency', async () => {
    const { driver } = rehearse();
    expect(await driver.submit([drain(0)], FENCE)).toEqual([
      { id: drain(0).id, state: 'SUCCEEDED' },
    ]);
  });

  it('takes between half and one and a half of its latency, and says when', async () => {
    const { clock, driver } = rehearse([], { latencyMs: 1_000 });
    expect(await driver.submit([bring(0)], FENCE)).toMatchObject([{ state: 'RUNNING' }]);
    expect(await look(driver, 0)).toMatchObject({ version: null, healthy: false });
    const beganMs = clock.nowMs();
    expect(await driver.poll([bring(0)], 5_000)).toMatchObject([{ state: 'SUCCEEDED' }]);
    expect(clock.nowMs() - beganMs).toBeGreaterThanOrEqual(500);
    expect(clock.nowMs() - beganMs).toBeLessThanOrEqual(1_500);
    expect(await look(driver, 0)).toMatchObject({ version: '1.1.0', healthy: true });
  });

  it('waits no longer than asked for', async () => {
    const { clock, driver } = rehearse([], { latencyMs: 10_000 });
    await driver.submit([drain(0)], FENCE);
    const beganMs = clock.nowMs();
    expect(await driver.poll([drain(0)], 700)).toMatchObject([{ state: 'RUNNING' }]);
    expect(clock.nowMs() - beganMs).toBe(700);
  });

  it('takes down what was done', async () => {
    const { driver, targets, settings } = rehearse();
    await driver.submit([bring(0)], FENCE);
    await driver.submit([bring(0)], FENCE);
    expect(await targets.history(settings)).toEqual([
      {
        instanceId: 'i-000000',
        operationId: bring(0).id,
        verb: 'bring',
        version: '1.1.0',
        fence: FENCE,
        outcome: 'DONE',
      },
    ]);
  });

  it('takes down nothing when it is volatile', async () => {
    const { driver, targets, settings } = rehearse([], { volatile: true });
    await driver.submit([bring(0)], FENCE);
    expect(await targets.history(settings)).toEqual([]);
    expect(await look(driver, 0)).toMatchObject({ version: '1.1.0' });
  });

  it('declared anew it is as declared, and remembers who lost it', async () => {
    const { driver, targets, settings } = rehearse();
    await driver.submit([bring(0)], { handOver: 2, epoch: 1 });
    await targets.declare({ ...settings, instances: 3 });
    expect(await driver.room([])).toMatchObject({ listed: 3, down: 0 });
    expect(await look(driver, 0)).toMatchObject({ version: '1.0.0' });
    expect(await driver.submit([drain(0)], FENCE)).toMatchObject([{ state: 'REFUSED' }]);
  });

  it('an instance that appeared is listed', async () => {
    const clock = new ManualClock();
    const store = new InMemoryFleetStore(clock);
    const driver = new SimulatedTargets(store, clock).open({ ...BASE, instances: 2 });
    await driver.room([]);
    await store.alter(BASE.fleet, 2, { runs: '9.0.0' });
    expect(await driver.room([])).toMatchObject({ listed: 3 });
    expect(await look(driver, 2)).toMatchObject({ version: '9.0.0' });
  });
});

describe('sets of a simulated fleet', () => {
  const create = { id: 'c', verb: 'createSet', set: 'new', size: 2 } as const;
  const retire = { id: 'r', verb: 'retireSet', set: 'new', drainTimeoutMs: 1_000 } as const;

  it('take their time: places are there at the end, and go at the end', async () => {
    const { clock, driver } = rehearse([], { latencyMs: 1_000 });
    const beganMs = clock.nowMs();
    expect(await driver.submitSet(create, FENCE)).toEqual({ id: 'c', state: 'RUNNING' });
    expect(await driver.sets()).toHaveLength(1);
    expect(await driver.pollSet('c', 300)).toEqual({ id: 'c', state: 'RUNNING' });
    expect(clock.nowMs() - beganMs).toBe(300);
    expect(await driver.pollSet('c', 5_000)).toEqual({ id: 'c', state: 'SUCCEEDED' });
    expect(clock.nowMs() - beganMs).toBeGreaterThanOrEqual(500);
    expect(clock.nowMs() - beganMs).toBeLessThanOrEqual(1_500);
    expect(await driver.sets()).toHaveLength(2);
    await driver.submitSet(retire, FENCE);
    expect(await driver.sets()).toHaveLength(2);
    clock.pass(1_500);
    expect(await driver.sets()).toHaveLength(1);
  });

  it('that are cut short in the making leave nothing behind', async () => {
    const { clock, driver, targets, settings } = rehearse([], { latencyMs: 1_000 });
    await driver.submitSet(create, FENCE);
    await driver.submitSet(retire, { handOver: 2, epoch: 1 });
    clock.pass(10_000);
    expect(await driver.pollSet('r', 0)).toEqual({ id: 'r', state: 'SUCCEEDED' });
    expect(await driver.sets()).toHaveLength(1);
    expect((await targets.history(settings)).map(({ verb, outcome }) => [verb, outcome])).toEqual([
      ['createSet', 'SUPERSEDED'],
      ['retireSet', 'DONE'],
    ]);
  });

  it('answer no requests, so they have no address', async () => {
    expect(await rehearse().driver.address('main')).toBeNull();
  });
});

describe('faults of a simulated fleet', () => {
  it('METRICS HANG makes the target unreachable after its limit', async () => {
    const { clock, driver } = rehearse([{ on: 'METRICS', how: 'HANG' }], { metrics: { a: 1 } });
    const beganMs = clock.nowMs();
    const asked = driver.metric({ query: 'a', ids: ['i-000000'] });
    await expect(asked).rejects.toThrow(TargetUnreachableError);
    expect(clock.nowMs() - beganMs).toBe(5_000);
  });

  it('BRING FAIL leaves the instance stopped on its version', async () => {
    const { driver } = rehearse([{ instance: 0, on: 'BRING', how: 'FAIL' }]);
    expect(await driver.submit([bring(0), bring(1)], FENCE)).toMatchObject([
      { state: 'FAILED', reason: '1.1.0 did not start' },
      { state: 'SUCCEEDED' },
    ]);
    expect(await look(driver, 0)).toMatchObject({ version: null, healthy: false });
  });

  it('BRING LIE says yes and stays on the old version', async () => {
    const { driver } = rehearse([{ instance: 0, on: 'BRING', how: 'LIE' }]);
    expect(await driver.submit([bring(0)], FENCE)).toMatchObject([{ state: 'SUCCEEDED' }]);
    expect(await look(driver, 0)).toMatchObject({ version: '1.0.0', healthy: true });
  });

  it('BRING VANISH takes the instance away', async () => {
    const { driver } = rehearse([{ instance: 0, on: 'BRING', how: 'VANISH' }]);
    expect(await driver.submit([bring(0)], FENCE)).toMatchObject([
      { state: 'FAILED', vanished: true },
    ]);
    expect(await look(driver, 0)).toBeUndefined();
    expect(await driver.room([])).toMatchObject({ listed: 9 });
  });

  it('BRING NO_DATA accepts and forgets; the repeated id is begun then', async () => {
    const { driver } = rehearse([{ instance: 0, on: 'BRING', how: 'NO_DATA', times: 1 }]);
    expect(await driver.submit([bring(0)], FENCE)).toMatchObject([{ state: 'RUNNING' }]);
    expect(await driver.poll([bring(0)], 0)).toMatchObject([{ state: 'UNKNOWN' }]);
    expect(await driver.submit([bring(0)], FENCE)).toMatchObject([{ state: 'SUCCEEDED' }]);
  });

  it('what was forgotten supersedes what runs when it comes again', async () => {
    const faults: SimulatedFault[] = [{ instance: 0, on: 'BRING', how: 'NO_DATA', times: 1 }];
    const { driver } = rehearse(faults, { latencyMs: 1_000 });
    await driver.submit([bring(0)], FENCE);
    await driver.submit([drain(0)], FENCE);
    expect(await driver.submit([bring(0)], FENCE)).toMatchObject([{ state: 'RUNNING' }]);
    expect(await driver.poll([drain(0)], 0)).toMatchObject([{ state: 'FAILED' }]);
  });

  it('what hangs goes on once the fault is gone', async () => {
    const { driver, targets, settings } = rehearse([{ on: 'DRAIN', how: 'HANG' }]);
    await driver.submit([drain(0)], FENCE);
    expect(await driver.poll([drain(0)], 30_000)).toMatchObject([{ state: 'RUNNING' }]);
    await targets.setFaults(settings, [{ instance: 5, on: 'BRING', how: 'FAIL' }]);
    expect(await driver.poll([drain(0)], 0)).toMatchObject([{ state: 'SUCCEEDED' }]);
  });

  it('HEALTH faults show on the version the deployment is not on yet, and only there', async () => {
    const { driver } = rehearse([{ on: 'HEALTH', how: 'FAIL' }]);
    expect(await driver.room([])).toMatchObject({ down: 0 });
    await driver.submit([bring(0)], FENCE);
    expect(await look(driver, 0)).toMatchObject({ version: '1.1.0', healthy: false });
    expect(await driver.room([])).toMatchObject({ down: 1 });
    await driver.submit([bring(0, '1.0.0', 2)], FENCE);
    expect(await look(driver, 0)).toMatchObject({ version: '1.0.0', healthy: true });
  });

  it('HEALTH LIE is healthy on the old version, NO_DATA and HANG answer nothing', async () => {
    const { driver } = rehearse([
      { instance: 0, on: 'HEALTH', how: 'LIE' },
      { instance: 1, on: 'HEALTH', how: 'NO_DATA' },
      { instance: 2, on: 'HEALTH', how: 'HANG' },
    ]);
    await driver.submit([bring(0), bring(1), bring(2)], FENCE);
    expect(await look(driver, 0)).toMatchObject({ version: '1.0.0', healthy: true });
    expect(await look(driver, 1)).toMatchObject({ version: null, healthy: false, noData: true });
    expect(await look(driver, 2)).toMatchObject({ version: null, healthy: false });
  });

  it('counts a fault by the looks at named instances, and then it is over', async () => {
    const { driver } = rehearse([{ on: 'HEALTH', how: 'FAIL', times: 2 }]);
    await driver.submit([bring(0)], FENCE);
    await driver.room([]);
    expect(await look(driver, 0)).toMatchObject({ healthy: false });
    expect(await look(driver, 0)).toMatchObject({ healthy: false });
    expect(await look(driver, 0)).toMatchObject({ healthy: true });
  });

  it('ROLLBACK bites only on the way back', async () => {
    const { driver } = rehearse([{ on: 'ROLLBACK', how: 'FAIL' }]);
    expect(await driver.submit([bring(0)], FENCE)).toMatchObject([{ state: 'SUCCEEDED' }]);
    expect(await driver.submit([bring(0, '1.0.0', 2)], FENCE)).toMatchObject([{ state: 'FAILED' }]);
    expect(await driver.submit([bring(0, '1.2.0', 3)], FENCE)).toMatchObject([
      { state: 'SUCCEEDED' },
    ]);
  });

  it('an instance that went back goes forward again, not back', async () => {
    const { driver, targets, settings } = rehearse();
    await driver.submit([bring(0)], FENCE);
    await driver.submit([bring(0, '1.0.0', 2)], FENCE);
    await targets.setFaults(settings, [{ on: 'ROLLBACK', how: 'FAIL' }]);
    expect(await driver.submit([bring(0, '1.1.0', 3)], FENCE)).toMatchObject([
      { state: 'SUCCEEDED' },
    ]);
  });

  it('LIST LIE claims of every instance that it is up', async () => {
    const { driver } = rehearse([{ on: 'LIST', how: 'LIE' }]);
    await driver.submit([drain(0)], FENCE);
    expect(await look(driver, 0)).toMatchObject({ admitted: true, healthy: true });
  });

  it('LIST FAIL and HANG make the target unreachable, HANG after its limit', async () => {
    const failing = rehearse([{ on: 'LIST', how: 'FAIL', times: 1 }]);
    await expect(failing.driver.list({ limit: 5 })).rejects.toThrow(TargetUnreachableError);
    expect((await failing.driver.list({ limit: 5 })).instances).toHaveLength(5);
    const hanging = rehearse([{ on: 'LIST', how: 'HANG' }]);
    const beganMs = hanging.clock.nowMs();
    await expect(hanging.driver.room([])).rejects.toThrow(TargetUnreachableError);
    expect(hanging.clock.nowMs() - beganMs).toBe(5_000);
  });

  it('LIST NO_DATA shows an empty fleet, and counts nothing', async () => {
    const { driver } = rehearse([{ on: 'LIST', how: 'NO_DATA' }]);
    expect(await driver.list({ limit: 5 })).toEqual({ instances: [], nextCursor: null });
    await expect(driver.room([])).rejects.toThrow('no numbers');
  });

  it('LIST of a named instance makes that one look down before anything was done', async () => {
    const { driver } = rehearse([{ instance: 3, on: 'LIST', how: 'FAIL' }]);
    expect(await driver.room([])).toMatchObject({ listed: 10, down: 1 });
    const down = await driver.list({ downOnly: true, limit: 10 });
    expect(down.instances.map((instance) => instance.id)).toEqual(['i-000003']);
  });

  it('LIST VANISH takes an instance away for good', async () => {
    const { driver, targets, settings } = rehearse([{ instance: 3, on: 'LIST', how: 'VANISH' }]);
    expect((await driver.list({ limit: 100 })).instances).toHaveLength(9);
    await targets.setFaults(settings, []);
    expect(await driver.room([])).toMatchObject({ listed: 9 });
  });
});
