import { describe, expect, test } from '@jest/globals';
import { TOPICS } from '#contracts/topics.js';
import { parseDeadLetter } from '#messaging/dead-letters.js';
import {
  answered,
  COMMAND,
  FLEET,
  HEALTHY,
  healthyWorld,
  outcomes,
  World,
} from '../test/validator-world.js';

describe('a question before an upgrade', () => {
  test('is answered with a sign of life, and then with every check', async () => {
    const world = await healthyWorld();
    await world.ask();
    const ended = await world.untilEnded();
    expect(outcomes(ended)).toEqual(HEALTHY);
    expect(ended).toMatchObject({ commandId: 'c1', handOver: 1, kind: 'PRE' });
    expect(world.results().map(({ state }) => state)).toEqual(['RUNNING', 'ENDED']);
  });

  test('looks at every instance of a fleet larger than one page', async () => {
    const world = await healthyWorld();
    const settings = { ...FLEET, fleet: 'tenant/large', instances: 2_500 };
    await world.targets.simulated.declare(settings);
    const snapshot = { ...COMMAND.snapshot, target: { driver: 'simulated', settings } };
    await world.ask({ snapshot, expectedInstances: 2_500 });
    const ended = await world.untilEnded();
    const health = ended.checks.find(({ check }) => check === 'HEALTH_ENDPOINTS');
    expect(health).toMatchObject({ outcome: 'PASSED', evidence: { listed: 2_500 } });
  });

  test('finds an instance that is down, and no room for another', async () => {
    const world = await healthyWorld();
    await world.fleets.alter(FLEET.fleet, 2, { up: false });
    await world.ask();
    const ended = await world.untilEnded();
    expect(outcomes(ended)).toEqual({
      ...HEALTHY,
      RESOURCE_AVAILABILITY: 'FAILED',
      HEALTH_ENDPOINTS: 'FAILED',
    });
    const health = ended.checks.find(({ check }) => check === 'HEALTH_ENDPOINTS');
    expect(health?.evidence).toMatchObject({ listed: 4, unhealthy: 1 });
  });

  test('asked again is a new answer about the same work: nothing is looked at twice', async () => {
    const world = await healthyWorld();
    await world.ask();
    await world.untilEnded();
    const { looks } = world.targets;
    await world.ask();
    expect(await world.untilEnded(2)).toMatchObject({ commandId: 'c2', checks: { length: 5 } });
    expect(world.targets.looks).toBe(looks);
  });

  test('delivered twice is answered once', async () => {
    const world = await healthyWorld();
    await world.ask({ commandId: 'same' });
    await world.untilEnded();
    const before = world.results().length;
    world.bus.rewind('validator');
    await world.clock.advance(5_000);
    expect(world.results()).toHaveLength(before);
  });

  test('that skips a check says so, with who and why', async () => {
    const world = await healthyWorld();
    await world.fleets.alter(FLEET.fleet, 0, { up: false });
    const skip = (check: string) => ({ check, reason: 'known broken', by: 'ann' });
    await world.ask({ skipChecks: [skip('HEALTH_ENDPOINTS'), skip('RESOURCE_AVAILABILITY')] });
    const ended = await world.untilEnded();
    expect(outcomes(ended)).toMatchObject({ HEALTH_ENDPOINTS: 'SKIPPED' });
    const health = ended.checks.find(({ check }) => check === 'HEALTH_ENDPOINTS');
    expect(health?.evidence).toEqual({ skippedBy: 'ann', reason: 'known broken' });
  });
});

describe('a target that does not answer', () => {
  test('is asked again until it does', async () => {
    const world = await healthyWorld();
    world.targets.mood = 'unreachable';
    await world.ask();
    await world.clock.advance(10_000);
    world.targets.mood = 'answers';
    expect(outcomes(await world.untilEnded())).toEqual(HEALTHY);
  });

  test.each(['unreachable', 'hangs'] as const)(
    '%s until the deadline fails the checks that need it, and is never a pass',
    async (mood) => {
      const world = await healthyWorld();
      world.targets.mood = mood;
      await world.ask({ snapshot: { ...COMMAND.snapshot, stateless: false } });
      const ended = await world.untilEnded();
      expect(outcomes(ended)).toEqual({
        VERSION_COMPATIBILITY: 'PASSED',
        RESOURCE_AVAILABILITY: 'FAILED',
        BACKUP_VERIFICATION: 'FAILED',
        HEALTH_ENDPOINTS: 'FAILED',
        DEPENDENCY_CHECK: 'PASSED',
      });
      const reason = mood === 'hangs' ? 'nothing was seen in time' : 'connection refused';
      expect(ended.checks[1]?.summary).toBe(`could not be carried out: ${reason}`);
      // Five minutes of silence would be taken for a dead validator.
      const signs = world.results().filter(({ state }) => state === 'RUNNING');
      expect(signs.length).toBeGreaterThanOrEqual(300 / 30);
      expect(signs.at(-1)?.checks.length).toBe(4);
    },
  );

  test('because nobody knows its driver fails the checks at once, with that reason', async () => {
    const world = await healthyWorld();
    const settings = { ...FLEET, instances: 'many' };
    const snapshot = { ...COMMAND.snapshot, target: { driver: 'simulated', settings } };
    await world.ask({ snapshot });
    const ended = await world.untilEnded();
    const health = ended.checks.find(({ check }) => check === 'HEALTH_ENDPOINTS');
    expect(health?.outcome).toBe('FAILED');
    expect(health?.summary).toContain('TargetSettingsError');
    expect(health?.durationMs).toBeLessThan(1_000);
  });
});

describe('a question after an upgrade', () => {
  const ids = ['i-0000001', 'i-0000002'];

  async function named(world: World): Promise<string[]> {
    const { instances } = await world.targets.simulated.open(FLEET).list({ limit: 4 });
    return instances.map(({ id }) => id);
  }

  test('compares every instance of all its pages, and begins with the last of them', async () => {
    const world = await healthyWorld();
    const [a, b, c] = await named(world);
    const post = { kind: 'POST', pages: 2 } as const;
    const page = (id: string | undefined, version: string) => [{ index: 0, id: id ?? '', version }];
    await world.ask({ ...post, page: 1, instances: page(a, '1.0.0') });
    await world.clock.advance(60_000);
    expect(world.results()).toEqual([]);
    expect(world.targets.looks).toBe(0);
    await world.ask({ ...post, page: 2, instances: page(b, '1.0.0') });
    expect(outcomes(await world.untilEnded())).toEqual({
      POST_UPGRADE_STATE: 'PASSED',
      SMOKE_TESTS: 'PASSED',
    });
    const wrong = { kind: 'POST', fence: { handOver: 2 }, instances: page(c, '9.9.9') } as const;
    await world.ask(wrong);
    expect(outcomes(await world.untilEnded(2))).toMatchObject({ POST_UPGRADE_STATE: 'FAILED' });
  });

  test('that takes all there are warns of whoever is listed beside them on another version', async () => {
    const world = await healthyWorld();
    const [a, b, c, d] = await named(world);
    const to = { ...COMMAND.snapshot.to, version: '1.0.0' };
    const instances = [a, b, c, d].map((id = '', index) => ({ index, id, version: '1.0.0' }));
    const post = { kind: 'POST', snapshot: { ...COMMAND.snapshot, to }, instances } as const;
    await world.ask({ ...post, takesAll: true });
    expect(outcomes(await world.untilEnded())).toMatchObject({ POST_UPGRADE_STATE: 'PASSED' });
    await world.fleets.alter(FLEET.fleet, 4, { runs: '0.9.0' });
    await world.ask({ ...post, takesAll: true, fence: { handOver: 2 } });
    const [state] = (await world.untilEnded(2)).checks;
    expect(state).toMatchObject({ outcome: 'WARNING', evidence: { listed: 5, notOnVersion: 1 } });
    await world.ask({ ...post, fence: { handOver: 3 } });
    expect(outcomes(await world.untilEnded(3))).toMatchObject({ POST_UPGRADE_STATE: 'PASSED' });
  });

  test('fails for an instance that is not there any more', async () => {
    const world = await healthyWorld();
    const instances = ids.map((id, index) => ({ index, id: `gone-${id}`, version: '1.0.0' }));
    await world.ask({ kind: 'POST', instances });
    const ended = await world.untilEnded();
    expect(ended.checks[0]).toMatchObject({ outcome: 'FAILED', evidence: { missing: 2 } });
  });
});

describe('room for a second set', () => {
  test('is what the target could add, and what stands there without traffic', async () => {
    const world = await healthyWorld();
    const snapshot = { ...COMMAND.snapshot, strategy: 'BLUE_GREEN' };
    await world.ask({ snapshot });
    expect(outcomes(await world.untilEnded())).toEqual(HEALTHY);
    const driver = world.targets.simulated.open(FLEET);
    const kept = { id: 'kept', verb: 'createSet', set: 'kept', size: 3 } as const;
    await driver.submitSet(kept, { handOver: 1, epoch: 1 });
    await world.ask({ snapshot, fence: { handOver: 2 } });
    const [, resources] = (await world.untilEnded(2)).checks;
    expect(resources).toMatchObject({ outcome: 'PASSED', evidence: { standing: 3 } });
  });
});

describe('backups', () => {
  const stateful = { ...COMMAND.snapshot, stateless: false };

  test('are asked for of a component with state', async () => {
    const world = await healthyWorld();
    const takenAtMs = world.clock.nowMs() - 3_600_000;
    world.targets.kept = [{ id: 'b1', takenAtMs, verified: true }];
    await world.ask({ snapshot: stateful });
    expect(outcomes(await world.untilEnded())).toEqual(HEALTHY);
    world.targets.kept = [{ id: 'b1', takenAtMs, verified: false }];
    await world.ask({ snapshot: stateful, fence: { handOver: 2 } });
    const unverified = await world.untilEnded(2);
    expect(outcomes(unverified)).toEqual({ ...HEALTHY, BACKUP_VERIFICATION: 'FAILED' });
  });

  test('are not there where the target keeps none', async () => {
    const world = await healthyWorld();
    await world.ask({ snapshot: stateful });
    const ended = await world.untilEnded();
    expect(outcomes(ended)).toEqual({ ...HEALTHY, BACKUP_VERIFICATION: 'FAILED' });
  });
});

describe('smoke tests', () => {
  const smoke = (path: string, expectedStatus = 200) => {
    return { method: 'GET', path, expectedStatus, body: null, timeoutSeconds: 10 };
  };
  const post = { kind: 'POST' } as const;
  const instances = [{ index: 0, id: 'i', version: '1.0.0' }];

  test('call the live set in their order', async () => {
    const world = await healthyWorld();
    world.targets.address = 'http://edge:8080';
    world.answer = async ({ url }) => answered(url.endsWith('/taken') ? 409 : 200);
    await world.ask({ ...post, instances, smokeTests: [smoke('/taken', 409), smoke('/')] });
    expect(outcomes(await world.untilEnded())).toMatchObject({ SMOKE_TESTS: 'PASSED' });
    expect(world.calls.map(({ url }) => url)).toEqual([
      'http://edge:8080/taken',
      'http://edge:8080/',
    ]);
  });

  test('are called again after a pause without a connection, and fail for the second time', async () => {
    const world = await healthyWorld();
    world.targets.address = 'http://edge:8080';
    world.answer = async () => ({ kind: 'NOT_CONNECTED', problem: 'ECONNREFUSED' });
    const beganAtMs = world.clock.nowMs();
    await world.ask({ ...post, instances, smokeTests: [smoke('/')] });
    expect(outcomes(await world.untilEnded())).toMatchObject({ SMOKE_TESTS: 'FAILED' });
    expect(world.calls).toHaveLength(2);
    expect(world.clock.nowMs() - beganAtMs).toBeGreaterThanOrEqual(1_000);
  });

  test('that hang past the time of all are cut, and say which had answered', async () => {
    const world = await healthyWorld();
    world.targets.address = 'http://edge:8080';
    world.answer = ({ url }) =>
      url.endsWith('/hangs') ? new Promise(() => undefined) : Promise.resolve(answered(200));
    await world.ask({ ...post, instances, smokeTests: [smoke('/'), smoke('/hangs')] });
    await world.clock.advance(900_000);
    const ended = await world.untilEnded();
    const tests = ended.checks.find(({ check }) => check === 'SMOKE_TESTS');
    expect(tests).toMatchObject({ outcome: 'FAILED', evidence: { tests: 2, failed: 1 } });
    expect(tests?.summary).toContain('/hangs');
  });

  test('are taken from the first page, though it may come last', async () => {
    const world = await healthyWorld();
    world.targets.address = 'http://edge:8080';
    world.answer = async () => answered(500);
    await world.ask({ ...post, page: 2, pages: 2, instances });
    await world.ask({ ...post, page: 1, pages: 2, instances, smokeTests: [smoke('/')] });
    await world.clock.advance(1_000);
    await world.ask({ ...post, page: 2, pages: 2, instances });
    expect(outcomes(await world.untilEnded())).toMatchObject({ SMOKE_TESTS: 'FAILED' });
  });

  test('fail where the target tells no address', async () => {
    const world = await healthyWorld();
    await world.ask({ ...post, instances, smokeTests: [smoke('/')] });
    expect(outcomes(await world.untilEnded())).toMatchObject({ SMOKE_TESTS: 'FAILED' });
    expect(world.calls).toEqual([]);
  });
});

describe('hand-overs', () => {
  test('a newer one supersedes: the older is never answered again, and absorbed when asked', async () => {
    const world = await healthyWorld();
    world.targets.mood = 'hangs';
    await world.ask();
    await world.clock.advance(1_000);
    world.targets.mood = 'answers';
    await world.ask({ fence: { handOver: 2 } });
    expect((await world.untilEnded()).handOver).toBe(2);
    await world.ask({ fence: { handOver: 1 } });
    await world.clock.advance(400_000);
    expect(world.results().filter(({ handOver }) => handOver === 1)).toHaveLength(1);
  });
});

describe('several replicas', () => {
  test('one that dies is replaced within its lease, and its checks are carried out anew', async () => {
    const world = await healthyWorld();
    world.targets.mood = 'hangs';
    await world.ask();
    await world.clock.advance(3_000);
    world.crash('one');
    world.targets.mood = 'answers';
    const diedAtMs = world.clock.nowMs();
    await world.start('two');
    expect(outcomes(await world.untilEnded())).toEqual(HEALTHY);
    expect(world.clock.nowMs() - diedAtMs).toBeLessThan(2_500);
  });

  test('do not give a check its time again with every owner', async () => {
    const world = await healthyWorld();
    world.targets.mood = 'hangs';
    const beganAtMs = world.clock.nowMs();
    await world.ask();
    // Each lives for less than any deadline; together they outlive the longest.
    let owner = 'one';
    for (let next = 0; next < 8; next += 1) {
      await world.clock.advance(45_000);
      world.crash(owner);
      owner = `next ${String(next)}`;
      await world.start(owner);
    }
    const ended = await world.untilEnded();
    expect(world.clock.nowMs() - beganAtMs).toBeLessThan(400_000);
    const health = ended.checks.find(({ check }) => check === 'HEALTH_ENDPOINTS');
    expect(health?.outcome).toBe('FAILED');
    expect(health?.durationMs).toBeGreaterThanOrEqual(300_000);
    expect(health?.durationMs).toBeLessThan(360_000);
  });

  test('work side by side without answering anything twice', async () => {
    const world = await healthyWorld();
    await world.start('two');
    await world.clock.advance(3_000);
    for (let handOver = 1; handOver <= 5; handOver += 1) {
      await world.ask({ fence: { handOver } });
      await world.untilEnded(handOver);
    }
    const numbers = world.results().map(({ handOver, state }) => `${String(handOver)} ${state}`);
    expect(new Set(numbers).size).toBe(numbers.length);
  });

  test('a stale owner’s report is refused, and the new owner’s counts', async () => {
    const world = await healthyWorld();
    const validator = await world.start('two');
    world.targets.mood = 'hangs';
    await world.ask();
    await world.clock.advance(1_000);
    const [running] = await validator.runner.runningIn(
      Array.from({ length: 16 }, (_, shard) => shard),
      10,
    );
    if (running === undefined) throw new Error('nothing runs');
    const stale = { shard: running.shard, epoch: 0 };
    const report = validator.runner.report(running, stale, { type: 'TIME_PASSED' });
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
    expect(outcomes(await world.untilEnded())).toEqual(HEALTHY);
    const letters = world.bus.contents(`${TOPICS.validatorCommands}.dlq`);
    expect(letters.map((letter) => parseDeadLetter(letter.value).bytes)).toEqual([value.length]);
  });

  test('a page that cannot belong: too', async () => {
    const world = await healthyWorld();
    await world.ask({ page: 3, pages: 2 });
    await world.ask();
    await world.untilEnded();
    const [letter] = world.bus.contents(`${TOPICS.validatorCommands}.dlq`);
    expect(parseDeadLetter(letter?.value ?? null).reason).toContain('page 3 of 2');
  });
});

describe('an end in good order', () => {
  test('says what was found before, and leaves the rest to the next owner', async () => {
    const world = new World();
    await world.targets.simulated.declare(FLEET);
    const first = await world.start('one');
    await world.ask();
    await world.untilEnded();
    const stopping = first.stop().then(() => first.loops.flush());
    await world.clock.advance(1_000);
    await stopping;
    const back = first.loops.giveShardsBack();
    await world.clock.advance(1_000);
    await back;
    await world.start('two');
    await world.ask({ fence: { handOver: 2 } });
    expect((await world.untilEnded(2)).handOver).toBe(2);
  });
});
