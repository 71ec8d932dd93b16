import { expect, it } from '@jest/globals';
import { Scenario } from './scenario.js';

it('a version that does not start is stopped at the threshold', async () => {
  const faults = [{ on: 'BRING', how: 'FAIL' }] as const;
  const plan = { failureThreshold: 2, maxUnavailablePercentage: 100 };
  const scenario = await new Scenario({ faults, plan }).begin();
  const execution = await scenario.end('threshold-reached', 'stopped');
  expect(execution.status).toBe('FAILED');
  expect(execution.failureReason).toContain('reach the threshold of 2');
  expect(execution.counters.COMPLETED).toBe(0);
});
