import { expect, it } from '@jest/globals';
import { FROM, TO } from '../simulation/registered.js';
import { Scenario } from './scenario.js';

const REVERT_ID = '0d9c6a1e-2f4b-4c3d-8e5f-6a7b8c9d0e1f';

/** Switched, and not yet checked: the validator is away. */
async function untilSwitched(scenario: Scenario): Promise<void> {
  await scenario.untilRow('traffic-switched');
  scenario.world.down('validator');
  await scenario.until(() => scenario.execution.newSet?.state === 'LIVE');
}

async function liveSet({ world, upgrade }: Scenario): Promise<string> {
  return (await world.rooms.realSets(upgrade)).sets.live;
}

it('rolled back after the switch, traffic is back at once, and then the new set goes', async () => {
  const plan = { strategy: 'BLUE_GREEN', drainTimeoutSeconds: 60 } as const;
  const scenario = await new Scenario({ plan }).begin();
  await untilSwitched(scenario);
  const { clock } = scenario.world;
  const rolledBackAtMs = clock.nowMs();
  expect(await scenario.act('ROLLBACK')).toBe(true);
  while ((await liveSet(scenario)) !== 'main') await clock.pass(50);
  expect(clock.nowMs() - rolledBackAtMs).toBeLessThan(2_000);
  const execution = await scenario.end('rollback', 'rolled-back');
  expect(execution).toMatchObject({ status: 'ROLLED_BACK', counters: { ROLLED_BACK: 4 } });
  expect(scenario.world.deployment(scenario.upgrade).currentVersionId).toBe(FROM.id);
});

it('cancelled after the switch, the new set serves on, and the old one is kept for its time', async () => {
  const scenario = await new Scenario({ plan: { strategy: 'BLUE_GREEN' } }).begin();
  await untilSwitched(scenario);
  expect(await scenario.act('CANCEL')).toBe(true);
  const execution = await scenario.end('cancel', 'stopped');
  expect(execution).toMatchObject({ status: 'CANCELLED', newSet: { state: 'LIVE' } });
  expect(await liveSet(scenario)).toBe(execution.newSet?.name);
  const { standbySet, currentVersionId } = scenario.world.deployment(scenario.upgrade);
  expect(standbySet).toMatchObject({ set: 'main', versionId: FROM.id });
  // Every instance is on it, whatever became of the upgrade.
  expect(currentVersionId).toBe(TO.id);
});

it('a revert while the old set is kept checks that set and switches back to it', async () => {
  const scenario = await new Scenario({ plan: { strategy: 'BLUE_GREEN' } }).begin();
  await scenario.until(() => scenario.execution.status === 'COMPLETED');
  const { world } = scenario;
  const forward = scenario.execution;
  expect(world.deployment(scenario.upgrade).currentVersionId).toBe(TO.id);
  await scenario.revert(REVERT_ID);
  const execution = await scenario.end('revert', 'traffic-switched', 'post-checks-passed');
  expect(execution).toMatchObject({ status: 'COMPLETED', newSet: { state: 'LIVE' } });
  const reverted = world.execution(REVERT_ID);
  expect(reverted).toMatchObject({
    ...{ kind: 'REVERT', revertOf: forward.id, status: 'COMPLETED' },
    newSet: { name: 'main', state: 'LIVE', previous: forward.newSet?.name },
  });
  expect(await liveSet(scenario)).toBe('main');
  // Nothing was brought anywhere: the kept set runs the old version already.
  const acts = await world.fleets.history(scenario.upgrade.fleet);
  const brought = acts.filter(({ operationId, outcome, verb }) => {
    return operationId.startsWith(REVERT_ID) && verb === 'drain' && outcome === 'DONE';
  });
  expect(brought).toEqual([]);
  expect(world.deployment(scenario.upgrade).currentVersionId).toBe(FROM.id);
});
