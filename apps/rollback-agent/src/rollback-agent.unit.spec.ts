import { describe, expect, test } from '@jest/globals';
import { TOPICS } from '#contracts/topics.js';
import { parseDeadLetter } from '#messaging/dead-letters.js';
import { SHARDS } from '#postgres/shard-of.js';
import { NEW, OLD, World } from '../test/rollback-world.js';

const TEN = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

function sorted(numbers: readonly number[]): number[] {
  return [...numbers].sort((a, b) => a - b);
}

describe('a rollback of a fleet that plays along', () => {
  test('takes every instance back, within the room, and tells of each once', async () => {
    const world = await World.of(10, 40);
    await world.ask();
    const ended = await world.until('ENDED');
    expect(ended).toMatchObject({ handOver: 2, commandId: 'c1', leftOver: [] });
    expect(sorted(world.restored())).toEqual(TEN);
    // A quarter of ten may be down at once.
    expect(world.mostDown).toBe(2);
    for (const one of await world.fleet()) {
      expect(one).toMatchObject({ version: OLD, admitted: true, healthy: true });
    }
    expect(world.results().at(-1)?.state).toBe('ENDED');
  });

  test('tells of each settled batch', async () => {
    const world = await World.of(10, 40);
    await world.ask();
    await world.until('ENDED');
    const batches = world.results().map(({ restored }) => restored.length);
    expect(batches).toEqual([0, 2, 2, 2, 2, 2]);
  });

  test('begins nothing before all pages are stored', async () => {
    const world = await World.of(10);
    const instances = await world.instances();
    await world.ask({ pages: 2, page: 2, instances: instances.slice(6) });
    await world.pass(40_000);
    expect([await world.operations(), world.results().length]).toEqual([[], 1]);
    await world.ask({ pages: 2, page: 1, instances: instances.slice(0, 6) });
    await world.until('ENDED');
    expect(sorted(world.restored())).toEqual(TEN);
  });

  test('asked again is answered with everything restored, and nothing is done twice', async () => {
    const world = await World.of(10);
    await world.ask();
    await world.until('ENDED');
    const before = { operations: await world.operations(), results: world.results().length };
    await world.ask();
    const again = await world.until('ENDED', { times: 2 });
    expect(again.commandId).toBe('c2');
    const answer = world.results().slice(before.results);
    expect(sorted(answer.flatMap(({ restored }) => restored))).toEqual(TEN);
    expect(await world.operations()).toEqual(before.operations);
  });

  test('delivered twice is done and told of once', async () => {
    const world = await World.of(4);
    await world.ask();
    await world.until('ENDED');
    const before = world.results().length;
    world.bus.rewind('rollback-agent');
    await world.pass(5_000);
    expect(world.results()).toHaveLength(before);
  });
});

describe('what is taken first', () => {
  test('instances that are down, before any healthy one', async () => {
    const world = await World.of(10, 40);
    for (const index of [4, 7, 9]) await world.alter(index, { up: false });
    await world.ask();
    await world.until('ENDED');
    const drains = (await world.operations()).filter((operation) => operation.endsWith('drain'));
    expect(drains.slice(0, 3)).toEqual(['4/1/drain', '7/1/drain', '9/1/drain']);
    expect(world.mostDown).toBe(3);
    expect(sorted(world.restored())).toEqual(TEN);
  });

  test('one that is on its version and healthy is only readmitted', async () => {
    const world = await World.of(4);
    await world.alter(1, { runs: OLD });
    await world.alter(2, { runs: OLD, admitted: false });
    await world.ask();
    await world.until('ENDED');
    const operations = await world.operations();
    expect(operations.filter((operation) => /^[12]\//.test(operation))).toEqual([
      '1/1/readmit',
      '2/1/readmit',
    ]);
    expect(sorted(world.restored())).toEqual([0, 1, 2, 3]);
  });

  test('no healthy one while others fill the room; the rest goes on when there is some', async () => {
    const world = await World.of(10);
    const instances = await world.instances();
    await world.alter(8, { up: false });
    await world.alter(9, { up: false });
    await world.ask({ instances: instances.slice(0, 8) });
    await world.pass(45_000);
    expect(await world.operations()).toEqual([]);
    expect(world.results().every(({ state }) => state === 'RUNNING')).toBe(true);
    await world.alter(9, { up: true });
    await world.until('ENDED');
    expect(sorted(world.restored())).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(world.mostDown).toBe(2);
  });

  test('a healthy one that falls by itself while others fill the room is taken at once', async () => {
    const world = await World.of(10);
    const instances = await world.instances();
    for (const index of [8, 9]) await world.alter(index, { up: false });
    await world.ask({ instances: instances.slice(0, 8) });
    await world.pass(5_000);
    await world.alter(3, { up: false });
    await world.pass(5_000);
    expect(world.restored()).toEqual([3]);
  });
});

describe('a strategy that ignores room', () => {
  test('takes all at once, whatever the batch size', async () => {
    const world = await World.of(10, 40);
    const { snapshot } = world.command();
    await world.ask({ snapshot: { ...snapshot, strategy: 'RECREATE' } });
    await world.until('ENDED');
    expect(sorted(world.restored())).toEqual(TEN);
    expect(world.mostDown).toBe(10);
  });
});

describe('an instance that does not come back', () => {
  test('is tried once more', async () => {
    const world = await World.of(10);
    await world.faults({ instance: 3, on: 'BRING', how: 'FAIL', times: 1 });
    await world.ask();
    const ended = await world.until('ENDED');
    expect(ended.leftOver).toEqual([]);
    expect(await world.operations()).toContain('3/2/bring');
    expect(world.mostDown).toBe(2);
  });

  test('twice is left over, and so are the healthy ones not yet taken', async () => {
    const world = await World.of(10, 40);
    await world.faults({ instance: 3, on: 'BRING', how: 'FAIL' });
    await world.ask();
    await world.until('ENDED');
    const leftOver = world.results().flatMap((result) => result.leftOver);
    const [failed, ...others] = leftOver;
    expect(failed?.instanceId).toBe((await world.fleet())[3]?.id);
    expect(failed?.reason).toContain('BRING_FAILED');
    expect(others.map(({ reason }) => reason)).toEqual(
      others.map(() => 'not taken back, because another instance could not be brought back'),
    );
    expect(world.restored().length + leftOver.length).toBe(10);
    expect(others.length).toBeGreaterThan(3);
    const touched = new Set((await world.operations()).map((operation) => operation.split('/')[0]));
    expect(touched.size).toBe(10 - others.length);
  });

  test('because it says yes and stays on the other version is not taken for restored', async () => {
    const world = await World.of(4);
    await world.faults({ instance: 0, on: 'BRING', how: 'LIE' });
    await world.ask();
    await world.until('ENDED');
    const [failed] = world.results().flatMap(({ leftOver }) => leftOver);
    expect(failed?.reason).toMatch(/WRONG_VERSION|UNHEALTHY/);
    expect(world.restored()).not.toContain(0);
  });

  test('because it vanished is left over, and all others are taken back', async () => {
    const world = await World.of(6);
    await world.ask();
    await world.alter(5, { gone: true });
    await world.until('ENDED');
    const leftOver = world.results().flatMap((result) => result.leftOver);
    expect(leftOver.map(({ reason }) => reason)).toEqual([
      'VANISHED: the instance is not there any more',
    ]);
    expect(sorted(world.restored())).toEqual([0, 1, 2, 3, 4]);
  });
});

describe('a target in trouble', () => {
  test('that hangs is waited for with signs of life, and goes on where it stood', async () => {
    const world = await World.of(10);
    const instances = await world.instances();
    await world.faults({ on: 'LIST', how: 'HANG' });
    await world.ask({ instances });
    await world.clock.advance(95_000);
    expect(world.results().length).toBeGreaterThanOrEqual(4);
    expect(world.results().every(({ state }) => state === 'RUNNING')).toBe(true);
    await world.faults();
    await world.until('ENDED');
    expect(sorted(world.restored())).toEqual(TEN);
  });

  test('whose settings no driver takes leaves everything over at once, with the reason', async () => {
    const world = await World.of(3);
    const { snapshot } = world.command();
    const settings = { ...world.settings, instances: 'many' };
    const target = { driver: 'simulated', settings };
    await world.ask({ snapshot: { ...snapshot, target } });
    const ended = await world.until('ENDED');
    expect(ended.leftOver).toHaveLength(3);
    for (const { reason } of ended.leftOver) expect(reason).toContain('instances');
  });
});

describe('hand-overs', () => {
  test('a STOP begins nothing more, tells what was restored, and is answered STOPPED', async () => {
    const world = await World.of(10, 200);
    await world.ask();
    await world.pass(1_500);
    await world.ask({ kind: 'STOP', fence: { handOver: 3 }, instances: [] });
    const stopped = await world.until('STOPPED');
    expect(stopped).toMatchObject({ handOver: 3, commandId: 'c2' });
    const begun = await world.operations();
    await world.pass(60_000);
    expect(await world.operations()).toEqual(begun);
    expect(world.results().at(-1)?.state).toBe('STOPPED');
    expect(world.restored().length).toBeGreaterThan(0);
    expect(world.restored().length).toBeLessThan(10);
    await world.ask({ kind: 'STOP', fence: { handOver: 3 }, instances: [] });
    await world.until('STOPPED', { times: 2 });
  });

  test('an older one is absorbed, and a newer one takes over where it stood', async () => {
    const world = await World.of(10, 200);
    await world.ask();
    await world.pass(1_500);
    await world.ask({ fence: { handOver: 5 } });
    await world.ask({ fence: { handOver: 4 } });
    const ended = await world.until('ENDED');
    expect(ended.handOver).toBe(5);
    expect(world.results().filter(({ handOver }) => handOver === 4)).toEqual([]);
    const told = world.results().filter(({ handOver }) => handOver === 5);
    expect(sorted(told.flatMap(({ restored }) => restored))).toEqual(TEN);
    expect(world.mostDown).toBeLessThanOrEqual(2);
  });
});

describe('several replicas', () => {
  test('one that dies in mid-batch is replaced; nothing is begun or told twice', async () => {
    const world = await World.of(10, 300);
    await world.ask();
    await world.pass(1_700);
    world.crash('one');
    await world.start('two');
    await world.until('ENDED');
    expect(sorted(world.restored())).toEqual(TEN);
    const operations = await world.operations();
    expect(new Set(operations).size).toBe(operations.length);
    expect(world.mostDown).toBe(2);
  });

  test('one that ends in good order leaves the rest to the next', async () => {
    const world = new World(10, 300);
    await world.simulated.declare(world.settings);
    for (const index of TEN) await world.alter(index, { runs: NEW });
    const first = await world.start('one');
    await world.ask();
    await world.pass(3_000);
    const ending = first
      .stop()
      .then(() => first.loops.flush())
      .then(() => first.loops.giveShardsBack());
    await world.pass(2_000);
    await ending;
    const told = world.restored().length;
    await world.start('two');
    await world.until('ENDED');
    expect(told).toBeGreaterThan(0);
    expect(sorted(world.restored())).toEqual(TEN);
  });

  test('a stale owner’s report is refused', async () => {
    const world = await World.of(4, 500);
    const agent = await world.start('two');
    await world.ask();
    await world.pass(500);
    const shards = Array.from({ length: SHARDS }, (_, shard) => shard);
    const [running] = await agent.runner.activeIn(shards, 10);
    if (running === undefined) throw new Error('nothing runs');
    const stale = { shard: running.shard, epoch: 0 };
    const report = agent.runner.report(running, stale, { type: 'TIME_PASSED' });
    await expect(report).rejects.toThrow('no longer the owner');
  });
});

describe('messages nobody can take', () => {
  test('become dead letters and hold up nobody', async () => {
    const world = await World.of(4);
    const instances = await world.instances();
    await world.bus
      .producer('stranger')
      .publish([{ topic: TOPICS.rollbackCommands, key: 'x', value: '{"specversion":"1.0"}' }]);
    await world.ask({ instances: [...instances.slice(0, 1), ...instances.slice(0, 1)] });
    await world.ask();
    await world.until('ENDED');
    const letters = world.bus.contents(`${TOPICS.rollbackCommands}.dlq`);
    expect(letters).toHaveLength(2);
    const reasons = letters.map((letter) => parseDeadLetter(letter.value).reason);
    expect(reasons.join()).toContain('an index stands there twice');
  });
});
