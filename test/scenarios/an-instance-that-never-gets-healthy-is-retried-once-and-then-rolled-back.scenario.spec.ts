import { expect, it } from '@jest/globals';
import { Scenario } from './scenario.js';

it('an instance that never gets healthy is retried once and then rolled back', async () => {
  const faults = [{ instance: 1, on: 'HEALTH', how: 'FAIL' }] as const;
  const plan = { autoRollbackEnabled: true };
  const scenario = await new Scenario({ faults, plan }).begin();
  const execution = await scenario.end('retry-round', 'failed-again', 'rolled-back');
  expect(execution.status).toBe('ROLLED_BACK');
  expect(execution.rollback).toMatchObject({
    initiatedBy: 'orchestrator',
    reason: '1 instances failed again when retried',
  });
  // Both that were touched are on the version they had; what was never touched never was.
  expect(execution.counters).toMatchObject({ ROLLED_BACK: 2, PENDING: 2 });
});
