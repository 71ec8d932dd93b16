import { expect, it } from '@jest/globals';
import { Scenario } from './scenario.js';

it('each stage waits for a person who did not initiate the upgrade', async () => {
  const scenario = await new Scenario({
    instances: 4,
    plan: { strategy: 'STAGED', batchSize: 2, maxUnavailablePercentage: 50 },
  }).begin();
  await scenario.untilRow('stage-settled');
  expect(await scenario.act('APPROVE', { by: 'ann' })).toBe(false);
  expect(await scenario.act('RESUME')).toBe(false);
  expect(await scenario.act('APPROVE', { by: 'olga' })).toBe(true);
  const execution = await scenario.end('stage-settled', 'approve');
  expect(execution.status).toBe('COMPLETED');
});
