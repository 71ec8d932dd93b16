import { expect, it } from '@jest/globals';
import { Scenario } from './scenario.js';

async function inRollback(): Promise<Scenario> {
  const faults = [{ on: 'ROLLBACK', how: 'HANG' }] as const;
  const scenario = await new Scenario({ faults, plan: { batchSize: 1 } }).begin();
  await scenario.until(() => scenario.execution.counters.COMPLETED === 2);
  await scenario.act('ROLLBACK');
  return scenario;
}

it('a rollback is stopped by force alone, and the agent lets go', async () => {
  const scenario = await inRollback();
  await scenario.world.clock.pass(5_000);
  expect(await scenario.act('CANCEL')).toBe(false);
  expect(await scenario.act('CANCEL', { force: true })).toBe(true);
  const execution = await scenario.end('cancel-rollback', 'rollback-stopped');
  expect(execution.status).toBe('CANCELLED');
  expect(execution.failureReason).toContain('the rollback was stopped');
});

it('an agent that does not answer the stop is not waited for longer than its deadline', async () => {
  const scenario = await inRollback();
  scenario.world.down('rollback-agent');
  expect(await scenario.act('CANCEL', { force: true })).toBe(true);
  const execution = await scenario.end('stopped-agent-silent');
  expect(execution.status).toBe('CANCELLED');
});
