import { describe, expect, test } from '@jest/globals';
import { NEW_SET, OLD_SET, World } from '../test/rollback-world.js';

const BACK = { switchTo: OLD_SET, retire: NEW_SET };

async function withNewSet(live: boolean, latencyMs = 0): Promise<World> {
  const world = await World.of(4, latencyMs);
  await world.addNewSet(live);
  return world;
}

/** What was done to the sets by the agent, the oldest first. */
async function operations(world: World): Promise<string[]> {
  const acts = await world.simulated.history(world.settings);
  return acts
    .filter(({ fence, verb }) => fence.handOver > 1 && (verb === 'switch' || verb === 'retireSet'))
    .map(({ operationId }) => operationId);
}

describe('a rollback by sets', () => {
  test('switches back, retires the new set, touches no instance, and says so', async () => {
    const world = await withNewSet(true);
    expect(await world.sets()).toEqual([`${NEW_SET}*`, OLD_SET]);
    await world.askForSets(BACK);
    const ended = await world.until('ENDED');
    expect(ended).toMatchObject({ setsRestored: true, restored: [], leftOver: [] });
    expect(await world.sets()).toEqual([`${OLD_SET}*`]);
    expect(await operations(world)).toEqual([
      expect.stringMatching(/:rollback:2\/set\/1\/switch$/),
      expect.stringMatching(/:rollback:2\/set\/1\/retireSet$/),
    ]);
  });

  test('only retires the new set where traffic never left', async () => {
    const world = await withNewSet(false);
    await world.askForSets({ switchTo: null, retire: NEW_SET });
    expect((await world.until('ENDED')).setsRestored).toBe(true);
    expect(await world.sets()).toEqual([`${OLD_SET}*`]);
  });

  test('is done where nothing is left to do', async () => {
    const world = await World.of(4);
    await world.askForSets(BACK);
    expect((await world.until('ENDED')).setsRestored).toBe(true);
  });

  test('asked again is answered, and nothing is done twice', async () => {
    const world = await withNewSet(true);
    await world.askForSets(BACK);
    await world.until('ENDED');
    const before = await operations(world);
    await world.askForSets(BACK);
    expect(await world.until('ENDED', { times: 2 })).toMatchObject({
      commandId: 'c2',
      setsRestored: true,
    });
    expect(await operations(world)).toEqual(before);
  });

  test('without sets says that none was restored', async () => {
    const world = await World.of(2);
    await world.ask();
    await world.until('ENDED');
    expect(world.results().some(({ setsRestored }) => setsRestored)).toBe(false);
  });
});

describe('a target that does not play along', () => {
  test('keeps its traffic where it serves when the old set has no healthy instance', async () => {
    const world = await withNewSet(true);
    for (const index of [0, 1, 2, 3]) await world.alter(index, { up: false }, OLD_SET);
    await world.askForSets(BACK);
    const ended = await world.until('ENDED');
    expect(ended).toMatchObject({ setsRestored: false, leftOver: [{ instanceId: OLD_SET }] });
    expect(ended.leftOver[0]?.reason).toContain('healthy');
    expect(await world.sets()).toEqual([`${NEW_SET}*`, OLD_SET]);
  });

  test('that comes round is asked once more', async () => {
    const world = await withNewSet(true);
    for (const index of [0, 1, 2, 3]) await world.alter(index, { up: false }, OLD_SET);
    await world.askForSets(BACK);
    await world.pass(1_000);
    await world.alter(2, { up: true }, OLD_SET);
    expect((await world.until('ENDED')).setsRestored).toBe(true);
    expect(await world.sets()).toEqual([`${OLD_SET}*`]);
  });

  test('that says yes and leaves traffic where it is has not restored anything', async () => {
    const world = await withNewSet(true);
    await world.faults({ on: 'SWITCH', how: 'LIE' });
    await world.askForSets(BACK);
    const ended = await world.until('ENDED');
    expect(ended.setsRestored).toBe(false);
    expect(ended.leftOver[0]?.reason).toContain(`traffic goes to ${NEW_SET}`);
  });

  test('that forgets what it accepted is told again', async () => {
    const world = await withNewSet(true);
    await world.faults({ on: 'SWITCH', how: 'NO_DATA', times: 1 });
    await world.askForSets(BACK);
    expect((await world.until('ENDED')).setsRestored).toBe(true);
  });

  test('that hangs is waited for with signs of life, and given up in the end', async () => {
    const world = await withNewSet(true);
    await world.faults({ on: 'SWITCH', how: 'HANG' });
    await world.askForSets(BACK);
    await world.clock.advance(660_000);
    const ended = await world.until('ENDED');
    expect(ended.leftOver).toMatchObject([{ instanceId: OLD_SET }]);
    expect(ended.leftOver[0]?.reason).toContain('TIMEOUT');
    const signs = world.results().filter(({ state }) => state === 'RUNNING');
    expect(signs.length).toBeGreaterThanOrEqual(600 / 30);
  });

  test('that hangs and heals goes on where it stood', async () => {
    const world = await withNewSet(true);
    await world.faults({ on: 'SWITCH', how: 'HANG' });
    await world.askForSets(BACK);
    await world.pass(40_000);
    await world.faults();
    expect((await world.until('ENDED')).setsRestored).toBe(true);
    expect((await operations(world)).map((id) => id.split('/').at(-1))).toEqual([
      'switch',
      'retireSet',
    ]);
  });
});

describe('hand-overs and owners', () => {
  test('a STOP begins nothing more', async () => {
    const world = await withNewSet(true, 2_000);
    await world.askForSets(BACK);
    await world.pass(500);
    await world.ask({ kind: 'STOP', fence: { handOver: 3 }, instances: [] });
    expect((await world.until('STOPPED')).setsRestored).toBe(false);
    await world.pass(30_000);
    expect(await world.sets()).toContain(NEW_SET);
    expect(world.results().at(-1)?.state).toBe('STOPPED');
  });

  test('who is superseded at the target does nothing more there', async () => {
    const world = await withNewSet(true);
    const driver = world.simulated.open(world.settings);
    const weigh = { id: 'other', verb: 'weigh', set: null, percentage: null } as const;
    await driver.submitSet(weigh, { handOver: 9, epoch: 1 });
    await world.askForSets(BACK);
    await world.pass(60_000);
    expect(await world.sets()).toEqual([`${NEW_SET}*`, OLD_SET]);
    expect(world.results().every(({ state }) => state === 'RUNNING')).toBe(true);
  });

  test('the next owner goes on where one has died, under the same operations', async () => {
    const world = await withNewSet(true, 3_000);
    await world.askForSets(BACK);
    await world.pass(1_500);
    world.crash('one');
    await world.start('two');
    expect((await world.until('ENDED')).setsRestored).toBe(true);
    const done = await operations(world);
    expect(new Set(done).size).toBe(done.length);
    expect(done.map((id) => id.split('/').at(-1))).toEqual(['switch', 'retireSet']);
    expect(await world.sets()).toEqual([`${OLD_SET}*`]);
  });
});
