import { expect, it } from '@jest/globals';
import { Scenario } from './scenario.js';

const PLAN = { strategy: 'STAGED', batchSize: 2, maxUnavailablePercentage: 50 } as const;

it('a stage that has failures shows them in what is approved, and the last stage retries them', async () => {
  const faults = [{ instance: 1, on: 'BRING', how: 'FAIL', times: 1 }] as const;
  const scenario = await new Scenario({ instances: 6, faults, plan: PLAN }).begin();
  await scenario.untilRow('stage-settled');
  expect(scenario.execution).toMatchObject({
    ...{ status: 'PAUSED', pauseReason: 'STAGE_APPROVAL', counters: { COMPLETED: 1, FAILED: 1 } },
    waitingFor: { kind: 'APPROVAL', who: 'anybody but ann' },
  });
  const events = await scenario.world.store().events(scenario.id, 0, 200);
  expect(events.at(-1)?.data.why).toBe('stage 1 has settled, 1 failed, 4 to go');
  expect(await scenario.act('APPROVE')).toBe(true);
  await scenario.until(() => scenario.execution.counters.COMPLETED === 3);
  await scenario.approveUntilEnd();
  const execution = await scenario.end('stage-settled', 'approve', 'retry-round');
  expect(execution).toMatchObject({ status: 'COMPLETED', counters: { COMPLETED: 6 } });
});

it('who began it, or will not say who he is, approves nothing', async () => {
  const scenario = await new Scenario({ plan: PLAN }).begin();
  await scenario.untilRow('stage-settled');
  for (const by of ['ann', ' ANN ', 'anonymous', '']) {
    expect(await scenario.act('APPROVE', { by })).toBe(false);
  }
  expect(await scenario.act('RESUME')).toBe(false);
  // A day later it still waits, and begins nothing.
  await scenario.away(86_400_000);
  expect(scenario.execution).toMatchObject({ status: 'PAUSED', counters: { PENDING: 2 } });
  expect(await scenario.act('APPROVE')).toBe(true);
  expect((await scenario.end('approve-own-stage', 'approve')).status).toBe('COMPLETED');
});

it('instead of approving it may be taken back', async () => {
  const scenario = await new Scenario({ plan: PLAN }).begin();
  await scenario.untilRow('stage-settled');
  expect(await scenario.act('ROLLBACK')).toBe(true);
  const execution = await scenario.end('rolled-back');
  expect(execution).toMatchObject({ status: 'ROLLED_BACK', counters: { ROLLED_BACK: 2 } });
});
