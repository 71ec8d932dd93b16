import { expect, it } from '@jest/globals';
import { Scenario } from './scenario.js';

const PLAN = { strategy: 'CANARY', autoPromote: true, canaryDurationSeconds: 120 } as const;

it('a canary monitor that is away makes the verdict INCONCLUSIVE, and is asked again', async () => {
  const scenario = await new Scenario({ plan: PLAN }).begin('canary-monitor');
  await scenario.untilRow('canary-monitor-silent');
  expect(scenario.execution).toMatchObject({
    status: 'CANARY_MONITORING',
    canary: { verdict: 'INCONCLUSIVE', totals: { PASS: 0 } },
  });
  // Silence past the duration promotes nothing: a person is waited for.
  await scenario.world.clock.pass(150_000);
  expect(scenario.execution).toMatchObject({
    status: 'CANARY_MONITORING',
    waitingFor: { kind: 'PROMOTION' },
  });
  scenario.world.up('canary-monitor');
  const execution = await scenario.end('canary-monitor-silent', 'canary-promotes-itself');
  expect(execution).toMatchObject({ status: 'COMPLETED', canary: { verdict: 'HEALTHY' } });
});

it('one that dies is followed by another, which goes on with the same watch', async () => {
  const scenario = await new Scenario({ plan: PLAN }).begin();
  await scenario.until(() => scenario.execution.canary?.verdict === 'HEALTHY');
  const sampled = scenario.execution.canary?.totals.PASS ?? 0;
  scenario.world.down('canary-monitor');
  await scenario.world.clock.pass(10_000);
  scenario.world.up('canary-monitor');
  const execution = await scenario.end('canary-promotes-itself');
  expect(execution.canary?.totals.PASS).toBeGreaterThan(sampled);
  expect(scenario.world.rowsHit.has('canary-monitor-silent')).toBe(false);
});
