import { describe, expect, test } from '@jest/globals';
import { TOPICS } from '#contracts/topics.js';
import { parseDeadLetter } from '#messaging/dead-letters.js';
import { TransientDatabaseError } from '#postgres/service-database.js';
import {
  COMMAND,
  FLEET,
  healthyWorld,
  INTERVAL_MS,
  outcomes,
  World,
} from '../test/canary-monitor-world.js';

describe('healthy canaries', () => {
  test('are HEALTHY after three samples on the grid', async () => {
    const world = await healthyWorld();
    await world.ask();
    await world.pass(3);
    expect(outcomes(world.samples())).toEqual(['1 PASS', '2 PASS', '3 PASS']);
    expect(world.last()).toMatchObject({
      ...{ commandId: 'c1', handOver: 1, state: 'RUNNING', verdict: 'HEALTHY' },
      ...{ durationOver: false, totals: { PASS: 3, FAIL: 0, NO_DATA: 0, ERROR: 0 } },
    });
    const verdicts = world.results().map(({ verdict }) => verdict);
    expect([...new Set(verdicts)]).toEqual([null, 'INCONCLUSIVE', 'HEALTHY']);
  });

  test('are looked at without drift, and the watch is never silent for half a minute', async () => {
    const world = await healthyWorld();
    await world.ask({ durationSeconds: 3_600 });
    await world.pass(24);
    const lateMs = world.samples().map(({ number, atMs }) => {
      return atMs - world.beganAtMs - number * INTERVAL_MS;
    });
    expect(lateMs).toHaveLength(24);
    expect(Math.max(...lateMs)).toBeLessThan(250);
    const times = world.bus.contents(TOPICS.canaryResults).map(({ value }) => {
      return Date.parse((JSON.parse(value?.toString() ?? '') as { time: string }).time);
    });
    const gapsMs = times.slice(1).map((timeMs, at) => timeMs - (times[at] ?? 0));
    expect(Math.max(...gapsMs)).toBeLessThanOrEqual(30_000);
    expect(world.last().samples).toHaveLength(20);
    expect(world.last().totals.PASS).toBe(24);
  });

  test('end their duration once, with the sample of that moment, and are watched on', async () => {
    const world = await healthyWorld();
    await world.ask({ durationSeconds: 120 });
    await world.pass(6);
    const over = world.results().filter(({ durationOver }) => durationOver);
    expect(over[0]).toMatchObject({ verdict: 'HEALTHY', totals: { PASS: 4 } });
    expect(outcomes(world.samples()).at(-1)).toBe('6 PASS');
  });
});

describe('canaries that are not well', () => {
  test('are UNHEALTHY after three samples, with the instance named, and stay so', async () => {
    const world = await healthyWorld();
    await world.ask();
    await world.pass(1);
    await world.fleets.alter(FLEET.fleet, 1, { up: false });
    await world.pass(4);
    const [, sick] = await world.canaries(2);
    expect(world.last()).toMatchObject({ verdict: 'UNHEALTHY', totals: { PASS: 1, FAIL: 3 } });
    expect(world.last().reason).toContain(sick?.id);
    await world.fleets.alter(FLEET.fleet, 1, { up: true });
    await world.pass(8);
    expect(world.last()).toMatchObject({ verdict: 'UNHEALTHY', totals: { PASS: 5, FAIL: 3 } });
  });

  test('that are gone are failures; a target that names nobody is no data', async () => {
    const world = await healthyWorld();
    const gone = [{ index: 0, id: 'gone', version: null }];
    await world.ask({ instances: gone });
    await world.targets.simulated.setFaults(FLEET, [{ on: 'LIST', how: 'NO_DATA', times: 2 }]);
    await world.pass(2);
    expect(outcomes(world.samples())).toEqual(['1 NO_DATA', '2 FAIL']);
    expect(world.last().samples.at(-1)?.findings[0]?.summary).toContain('gone is gone');
  });

  test('that say nothing of themselves are no data: neither a pass nor a failure', async () => {
    const world = await healthyWorld();
    await world.ask({ instances: await world.canaries(2) });
    const faults = [0, 1].map((instance) => ({ instance, on: 'LIST', how: 'NO_DATA' }) as const);
    await world.targets.simulated.setFaults(FLEET, faults);
    await world.pass(6);
    expect(world.last()).toMatchObject({ verdict: 'INCONCLUSIVE', totals: { FAIL: 0, PASS: 0 } });
  });

  test('on another version are failures', async () => {
    const world = await healthyWorld();
    const instances = await world.canaries(2);
    await world.ask({ instances: instances.map((one) => ({ ...one, version: '2.0.0' })) });
    await world.pass(1);
    expect(world.last().samples[0]?.findings[0]?.summary).toMatch(/on 1\.1\.0 instead of 2\.0\.0/);
  });

  test.each(['unreachable', 'hangs'] as const)(
    'whose target %s are errors, never a pass, and the grid stands',
    async (mood) => {
      const world = await healthyWorld();
      world.targets.mood = mood;
      await world.ask();
      await world.pass(4);
      expect(outcomes(world.samples())).toEqual(['1 ERROR', '2 ERROR', '3 ERROR', '4 ERROR']);
      const reason = mood === 'hangs' ? 'did not answer within 10000 ms' : 'connection refused';
      expect(world.last()).toMatchObject({
        verdict: 'INCONCLUSIVE',
        reason: `health: ERROR, ${reason}`,
      });
      const times = world.samples().map(({ atMs }) => (atMs - world.beganAtMs) / INTERVAL_MS);
      expect(times.map(Math.floor)).toEqual([1, 2, 3, 4]);
      world.targets.mood = 'answers';
      await world.pass(7);
      expect(world.last().verdict).toBe('HEALTHY');
    },
  );

  test('with settings that no driver takes are errors that say so', async () => {
    const world = await healthyWorld();
    const target = { driver: 'simulated', settings: { ...FLEET, instances: 'many' } };
    await world.ask({ snapshot: { ...COMMAND.snapshot, target } });
    await world.pass(1);
    expect(world.last().reason).toMatch(/^health: ERROR, settings\.instances/);
  });
});

describe('questions', () => {
  test('asked again are answered with the state there is, and nothing is looked at', async () => {
    const world = await healthyWorld();
    await world.ask();
    await world.pass(3);
    const { looks } = world.targets;
    await world.ask();
    await world.clock.advance(1_000);
    expect(world.last()).toMatchObject({
      commandId: 'c2',
      verdict: 'HEALTHY',
      totals: { PASS: 3 },
    });
    expect(world.targets.looks).toBe(looks);
  });

  test('delivered twice are answered once', async () => {
    const world = await healthyWorld();
    await world.ask({ commandId: 'same' });
    await world.clock.advance(5_000);
    const before = world.results().length;
    world.bus.rewind('canary-monitor');
    await world.clock.advance(5_000);
    expect(world.results()).toHaveLength(before);
  });

  test('of a newer hand-over supersede: the older is never sampled again', async () => {
    const world = await healthyWorld();
    await world.ask();
    await world.pass(1);
    await world.ask({ fence: { handOver: 2 } });
    await world.pass(3);
    await world.ask({ fence: { handOver: 1 } });
    await world.pass(4);
    const older = world.results().filter(({ handOver }) => handOver === 1);
    expect(older.at(-1)?.totals).toMatchObject({ PASS: 1 });
    // Moment 1 is late by less than an interval for the newer one.
    expect(world.last()).toMatchObject({ handOver: 2, totals: { PASS: 4 } });
  });
});

describe('an END', () => {
  test('ends the watch: nothing is looked at any more, and the answer says so', async () => {
    const world = await healthyWorld();
    await world.ask();
    await world.pass(3);
    await world.end();
    await world.clock.advance(1_000);
    expect(world.last()).toMatchObject({ commandId: 'c2', state: 'ENDED', verdict: 'HEALTHY' });
    const before = { looks: world.targets.looks, results: world.results().length };
    await world.pass(10);
    expect({ looks: world.targets.looks, results: world.results().length }).toEqual(before);
  });

  test('while a sample is under way ends it too', async () => {
    const world = await healthyWorld();
    world.targets.mood = 'hangs';
    await world.ask();
    await world.pass(1, 2_000);
    await world.end();
    await world.pass(3);
    expect(world.last()).toMatchObject({ state: 'ENDED', verdict: null, samples: [] });
  });

  test('before its WATCH is remembered: the late WATCH begins nothing', async () => {
    const world = await healthyWorld();
    await world.end();
    await world.clock.advance(1_000);
    expect(world.last()).toMatchObject({ commandId: 'c1', state: 'ENDED', verdict: null });
    await world.ask();
    await world.pass(5);
    expect(world.last()).toMatchObject({ commandId: 'c2', state: 'ENDED', samples: [] });
    expect(world.targets.looks).toBe(0);
  });
});

describe('several replicas', () => {
  test('one that dies is replaced within its lease, and the watch goes on where it was', async () => {
    const world = await healthyWorld();
    await world.ask();
    await world.pass(2);
    world.crash('one');
    await world.start('two');
    await world.pass(4);
    expect(outcomes(world.samples())).toEqual(['1 PASS', '2 PASS', '3 PASS', '4 PASS']);
    expect(world.last()).toMatchObject({ verdict: 'HEALTHY', totals: { PASS: 4 } });
  });

  test('moments that nobody was there for are left out, the latest is taken late', async () => {
    const world = await healthyWorld();
    await world.ask({ durationSeconds: 3_600 });
    await world.pass(2);
    world.crash('one');
    await world.clock.advance(300_000);
    await world.start('two');
    await world.clock.advance(3_000);
    expect(outcomes(world.samples())).toEqual(['1 PASS', '2 PASS', '12 PASS']);
    await world.pass(13);
    expect(outcomes(world.samples()).at(-1)).toBe('13 PASS');
  });

  test('that were all away do not come back with a verdict of long ago', async () => {
    const world = await healthyWorld();
    await world.ask({ durationSeconds: 3_600 });
    await world.pass(3);
    expect(world.last().verdict).toBe('HEALTHY');
    world.crash('one');
    await world.clock.advance(300_000);
    world.targets.mood = 'unreachable';
    await world.ask();
    await world.start('two');
    await world.clock.advance(15_000);
    const later = world.results().slice(world.results().findIndex((one) => one.commandId === 'c2'));
    expect(new Set(later.map(({ verdict }) => verdict))).toEqual(new Set(['INCONCLUSIVE']));
  });

  test('work side by side without taking a sample twice', async () => {
    const world = await healthyWorld();
    await world.start('two');
    await world.clock.advance(3_000);
    await world.ask();
    await world.pass(10);
    // The world refuses two different samples of one moment.
    expect(world.samples()).toHaveLength(10);
    expect(world.targets.looks).toBe(10);
  });

  test('a stale owner’s report is refused', async () => {
    const world = await healthyWorld();
    const monitor = await world.start('two');
    await world.ask();
    await world.clock.advance(3_000);
    const shards = Array.from({ length: 16 }, (_, shard) => shard);
    const [running] = await monitor.runner.runningIn(shards, 10);
    if (running === undefined) throw new Error('nothing runs');
    const stale = { shard: running.shard, epoch: 0 };
    const report = monitor.runner.report(running, stale, { type: 'TIME_PASSED' });
    await expect(report).rejects.toThrow('no longer the owner');
  });
});

describe('messages nobody can take', () => {
  test.each([
    ['not JSON', 'hello'],
    ['of another schema', '{"specversion":"1.0"}'],
    ['deep', '['.repeat(10_000)],
  ])('%s: becomes a dead letter and holds up nobody', async (_, value) => {
    const world = await healthyWorld();
    await world.publish(value);
    await world.ask();
    await world.pass(1);
    expect(outcomes(world.samples())).toEqual(['1 PASS']);
    const letters = world.bus.contents(`${TOPICS.canaryCommands}.dlq`);
    expect(letters.map((letter) => parseDeadLetter(letter.value).bytes)).toEqual([value.length]);
  });

  test('a page that cannot belong: too', async () => {
    const world = await healthyWorld();
    await world.ask({ page: 3, pages: 2 });
    await world.ask();
    await world.pass(1);
    const [letter] = world.bus.contents(`${TOPICS.canaryCommands}.dlq`);
    expect(parseDeadLetter(letter?.value ?? null).reason).toContain('page 3 of 2');
  });
});

test('a sample whose commit failed is reported again, and not taken again', async () => {
  const world = new World();
  await world.targets.simulated.declare(FLEET);
  const { runner } = await world.start('one');
  const report = runner.report.bind(runner);
  let failures = 3;
  runner.report = (...given) => {
    if (given[2].type === 'TIME_PASSED' || failures === 0) return report(...given);
    failures -= 1;
    return Promise.reject(new TransientDatabaseError('connection cut'));
  };
  await world.ask();
  await world.pass(2);
  expect(failures).toBe(0);
  expect(outcomes(world.samples())).toEqual(['1 PASS', '2 PASS']);
  expect(world.targets.looks).toBe(2);
});

test('an end in good order leaves the watch to the next owner', async () => {
  const world = new World();
  await world.targets.simulated.declare(FLEET);
  const first = await world.start('one');
  await world.ask();
  await world.pass(2);
  const stopping = first.stop().then(() => first.loops.flush());
  await world.clock.advance(1_000);
  await stopping;
  const back = first.loops.giveShardsBack();
  await world.clock.advance(1_000);
  await back;
  await world.start('two');
  await world.pass(3);
  expect(outcomes(world.samples())).toEqual(['1 PASS', '2 PASS', '3 PASS']);
});
