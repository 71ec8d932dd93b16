import { expect, test } from '@jest/globals';
import type { CanaryWatch } from '#core/canary/canary-watch.js';
import { MetricRegistry } from '#observability/metric-registry.js';
import { countDecisions } from './decision-metrics.js';

test('samples are counted by outcome and lateness, and verdicts that changed', async () => {
  const metrics = new MetricRegistry('canary-monitor');
  const decided = countDecisions(metrics);
  const findings = [{ of: 'health', outcome: 'FAIL' as const, value: null, summary: '' }];
  const sample = { number: 2, atMs: 62_000, findings };
  const next = {
    ...{ beganAtMs: 0, intervalMs: 30_000, verdict: 'UNHEALTHY' },
    samples: [{ ...sample, outcome: 'FAIL' }],
  } as unknown as CanaryWatch;
  const input = { type: 'SAMPLED', ...sample } as const;
  const plain = { storesPage: false, supersedesOlder: false, says: null };
  decided(input, { kind: 'ABSORBED', why: 'again' });
  decided(input, { kind: 'DECIDED', next, ...plain, verdictChanged: true });
  decided({ type: 'TIME_PASSED' }, { kind: 'DECIDED', next, ...plain, verdictChanged: false });
  const text = await metrics.text();
  expect(text).toMatch(/upgrade_canary_samples_total\{outcome="FAIL".*\} 1\n/);
  expect(text).toMatch(/upgrade_canary_verdicts_total\{verdict="UNHEALTHY".*\} 1\n/);
  expect(text).toMatch(/upgrade_canary_jitter_seconds_sum\{.*\} 2\n/);
  expect(text).toMatch(/upgrade_inputs_total\{.*outcome="absorbed".*\} 1/);
});
