import { expect, it } from '@jest/globals';
import { Scenario } from './scenario.js';

it('a healthy fleet is upgraded batch by batch', async () => {
  const plan = { batchSize: 2, batchDelaySeconds: 2, maxUnavailablePercentage: 50 };
  const scenario = await new Scenario({ instances: 5, plan }).begin();
  const execution = await scenario.end(
    'start',
    'page-listed',
    'checks-under-way',
    'pre-checks-passed',
    'validated',
    'room-unknown',
    'room-counted',
    'next-batch',
    'steps-settled',
    'batch-settled',
    'batch-delay-over',
    'all-completed',
    'post-checks-passed',
  );
  expect(execution).toMatchObject({ status: 'COMPLETED', counters: { COMPLETED: 5 } });
  // Room for two at a time: two, two and one.
  expect(scenario.world.rowsHit.get('next-batch')).toBe(3);
});
