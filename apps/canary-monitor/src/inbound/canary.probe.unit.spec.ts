import { describe, expect, test } from '@jest/globals';
import {
  COMMAND,
  FLEET,
  healthyWorld,
  INTERVAL_MS,
  metric,
  outcomes,
} from '../../test/canary-monitor-world.js';

describe('metrics', () => {
  test('of the target are held against their bounds, each by its own direction', async () => {
    const world = await healthyWorld();
    const { metrics } = world.targets;
    metrics.set('errors', 0.01).set('served', 100);
    const served = metric({ name: 'served', query: 'served', bound: 50, direction: 'ABOVE' });
    await world.ask({ metrics: [metric(), served] });
    await world.pass(1);
    metrics.set('served', 49);
    await world.pass(2);
    expect(outcomes(world.samples())).toEqual(['1 PASS', '2 FAIL']);
    expect(world.last().samples.at(-1)?.findings).toEqual([
      { of: 'health', outcome: 'PASS', value: null, summary: '2 canaries healthy' },
      { of: 'errors', outcome: 'PASS', value: 0.01, summary: '0.01 is at most 0.05' },
      { of: 'served', outcome: 'FAIL', value: 49, summary: '49 is below 50' },
    ]);
    const ids = (await world.canaries(2)).map(({ id }) => id);
    expect(world.targets.asked[0]).toEqual(ids);
  });

  test('of Prometheus are asked for with tenant, component and version filled in', async () => {
    const world = await healthyWorld();
    world.prometheus.values.set('e{t="acme",c="orders",v="1.1.0"}', 0.5);
    const query = 'e{t="{{tenant}}",c="{{component}}",v="{{version}}"}';
    await world.ask({ metrics: [metric({ source: 'PROMETHEUS', query })] });
    await world.pass(1);
    expect(world.last().samples[0]?.findings[1]).toMatchObject({ outcome: 'FAIL', value: 0.5 });
  });

  test('without data are no pass', async () => {
    const world = await healthyWorld();
    await world.ask({ metrics: [metric(), metric({ source: 'PROMETHEUS' })] });
    await world.pass(3);
    expect(outcomes(world.samples())).toEqual(['1 NO_DATA', '2 NO_DATA', '3 NO_DATA']);
    expect(world.last().verdict).toBe('INCONCLUSIVE');
  });

  test.each(['TARGET', 'PROMETHEUS'] as const)(
    'of %s that hang are errors of their own, and delay nobody else',
    async (source) => {
      const world = await healthyWorld();
      world.targets.metrics.set('errors', 0);
      world.targets.metricMood = source === 'TARGET' ? 'hangs' : 'answers';
      world.prometheus.mood = 'hangs';
      await world.ask({ metrics: [metric({ source })] });
      const other = '6f1d2c3b-4a59-4678-8a9b-0c1d2e3f4a5c';
      await world.ask({ executionId: other });
      await world.pass(2);
      const of = (executionId: string) =>
        world.results().findLast((result) => result.executionId === executionId)?.samples ?? [];
      const [hanging] = of(COMMAND.executionId);
      expect(hanging?.findings.map(({ outcome }) => outcome)).toEqual(['PASS', 'ERROR']);
      expect(hanging?.findings[1]?.summary).toBe('did not answer within 10000 ms');
      expect(of(COMMAND.executionId)).toHaveLength(2);
      const lateMs = of(other).map(({ number, atMs }) => {
        return atMs - world.beganAtMs - number * INTERVAL_MS;
      });
      expect(lateMs).toHaveLength(2);
      expect(Math.max(...lateMs)).toBeLessThan(250);
    },
  );

  test('are left out until their delay has passed; health counts from the first', async () => {
    const world = await healthyWorld();
    world.targets.metrics.set('errors', 9);
    await world.ask({ metrics: [metric({ initialDelaySeconds: 60 })] });
    await world.pass(2);
    expect(outcomes(world.samples())).toEqual(['1 PASS', '2 FAIL']);
    expect(world.samples()[0]?.findings).toHaveLength(1);
  });
});

describe('many canaries', () => {
  test('in several pages are looked at from the last page on, each of them', async () => {
    const world = await healthyWorld();
    const all = await world.canaries(4);
    const page = (number: number) => [all[number - 1] ?? { index: 0, id: '', version: null }];
    world.targets.metrics.set('errors', 0);
    for (const number of [1, 3]) {
      await world.ask({ page: number, pages: 3, instances: page(number), metrics: [metric()] });
    }
    await world.pass(1);
    expect(world.samples()).toEqual([]);
    await world.ask({ page: 2, pages: 3, instances: page(2) });
    await world.pass(2);
    // A moment that was missed is not caught up with; one that is late by less than an interval is.
    expect(outcomes(world.samples())).toEqual(['1 PASS', '2 PASS']);
    expect(world.last().samples[0]?.findings[0]?.summary).toBe('3 canaries healthy');
    expect(world.targets.asked.slice(0, 3)).toEqual([1, 2, 3].map((n) => [page(n)[0]?.id]));
  });

  test('of which one is on the last page and down are a failure', async () => {
    const world = await healthyWorld();
    const all = await world.canaries(4);
    await world.fleets.alter(FLEET.fleet, 3, { up: false });
    for (const [at, one] of all.entries()) {
      await world.ask({ page: at + 1, pages: 4, instances: [one] });
    }
    await world.pass(1);
    expect(outcomes(world.samples())).toEqual(['1 FAIL']);
  });
});
