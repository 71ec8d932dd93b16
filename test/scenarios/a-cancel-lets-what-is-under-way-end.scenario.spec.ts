import { expect, it } from '@jest/globals';
import { Scenario } from './scenario.js';

it('a cancel lets what is under way end and begins nothing more', async () => {
  const scenario = await new Scenario({ plan: { maxUnavailablePercentage: 50 } }).begin();
  await scenario.until(() => scenario.execution.counters.UPGRADING > 0);
  expect(await scenario.act('CANCEL')).toBe(true);
  expect(scenario.execution.status).toBe('IN_PROGRESS');
  const execution = await scenario.end('cancel', 'stopped');
  expect(execution).toMatchObject({
    status: 'CANCELLED',
    counters: { COMPLETED: 2, PENDING: 2 },
  });
});

it('a cancel is not forgotten while nobody is there, and no deadline makes it a failure', async () => {
  const faults = [{ on: 'BRING', how: 'HANG' }] as const;
  const scenario = await new Scenario({ faults }).begin();
  await scenario.until(() => scenario.execution.counters.UPGRADING > 0);
  expect(await scenario.act('CANCEL')).toBe(true);
  scenario.world.down('orchestrator');
  await scenario.world.clock.pass(3_600_000);
  scenario.world.up('orchestrator');
  const execution = await scenario.end('deadline-while-stopping', 'stopped');
  expect(execution).toMatchObject({ status: 'CANCELLED', counters: { FAILED: 1, PENDING: 3 } });
});
