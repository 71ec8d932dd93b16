import { describe, expect, it } from '@jest/globals';
import type { SimulatedFault } from './simulated-faults.js';
import type { SimulatedFleetStore } from './simulated-fleet.store.js';
import type { SimulatedTargets } from './simulated-targets.js';
import { ended, listAll } from './target-asks.contract.js';
import { TargetUnreachableError } from './target.driver.js';
import type { Fence, InstanceOperation, SetOperation, TargetDriver } from './target.driver.js';

const FENCE: Fence = { handOver: 1, epoch: 1 };
const HIGHER: Fence = { handOver: 2, epoch: 1 };
/** So long that what is begun does not end while a test runs. */
const FOR_EVER_MS = 600_000;

/** A fleet of its own of ten instances on 1.0.0, unless `more` says otherwise. */
export interface Rehearsed {
  readonly driver: TargetDriver;
  readonly targets: SimulatedTargets;
  readonly settings: Record<string, unknown>;
  readonly store: SimulatedFleetStore;
}

export type Rehearse = (faults?: SimulatedFault[], more?: Record<string, unknown>) => Rehearsed;

const create = (set: string, size: number, id = `create ${set} ${size}`): SetOperation => ({
  id,
  verb: 'createSet',
  set,
  size,
});
const switchTo = (set: string, id = `switch ${set}`): SetOperation => ({ id, verb: 'switch', set });
const retire = (set: string, id = `retire ${set}`): SetOperation => {
  return { id, verb: 'retireSet', set, drainTimeoutMs: 1_000 };
};
const bring = (instanceId: string, version = '1.1.0', attempt = 1): InstanceOperation => {
  return { id: `${instanceId}/${attempt}/bring`, instanceId, verb: 'bring', version };
};
const readmit = (instanceId: string): InstanceOperation => {
  return { id: `${instanceId}/readmit`, instanceId, verb: 'readmit' };
};

/** A set `new` of two on 1.1.0, ready to be switched to. */
async function standBy({ driver }: Rehearsed): Promise<string[]> {
  await driver.submitSet(create('new', 2), FENCE);
  const ids = (await listAll(driver, { set: 'new' })).map(({ id }) => id);
  await driver.submit(
    ids.map((id) => bring(id)),
    FENCE,
  );
  await driver.submit(ids.map(readmit), FENCE);
  return ids;
}

async function liveOf({ driver }: Rehearsed): Promise<string | undefined> {
  return (await driver.sets()).find((set) => set.live)?.name;
}

/** What every store of simulated fleets must do with their sets, whatever faults there are. */
export function describeSimulatedSets(name: string, rehearse: Rehearse): void {
  describe(`${name}: sets`, () => {
    describeFaultsOfSwitching(rehearse);
    describeSuperseding(rehearse);
    describePlaces(rehearse);
  });
  describe(`${name}: reports`, () => {
    describeReported(rehearse);
  });
}

function describeFaultsOfSwitching(rehearse: Rehearse): void {
  it('SWITCH FAIL fails as often as it is to, and traffic stays', async () => {
    const rehearsed = rehearse([{ on: 'SWITCH', how: 'FAIL', times: 1 }]);
    await standBy(rehearsed);
    const { driver } = rehearsed;
    expect(await driver.submitSet(switchTo('new'), FENCE)).toMatchObject({ state: 'FAILED' });
    expect(await liveOf(rehearsed)).toBe('main');
    expect(await driver.submitSet(switchTo('new', 'again'), FENCE)).toMatchObject({
      state: 'SUCCEEDED',
    });
    expect(await liveOf(rehearsed)).toBe('new');
  });

  it('SWITCH LIE says yes and does not switch', async () => {
    const rehearsed = rehearse([{ on: 'SWITCH', how: 'LIE' }]);
    await standBy(rehearsed);
    const state = await rehearsed.driver.submitSet(switchTo('new'), FENCE);
    expect(state).toMatchObject({ state: 'SUCCEEDED' });
    expect(await liveOf(rehearsed)).toBe('main');
  });

  it('SWITCH HANG hangs until it is healed', async () => {
    const rehearsed = rehearse([{ on: 'SWITCH', how: 'HANG' }]);
    await standBy(rehearsed);
    const { driver, targets, settings } = rehearsed;
    expect(await driver.submitSet(switchTo('new'), FENCE)).toMatchObject({ state: 'RUNNING' });
    expect(await driver.pollSet('switch new', 0)).toMatchObject({ state: 'RUNNING' });
    await targets.setFaults(settings, []);
    expect(await driver.pollSet('switch new', 0)).toMatchObject({ state: 'SUCCEEDED' });
    expect(await liveOf(rehearsed)).toBe('new');
  });

  it('SWITCH NO_DATA is accepted and forgotten, and begun when it comes again', async () => {
    const rehearsed = rehearse([{ on: 'SWITCH', how: 'NO_DATA', times: 1 }]);
    await standBy(rehearsed);
    const { driver } = rehearsed;
    expect(await driver.submitSet(switchTo('new'), FENCE)).toMatchObject({ state: 'RUNNING' });
    expect(await driver.pollSet('switch new', 0)).toMatchObject({ state: 'UNKNOWN' });
    expect(await driver.submitSet(switchTo('new'), FENCE)).toMatchObject({ state: 'SUCCEEDED' });
  });

  it('nothing is switched to a set of which nobody is healthy, but to one of which some are', async () => {
    const rehearsed = rehearse([{ on: 'HEALTH', how: 'FAIL' }]);
    await standBy(rehearsed);
    const { driver, targets, settings } = rehearsed;
    expect(await driver.submitSet(switchTo('new', 'none'), FENCE)).toEqual({
      id: 'none',
      state: 'FAILED',
      reason: 'no instance of new is healthy and admitted',
    });
    await targets.setFaults(settings, [{ instance: 0, on: 'HEALTH', how: 'FAIL' }]);
    const some = await driver.submitSet(switchTo('new', 'some'), FENCE);
    expect(some).toMatchObject({ state: 'SUCCEEDED' });
  });

  it('a listing that vanishes takes down ones alone, whatever ended meanwhile', async () => {
    const { driver, targets, settings } = rehearse([], { latencyMs: 1 });
    const operation = bring('i-000003');
    await ended(driver, [operation], await driver.submit([operation], FENCE));
    await targets.setFaults(settings, [{ on: 'LIST', how: 'VANISH' }]);
    await driver.list({ downOnly: true, limit: 10 });
    await targets.setFaults(settings, []);
    expect(await driver.room([])).toMatchObject({ listed: 10, down: 0 });
  });

  it('faults of a listing keep the list of sets from being believed', async () => {
    const silent = rehearse([{ on: 'LIST', how: 'NO_DATA' }]);
    await expect(silent.driver.sets()).rejects.toThrow(TargetUnreachableError);
    const failing = rehearse([{ on: 'LIST', how: 'FAIL' }]);
    await expect(failing.driver.sets()).rejects.toThrow(TargetUnreachableError);
  });
}

function describeSuperseding(rehearse: Rehearse): void {
  it('another operation supersedes what runs, and says by whom', async () => {
    const { driver } = rehearse([], { latencyMs: FOR_EVER_MS });
    const asked = [create('a', 1), create('b', 1), retire('b')] as const;
    expect(await driver.submitSet(asked[0], FENCE)).toMatchObject({ state: 'RUNNING' });
    await driver.submitSet(asked[1], FENCE);
    expect(await driver.pollSet(asked[0].id, 0)).toEqual({
      id: asked[0].id,
      state: 'FAILED',
      reason: `superseded by ${asked[1].id}`,
    });
    await driver.submitSet(asked[2], HIGHER);
    expect(await driver.pollSet(asked[1].id, 0)).toEqual({
      id: asked[1].id,
      state: 'REFUSED',
      fence: HIGHER,
    });
    expect(await driver.sets()).toMatchObject([{ name: 'main' }]);
  });

  it('what was forgotten supersedes what runs when it comes again', async () => {
    const faults: SimulatedFault[] = [{ on: 'SWITCH', how: 'NO_DATA', times: 1 }];
    const { driver } = rehearse(faults, { latencyMs: FOR_EVER_MS });
    await driver.submitSet(switchTo('new'), FENCE);
    await driver.submitSet(create('a', 1), FENCE);
    expect(await driver.submitSet(switchTo('new'), FENCE)).toMatchObject({ state: 'RUNNING' });
    expect(await driver.pollSet('create a 1', 0)).toMatchObject({ state: 'FAILED' });
  });

  it('what runs is adopted under a higher fence and goes on', async () => {
    const { driver, targets, settings } = rehearse([], { latencyMs: FOR_EVER_MS });
    await driver.submitSet(create('a', 1), FENCE);
    const { sets } = await targets.sets(settings);
    expect(await driver.submitSet(create('a', 1), HIGHER)).toMatchObject({ state: 'RUNNING' });
    const after = await targets.sets(settings);
    expect(after.sets).toEqual({ ...sets, fence: HIGHER });
  });

  it('retiring a set ends what runs on it, and takes that down', async () => {
    const { driver, targets, settings } = rehearse([{ on: 'BRING', how: 'HANG' }]);
    await driver.submitSet(create('new', 1), FENCE);
    await driver.submit([bring('new-000000')], FENCE);
    await driver.submitSet(retire('new'), HIGHER);
    expect(await driver.poll([bring('new-000000')], 0)).toMatchObject([{ state: 'FAILED' }]);
    const outcomes = (await targets.history(settings)).map(({ verb, outcome }) => [verb, outcome]);
    expect(outcomes).toEqual([
      ['createSet', 'DONE'],
      ['bring', 'HANG'],
      ['retireSet', 'DONE'],
      ['bring', 'SUPERSEDED'],
    ]);
  });

  it('a set made anew does not listen to those who lost it', async () => {
    const { driver } = rehearse();
    await driver.submitSet(create('new', 1), HIGHER);
    expect(await driver.submit([bring('new-000000')], FENCE)).toMatchObject([
      { state: 'REFUSED', fence: HIGHER },
    ]);
  });

  it('a fleet declared anew has its first set alone, and remembers who lost it', async () => {
    const rehearsed = rehearse();
    await standBy(rehearsed);
    const { driver, targets, settings } = rehearsed;
    await driver.submitSet(switchTo('new'), HIGHER);
    await driver.submitSet(retire('main'), HIGHER);
    await targets.declare({ ...settings, instances: 4 });
    expect(await driver.sets()).toEqual([{ name: 'main', live: true, listed: 4 }]);
    expect(await driver.room([])).toEqual({ listed: 4, down: 0, spare: 4 });
    expect(await driver.submitSet(create('new', 1), FENCE)).toMatchObject({ state: 'REFUSED' });
  });
}

function describePlaces(rehearse: Rehearse): void {
  it('their ids say the set and are unique, also where a set is called as ids begin', async () => {
    const { driver } = rehearse([], { instances: 2 });
    await driver.submitSet(create('i', 2), FENCE);
    await driver.submitSet(create('b-2', 1), FENCE);
    const ids = ['i', 'b-2', 'main'].map(async (set) =>
      (await listAll(driver, { set })).map(({ id }) => id),
    );
    expect(await Promise.all(ids)).toEqual([
      ['i_-000000', 'i_-000001'],
      ['b-2-000000'],
      ['i-000000', 'i-000001'],
    ]);
  });

  it('one that vanished is a place again when the set is filled up', async () => {
    const { driver, store, settings } = rehearse();
    await driver.submitSet(create('new', 3), FENCE);
    await driver.submit([bring('new-000000')], FENCE);
    await store.alter(String(settings['fleet']), 1, { gone: true }, 'new');
    expect(await listAll(driver, { set: 'new' })).toHaveLength(2);
    await driver.submitSet(create('new', 3, 'again'), FENCE);
    expect(await listAll(driver, { set: 'new' })).toMatchObject([
      { id: 'new-000000', version: '1.1.0' },
      { id: 'new-000001', version: null, problem: 'nothing was brought to it yet' },
      { id: 'new-000002', version: null },
    ]);
  });

  it('a bring that lies leaves nothing running in it', async () => {
    const { driver } = rehearse([{ on: 'BRING', how: 'LIE' }]);
    await driver.submitSet(create('new', 1), FENCE);
    const [state] = await driver.submit([bring('new-000000')], FENCE);
    expect(state).toMatchObject({ state: 'SUCCEEDED' });
    expect(await listAll(driver, { set: 'new' })).toMatchObject([
      { version: null, healthy: false },
    ]);
    expect(await driver.submit([readmit('new-000000')], FENCE)).toMatchObject([
      { state: 'FAILED', reason: 'the instance does not run' },
    ]);
  });

  it('a set has a size and a name, and there is an end to how many there are', async () => {
    const { driver } = rehearse();
    for (const asked of [create('new', 0), create('new', 1_000_001), create('New', 1)]) {
      expect(await driver.submitSet(asked, FENCE)).toMatchObject({ state: 'FAILED' });
    }
    for (let more = 1; more < 10; more += 1) await driver.submitSet(create(`s${more}`, 1), FENCE);
    expect(await driver.submitSet(create('s10', 1), FENCE)).toMatchObject({ state: 'FAILED' });
    expect(await driver.submitSet(create('s9', 2), FENCE)).toMatchObject({ state: 'SUCCEEDED' });
  });

  it('an instance is not restarted for the version that it runs and is well on', async () => {
    const { driver, targets, settings } = rehearse([], { latencyMs: FOR_EVER_MS });
    const there = bring('i-000000', '1.0.0');
    expect(await driver.submit([there], FENCE)).toEqual([{ id: there.id, state: 'SUCCEEDED' }]);
    const [seen] = (await driver.list({ ids: ['i-000000'], limit: 1 })).instances;
    expect(seen).toMatchObject({ version: '1.0.0', admitted: true, healthy: true });
    // Seen from a deployment that is on another version by now, a fault of health shows on it.
    await targets.setFaults(settings, [{ on: 'HEALTH', how: 'FAIL' }]);
    const later = targets.open({ ...settings, version: '1.1.0' });
    const again = bring('i-000000', '1.0.0', 2);
    expect(await later.submit([again], FENCE)).toMatchObject([{ state: 'RUNNING' }]);
  });
}

function describeReported(rehearse: Rehearse): void {
  it('spare is as many as the fleet has, or as set, less what stands by', async () => {
    const usual = rehearse();
    expect(await usual.driver.room([])).toMatchObject({ listed: 10, spare: 10 });
    await usual.driver.submitSet(create('new', 4), FENCE);
    expect(await usual.driver.room([])).toMatchObject({ listed: 10, spare: 6 });
    const tight = rehearse([], { spare: 3 });
    expect(await tight.driver.room([])).toMatchObject({ spare: 3 });
    await tight.driver.submitSet(create('new', 4), FENCE);
    expect(await tight.driver.room([])).toMatchObject({ spare: 0 });
  });

  it('a weight is remembered and taken down; one that makes no sense fails', async () => {
    const { driver, targets, settings } = rehearse();
    const weigh = { id: 'w', verb: 'weigh', set: null, version: '1.1.0', percentage: 20 } as const;
    expect(await driver.submitSet(weigh, FENCE)).toMatchObject({ state: 'SUCCEEDED' });
    const { sets } = await targets.sets(settings);
    expect(sets.weight).toEqual({ version: '1.1.0', percentage: 20 });
    expect(await targets.history(settings)).toEqual([
      {
        set: null,
        operationId: 'w',
        verb: 'weigh',
        version: '1.1.0',
        percentage: 20,
        fence: FENCE,
        outcome: 'DONE',
      },
    ]);
    const wrong = { ...weigh, id: 'x', percentage: 101 };
    expect(await driver.submitSet(wrong, FENCE)).toMatchObject({ state: 'FAILED' });
    await driver.submitSet({ ...weigh, id: 'y', percentage: null }, FENCE);
    expect((await targets.sets(settings)).sets.weight).toBeNull();
  });

  it('metrics are averaged over those that are named and answer', async () => {
    const metrics = { errors: { '1.0.0': 1, '1.1.0': 4 }, load: 7, later: { '2.0.0': 1 } };
    const { driver, store, settings } = rehearse([], { metrics });
    await driver.submit([bring('i-000000')], FENCE);
    const ask = (query: string, ...ids: string[]) => driver.metric({ query, ids });
    expect(await ask('errors', 'i-000000')).toBe(4);
    expect(await ask('errors', 'i-000000', 'i-000001', 'i-000002')).toBe(2);
    expect(await ask('load', 'i-000000', 'i-000001')).toBe(7);
    expect(await ask('later', 'i-000000')).toBeNull();
    expect(await ask('load', 'no-such')).toBeNull();
    expect(await ask('load')).toBeNull();
    for (const query of ['none', '__proto__', 'toString']) {
      expect(await ask(query, 'i-000000')).toBeNull();
    }
    await store.alter(String(settings['fleet']), 0, { up: false });
    expect(await ask('errors', 'i-000000', 'i-000001')).toBe(1);
    expect(await ask('errors', 'i-000000')).toBeNull();
  });

  it('METRICS faults cut the target off or leave no data, of all or of one', async () => {
    const more = { metrics: { errors: 3 } };
    const query = { query: 'errors', ids: ['i-000000', 'i-000001'] };
    const failing = rehearse([{ on: 'METRICS', how: 'FAIL', times: 1 }], more);
    await expect(failing.driver.metric(query)).rejects.toThrow(TargetUnreachableError);
    expect(await failing.driver.metric(query)).toBe(3);
    const silent = rehearse([{ on: 'METRICS', how: 'NO_DATA' }], more);
    expect(await silent.driver.metric(query)).toBeNull();
    const one = rehearse([{ instance: 0, on: 'METRICS', how: 'NO_DATA' }], more);
    expect(await one.driver.metric(query)).toBe(3);
    expect(await one.driver.metric({ ...query, ids: ['i-000000'] })).toBeNull();
  });

  it('there is one verified backup, an hour old, or what the settings say', async () => {
    const [backup, ...others] = await rehearse().driver.backups();
    expect(backup).toMatchObject({ verified: true });
    expect(others).toEqual([]);
    const backups = [
      { ageHours: 30, verified: true },
      { ageHours: 2, verified: false },
    ];
    const told = await rehearse([], { backups }).driver.backups();
    expect(told.map(({ verified }) => verified)).toEqual([false, true]);
    const apartMs = (told[0]?.takenAtMs ?? 0) - (told[1]?.takenAtMs ?? 0);
    expect(Math.abs(apartMs - 28 * 3_600_000)).toBeLessThanOrEqual(1);
    expect(await rehearse([], { backups: [] }).driver.backups()).toEqual([]);
  });
}
