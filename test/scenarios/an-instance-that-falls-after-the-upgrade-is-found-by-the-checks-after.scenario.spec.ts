import { expect, it } from '@jest/globals';
import { Scenario } from './scenario.js';

it('an instance that falls after the upgrade is found by the checks after', async () => {
  const scenario = await new Scenario().begin();
  await scenario.until(() => scenario.execution.counters.COMPLETED === 3);
  await scenario.world.rooms.fall(scenario.upgrade.fleet, 0);
  await scenario.untilRow('post-checks-failed');
  await scenario.world.rooms.raiseFallen();
  const execution = await scenario.end('post-checks-answered', 'post-checks-failed');
  expect(execution.status).toBe('FAILED');
  expect(execution.failureReason).toContain('post-upgrade checks failed');
});
