import { expect, it } from '@jest/globals';
import type { CanaryMetric } from '#contracts/work.messages.js';
import { MetricSource } from '../../apps/canary-monitor/src/inbound/prometheus.client.js';
import { Scenario } from './scenario.js';

const PLAN = { strategy: 'CANARY', autoPromote: true, canaryDurationSeconds: 90 } as const;
const BOUND = { bound: 1, direction: 'BELOW', initialDelaySeconds: 0 } as const;
const OWN: CanaryMetric = { name: 'errors', source: 'TARGET', query: 'error_rate', ...BOUND };
const ELSEWHERE: CanaryMetric = { ...OWN, source: 'PROMETHEUS', query: 'sum(errors)' };

/** Well past its duration it still waits for a person, INCONCLUSIVE. */
async function isNotPromoted(scenario: Scenario): Promise<void> {
  await scenario.untilRow('canaries-completed');
  await scenario.world.clock.pass(200_000);
  expect(scenario.execution).toMatchObject({
    status: 'CANARY_MONITORING',
    canary: { verdict: 'INCONCLUSIVE', durationOver: true, totals: { PASS: 0 } },
    waitingFor: { kind: 'PROMOTION' },
  });
}

it('canaries that give no data are not promoted by themselves, but a person may', async () => {
  const scenario = await new Scenario({ plan: PLAN, canaryMetrics: [OWN] }).begin();
  await isNotPromoted(scenario);
  expect(await scenario.act('PROMOTE_CANARY')).toBe(true);
  expect((await scenario.end('canary-watched', 'promote-canary')).status).toBe('COMPLETED');
});

class HangingMetrics extends MetricSource {
  override value(): Promise<number | null> {
    return new Promise(() => undefined);
  }
}

it('nor are those whose metrics hang, and the watch goes on meanwhile', async () => {
  const asked = { plan: PLAN, canaryMetrics: [ELSEWHERE] };
  const scenario = await new Scenario(asked, { prometheus: new HangingMetrics() }).begin();
  await isNotPromoted(scenario);
  expect(scenario.execution.canary?.totals.ERROR).toBeGreaterThan(5);
  await scenario.act('ROLLBACK');
  expect((await scenario.end('rolled-back')).status).toBe('ROLLED_BACK');
});

it('a metric beyond its bound makes them UNHEALTHY, however well they answer', async () => {
  const metrics = { error_rate: { '1.0.0': 0.1, '1.1.0': 7 } };
  const plan = { ...PLAN, autoRollbackEnabled: true };
  const scenario = await new Scenario({ plan, canaryMetrics: [OWN], metrics }).begin();
  const execution = await scenario.end('canary-unhealthy', 'rolled-back');
  expect(execution.canary).toMatchObject({ verdict: 'UNHEALTHY', totals: { FAIL: 3 } });
});
