import { expect, it } from '@jest/globals';
import { Scenario } from './scenario.js';

it('a running upgrade is taken back by an operator', async () => {
  const plan = { batchSize: 1 };
  const scenario = await new Scenario({ plan }).begin();
  await scenario.until(() => scenario.execution.counters.COMPLETED === 2);
  expect(await scenario.act('ROLLBACK')).toBe(true);
  const execution = await scenario.end('rollback', 'rollback-progressed', 'rolled-back');
  expect(execution.status).toBe('ROLLED_BACK');
  expect(execution.rollback?.initiatedBy).toBe('olga');
});
