import { expect, it } from '@jest/globals';
import { Scenario } from './scenario.js';

/** Eight at 25 %: two may be down. */
const asked = {
  instances: 8,
  plan: { batchSize: 1, batchDelaySeconds: 1, drainTimeoutSeconds: 1 },
};

async function untilTwoHaveFallen(scenario: Scenario): Promise<void> {
  const { rooms } = scenario.world;
  const { fleet } = scenario.upgrade;
  await scenario.until(() => scenario.execution.counters.COMPLETED === 2);
  // They have been upgraded already, so they cannot go first.
  await rooms.fall(fleet, 0);
  await rooms.fall(fleet, 1);
  await scenario.untilRow('no-room');
}

it('instances that fell by themselves leave no room, until they stand again', async () => {
  const scenario = await new Scenario(asked).begin();
  await untilTwoHaveFallen(scenario);
  expect(scenario.execution.waitingFor?.kind).toBe('ROOM');
  await scenario.world.rooms.raiseFallen();
  const execution = await scenario.end('no-room', 'post-checks-passed');
  expect(execution).toMatchObject({ status: 'COMPLETED', waitingFor: null });
});

it('an upgrade that finds no room before its deadline fails', async () => {
  const scenario = await new Scenario(asked).begin();
  await untilTwoHaveFallen(scenario);
  await scenario.untilRow('no-progress');
  await scenario.world.rooms.raiseFallen();
  const execution = await scenario.end('deadline-not-reached', 'no-progress');
  expect(execution).toMatchObject({
    status: 'FAILED',
    failureReason: 'no progress before the deadline',
  });
});
