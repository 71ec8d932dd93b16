import { expect, it } from '@jest/globals';
import { Scenario } from './scenario.js';

const TWO_AT_A_TIME = { batchSize: 2, maxUnavailablePercentage: 50 };

it('a pause begins nothing new, and lets what is under way end', async () => {
  const scenario = await new Scenario({ latencyMs: 2_000, plan: TWO_AT_A_TIME }).begin();
  await scenario.until(() => scenario.execution.counters.DRAINING === 2);
  expect(await scenario.act('PAUSE', { reason: 'lunch' })).toBe(true);
  expect(await scenario.act('PAUSE')).toBe(false);
  expect(scenario.execution).toMatchObject({ status: 'PAUSED', waitingFor: { kind: 'RESUME' } });
  await scenario.world.clock.pass(60_000);
  expect(scenario.execution).toMatchObject({
    status: 'PAUSED',
    counters: { COMPLETED: 2, PENDING: 2 },
  });
  expect(await scenario.act('RESUME')).toBe(true);
  const execution = await scenario.end('pause', 'resume');
  expect(execution).toMatchObject({ status: 'COMPLETED', waitingFor: null });
});

it('the batch delay goes on after the pause with what was left of it', async () => {
  const plan = { ...TWO_AT_A_TIME, batchDelaySeconds: 100 };
  const scenario = await new Scenario({ plan }).begin();
  await scenario.untilRow('batch-settled');
  const { clock } = scenario.world;
  await clock.pass(40_000);
  await scenario.act('PAUSE');
  await clock.pass(90_000);
  expect(scenario.execution.counters.PENDING).toBe(2);
  await scenario.act('RESUME');
  const resumedAtMs = clock.nowMs();
  await scenario.until(() => scenario.execution.counters.PENDING === 0);
  expect((clock.nowMs() - resumedAtMs) / 1_000).toBeCloseTo(60, -1);
  expect((await scenario.end('resume', 'batch-delay-over')).status).toBe('COMPLETED');
});

it('what fails in the pause is judged when it is resumed', async () => {
  const faults = [{ on: 'BRING', how: 'FAIL' }] as const;
  const plan = { ...TWO_AT_A_TIME, failureThreshold: 2 };
  const scenario = await new Scenario({ latencyMs: 2_000, faults, plan }).begin();
  await scenario.until(() => scenario.execution.counters.UPGRADING > 0);
  await scenario.act('PAUSE');
  await scenario.until(() => scenario.execution.counters.FAILED === 2);
  expect(scenario.execution.status).toBe('PAUSED');
  await scenario.act('RESUME');
  expect((await scenario.end('threshold-reached')).status).toBe('FAILED');
});

it('canaries are paused as well, and go on as canaries', async () => {
  const plan = { strategy: 'CANARY', canaryPercentage: 50, maxUnavailablePercentage: 25 } as const;
  const scenario = await new Scenario({ plan: { ...plan, autoPromote: true } }).begin();
  await scenario.until(() => scenario.execution.counters.UPGRADING === 1);
  expect(await scenario.act('PAUSE')).toBe(true);
  await scenario.world.clock.pass(90_000);
  expect(scenario.execution.counters).toMatchObject({ COMPLETED: 1, PENDING: 3 });
  await scenario.act('RESUME');
  expect(scenario.execution.status).toBe('CANARY_RUNNING');
  await scenario.untilRow('canaries-completed');
  expect(scenario.execution.counters.COMPLETED).toBe(2);
  expect((await scenario.end('canary-promotes-itself')).status).toBe('COMPLETED');
});
