import { expect, it } from '@jest/globals';
import { Scenario } from './scenario.js';

it('healthy canaries are promoted by a person, and the rest follows', async () => {
  const scenario = await new Scenario({
    instances: 6,
    plan: { strategy: 'CANARY', canaryPercentage: 30 },
  }).begin();
  await scenario.untilRow('canaries-completed');
  await scenario.until(() => scenario.execution.canary?.verdict === 'HEALTHY');
  expect(scenario.execution.counters.COMPLETED).toBe(2);
  expect(await scenario.act('PROMOTE_CANARY')).toBe(true);
  const execution = await scenario.end(
    'canaries-weighed',
    'canaries-completed',
    'canary-watched',
    'promote-canary',
    'traffic-evened',
  );
  expect(execution.status).toBe('COMPLETED');
});

it('they promote themselves when the duration is over, where that was asked for', async () => {
  const scenario = await new Scenario({
    plan: { strategy: 'CANARY', autoPromote: true, canaryDurationSeconds: 120 },
  }).begin();
  const execution = await scenario.end('canary-promotes-itself');
  expect(execution).toMatchObject({ status: 'COMPLETED', canary: { durationOver: true } });
});
