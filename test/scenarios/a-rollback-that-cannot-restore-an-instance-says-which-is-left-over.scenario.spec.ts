import { expect, it } from '@jest/globals';
import { Scenario } from './scenario.js';

it('a rollback that cannot restore an instance says which is left over', async () => {
  const faults = [{ instance: 0, on: 'ROLLBACK', how: 'FAIL' }] as const;
  const scenario = await new Scenario({ faults, plan: { batchSize: 1 } }).begin();
  await scenario.until(() => scenario.execution.counters.COMPLETED === 2);
  await scenario.act('ROLLBACK');
  const execution = await scenario.end('rollback-left-over');
  expect(execution.status).toBe('FAILED');
  const leftOver = execution.rollback?.leftOver.map(({ instanceId }) => instanceId) ?? [];
  expect(leftOver).toContain('i-000000');
});
