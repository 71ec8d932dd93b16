import { expect, it } from '@jest/globals';
import { Scenario } from './scenario.js';

it('RECREATE takes all instances at once, whatever the room', async () => {
  const scenario = await new Scenario({ instances: 7, plan: { strategy: 'RECREATE' } }).begin();
  await scenario.until(() => scenario.execution.counters.DRAINING === 7);
  expect((await scenario.end('next-batch')).status).toBe('COMPLETED');
});
