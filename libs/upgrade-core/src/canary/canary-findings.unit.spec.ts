import { describe, expect, test } from '@jest/globals';
import {
  judgeHealth,
  judgeMetric,
  judgePage,
  type CanaryBound,
  type PageSight,
  type SeenCanary,
} from './canary-findings.js';
import { filledIn } from './metric-query.js';
import { sampleOrder } from './sample-order.js';

const VERSION = '1.1.0';

function seen(id: string, but: Partial<SeenCanary> = {}): SeenCanary {
  return { id, version: VERSION, healthy: true, problem: null, ...but };
}

function page(ids: readonly string[], found: readonly SeenCanary[] | 'SILENT'): PageSight {
  return { expected: ids.map((id) => ({ id, version: VERSION })), seen: found };
}

function health(...sights: PageSight[]) {
  return judgeHealth(sights.map(judgePage));
}

describe('the health of canaries', () => {
  test('passes when each is healthy on its version', () => {
    expect(health(page(['a', 'b'], [seen('b'), seen('a')]))).toEqual({
      of: 'health',
      outcome: 'PASS',
      value: null,
      summary: '2 canaries healthy',
    });
    expect(health(page(['a'], [seen('a')]), page([], []))).toMatchObject({
      outcome: 'PASS',
      summary: '1 canary healthy',
    });
  });

  test.each([
    ['gone', [seen('a')], 'FAIL', '1 of 2 canaries: b is gone'],
    [
      'unhealthy',
      [seen('a'), seen('b', { healthy: false, problem: 'says that it is unwell' })],
      'FAIL',
      '1 of 2 canaries: b is unhealthy (says that it is unwell)',
    ],
    [
      'on another version',
      [seen('a'), seen('b', { version: '1.0.0' })],
      'FAIL',
      '1 of 2 canaries: b is on 1.0.0 instead of 1.1.0',
    ],
    [
      'silent about its version',
      [seen('a'), seen('b', { version: null })],
      'NO_DATA',
      '1 of 2 canaries: b reports no version',
    ],
  ] as const)('one that is %s is named', (_, found, outcome, summary) => {
    expect(health(page(['a', 'b'], found))).toMatchObject({ outcome, summary });
  });

  test('is unknown when the target names nobody, or cannot be asked', () => {
    expect(health(page(['a'], 'SILENT'))).toMatchObject({
      outcome: 'NO_DATA',
      summary: '1 of 1 canary: the target names no instance at all',
    });
    expect(health({ trouble: 'refused' })).toMatchObject({ outcome: 'ERROR', summary: 'refused' });
    expect(health()).toMatchObject({
      outcome: 'NO_DATA',
      summary: 'there are no canaries to look at',
    });
    expect(health(page([], []))).toMatchObject({ outcome: 'NO_DATA' });
  });

  test('of several pages is that of the worst, and only a few are named', () => {
    const ids = Array.from({ length: 1_000 }, (_, at) => `i-${'x'.repeat(150)}${String(at)}`);
    const found = health({ trouble: 'refused' }, page(['a'], [seen('a')]), page(ids, []));
    expect(found.outcome).toBe('FAIL');
    expect(found.summary).toMatch(/^1000 of 1001 canaries: i-x/);
    expect(found.summary.length).toBeLessThanOrEqual(300);
    expect(health({ trouble: 'refused' }, page(['a'], [seen('a')])).outcome).toBe('ERROR');
  });
});

describe('a metric', () => {
  const errors: CanaryBound = { name: 'errors', bound: 0.05, direction: 'BELOW' };
  const served: CanaryBound = { name: 'served', bound: 10, direction: 'ABOVE' };

  test.each([
    [errors, 0.05, 'PASS', '0.05 is at most 0.05'],
    [errors, 0.0500001, 'FAIL', '0.0500001 is above 0.05'],
    [errors, -3, 'PASS', '-3 is at most 0.05'],
    [served, 10, 'PASS', '10 is at least 10'],
    [served, 9.99, 'FAIL', '9.99 is below 10'],
  ] as const)('%j with %d is a %s', (metric, value, outcome, summary) => {
    const { name: of } = metric;
    expect(judgeMetric(metric, [{ value }])).toEqual({ of, outcome, value, summary });
  });

  test.each([null, NaN, Infinity, -Infinity])('%j is no data, on either side', (value) => {
    for (const metric of [errors, served]) {
      const { name: of } = metric;
      expect(judgeMetric(metric, [{ value }])).toEqual({
        ...{ of, outcome: 'NO_DATA', value: null, summary: 'there is no value' },
      });
    }
  });

  test('that could not be read is an error, with its reason', () => {
    const found = judgeMetric(errors, [{ value: 0 }, { trouble: 'did not answer' }]);
    expect(found).toMatchObject({ outcome: 'ERROR', value: null, summary: 'did not answer' });
  });

  test('must keep its bound on every page; the worst value is shown', () => {
    const of = (metric: CanaryBound, ...values: (number | null)[]) =>
      judgeMetric(
        metric,
        values.map((value) => ({ value })),
      );
    expect(of(errors, 0.01, 0.9, 0.02)).toMatchObject({ outcome: 'FAIL', value: 0.9 });
    expect(of(served, 30, 4, null)).toMatchObject({ outcome: 'FAIL', value: 4 });
    expect(of(errors, 0.01, 0.03)).toMatchObject({ outcome: 'PASS', value: 0.03 });
    expect(of(errors, 0.01, null)).toMatchObject({ outcome: 'NO_DATA', value: null });
    expect(of(errors)).toMatchObject({ outcome: 'NO_DATA', value: null });
  });

  test('keeps what any database takes of names and troubles', () => {
    const name = `${'n'.repeat(250)}\u0000`;
    const found = judgeMetric({ ...errors, name }, [{ trouble: `\u0000${'t'.repeat(500)}` }]);
    expect(found.of).toHaveLength(200);
    expect(found.summary.length).toBeLessThanOrEqual(300);
    expect(JSON.stringify(found)).not.toContain('\\u0000');
  });
});

describe('what a sample looks at', () => {
  const places = { tenant: 'acme', component: 'orders', version: VERSION };
  const metric = (but: Partial<Parameters<typeof sampleOrder>[2]['metrics'][number]> = {}) => {
    return { source: 'PROMETHEUS' as const, query: 'up', initialDelaySeconds: 0, ...but };
  };

  test('a metric counts from the first moment that its delay has passed at', () => {
    const metrics = [metric(), metric({ initialDelaySeconds: 60 })];
    const counts = [1, 2, 3].map((number) => {
      return sampleOrder({ intervalMs: 30_000 }, number, { ...places, metrics }).metrics.length;
    });
    expect(counts).toEqual([1, 2, 2]);
  });

  test.each([
    [1_000, 800],
    [5_000, 4_000],
    [30_000, 10_000],
    [3_600_000, 10_000],
  ])('with an interval of %i ms it may take %i ms', (intervalMs, deadlineMs) => {
    expect(sampleOrder({ intervalMs }, 1, { ...places, metrics: [] }).deadlineMs).toBe(deadlineMs);
  });

  test('a query of Prometheus may name tenant, component and version', () => {
    const query = 'sum by (job) (errors{tenant="{{tenant}}",c="{{component}}",v="{{version}}"})';
    const [ours, theirs] = sampleOrder({ intervalMs: 1_000 }, 1, {
      ...places,
      metrics: [metric({ query }), metric({ query, source: 'TARGET' })],
    }).metrics;
    expect(ours?.query).toBe('sum by (job) (errors{tenant="acme",c="orders",v="1.1.0"})');
    expect(theirs?.query).toBe(query);
  });

  test('what stands there cannot end the quotes', () => {
    const evil = { ...places, tenant: 'a"} or up{x="\\' };
    expect(filledIn('errors{tenant="{{tenant}}"}', evil)).toBe('errors{tenant="a} or up{x="}');
    expect(filledIn('{{unknown}} {a="b"}', places)).toBe('{{unknown}} {a="b"}');
  });
});
