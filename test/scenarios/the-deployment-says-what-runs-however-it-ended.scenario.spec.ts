import { expect, it } from '@jest/globals';
import { instanceIdOf } from '#targets/simulated-instance.js';
import { FROM, TO } from '../simulation/registered.js';
import { Scenario } from './scenario.js';

/** What the deployment says, once its target has been asked. */
async function observed(scenario: Scenario) {
  await scenario.world.clock.pass(5_000);
  const { observedVersions, currentVersionId } = scenario.world.deployment(scenario.upgrade);
  return { observedVersions, currentVersionId };
}

it('cancelled halfway it shows the mix, also of instances that were not to be taken', async () => {
  const plan = { batchSize: 1, batchDelaySeconds: 60, totalInstances: 3 };
  const scenario = await new Scenario({ instances: 5, plan }).begin();
  await scenario.until(() => scenario.execution.counters.COMPLETED === 2);
  await scenario.act('CANCEL');
  await scenario.end('stopped');
  expect(await observed(scenario)).toEqual({
    observedVersions: { [TO.version]: 2, [FROM.version]: 3 },
    currentVersionId: FROM.id,
  });
});

it('cancelled when every instance is on the new version, that is the current one', async () => {
  const scenario = await new Scenario({ plan: { strategy: 'RECREATE' } }).begin();
  scenario.world.down('validator');
  await scenario.untilRow('all-completed');
  await scenario.act('CANCEL');
  expect((await scenario.end('stopped')).status).toBe('CANCELLED');
  expect(await observed(scenario)).toEqual({
    observedVersions: { [TO.version]: 4 },
    currentVersionId: TO.id,
  });
});

it('a rollback that was stopped by force shows what its target says', async () => {
  const faults = [{ on: 'ROLLBACK', how: 'HANG' }] as const;
  const scenario = await new Scenario({ faults, plan: { batchSize: 1 } }).begin();
  await scenario.until(() => scenario.execution.counters.COMPLETED === 2);
  await scenario.act('ROLLBACK');
  await scenario.world.clock.pass(5_000);
  await scenario.act('CANCEL', { force: true });
  await scenario.end('rollback-stopped');
  const { observedVersions } = await observed(scenario);
  const { rooms } = scenario.world;
  const real = await rooms.realInstances(
    scenario.upgrade,
    [0, 1, 2, 3].map((index) => instanceIdOf(index)),
  );
  const counted: Record<string, number> = {};
  for (const { up, runs } of real) {
    const seen = up ? (runs ?? 'unknown') : 'unknown';
    counted[seen] = (counted[seen] ?? 0) + 1;
  }
  expect(observedVersions).toEqual(counted);
});

it('after a set’s rollback that did not end well the set that is not live is not left for ever', async () => {
  const plan = { strategy: 'BLUE_GREEN', blueGreenRetentionSeconds: 60 } as const;
  const scenario = await new Scenario({ plan }).begin();
  await scenario.untilRow('traffic-switched');
  scenario.world.down('validator');
  await scenario.until(() => scenario.execution.newSet?.state === 'LIVE');
  await scenario.world.fleets.setFaults(scenario.upgrade.fleet, [{ on: 'SWITCH', how: 'FAIL' }]);
  await scenario.act('ROLLBACK');
  const execution = await scenario.end('rollback-left-over');
  expect(execution).toMatchObject({ status: 'FAILED', newSet: { state: 'UNKNOWN' } });
  expect(await observed(scenario)).toEqual({
    observedVersions: { [TO.version]: 4 },
    currentVersionId: TO.id,
  });
  const { standbySet } = scenario.world.deployment(scenario.upgrade);
  expect(standbySet).toMatchObject({ set: 'main', versionId: FROM.id });
  await scenario.world.clock.pass(90_000);
  expect(scenario.world.deployment(scenario.upgrade).standbySet).toBeNull();
});
