import { expect, test } from '@jest/globals';
import { MetricRegistry } from '#observability/metric-registry.js';
import { countDecisions } from './decision-metrics.js';

test('checks are counted by their result once they are kept', async () => {
  const metrics = new MetricRegistry('validator');
  const decided = countDecisions(metrics);
  const one = { summary: '', evidence: {}, durationMs: 20 };
  const checks = [{ ...one, check: 'HEALTH_ENDPOINTS', outcome: 'FAILED' as const }];
  decided({ type: 'CHECKS_ENDED', checks }, { kind: 'ABSORBED', why: 'again' });
  decided(
    { type: 'CHECKS_ENDED', checks },
    { kind: 'DECIDED', next: {} as never, storesPage: false, supersedesOlder: false, says: null },
  );
  const text = await metrics.text();
  expect(text).toMatch(/upgrade_check_seconds_count\{.*check="HEALTH_ENDPOINTS".*\} 1/);
  expect(text).toMatch(/upgrade_inputs_total\{.*outcome="absorbed".*\} 1/);
});
