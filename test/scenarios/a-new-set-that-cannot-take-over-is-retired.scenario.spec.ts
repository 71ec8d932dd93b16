import { expect, it } from '@jest/globals';
import type { ExecutionPlan } from '#core/execution/execution.js';
import type { SimulatedFault } from '#targets/simulated-faults.js';
import { FROM } from '../simulation/registered.js';
import { Scenario } from './scenario.js';

function blueGreen(faults: readonly SimulatedFault[], more: Partial<ExecutionPlan> = {}): Scenario {
  return new Scenario({ faults, plan: { strategy: 'BLUE_GREEN', ...more } });
}

/** Nothing of the set that serves was touched, and the new one is gone. */
async function isAsBefore(scenario: Scenario): Promise<void> {
  const { sets, listed } = await scenario.world.rooms.realSets(scenario.upgrade);
  expect({ live: sets.live, listed: [...listed] }).toEqual({ live: 'main', listed: [['main', 4]] });
  expect(scenario.world.deployment(scenario.upgrade)).toMatchObject({
    currentVersionId: FROM.id,
    standbySet: null,
  });
  const acts = await scenario.world.fleets.history(scenario.upgrade.fleet);
  expect(acts.filter((act) => 'instanceId' in act && act.instanceId.startsWith('i-'))).toEqual([]);
}

it('a switch that fails is given up: the new set is retired, traffic never left the old one', async () => {
  const scenario = await blueGreen([{ on: 'SWITCH', how: 'FAIL' }]).begin();
  const execution = await scenario.end(
    'traffic-switched',
    'set-operation-failed',
    'new-set-retired-first',
    'stopped',
  );
  expect(execution).toMatchObject({ status: 'FAILED', newSet: { state: 'RETIRED' } });
  // Its instances are gone with it: nothing is COMPLETED.
  expect(execution.counters).toMatchObject({ COMPLETED: 0, ROLLED_BACK: 4 });
  expect(execution.failureReason).toContain('SWITCH');
  await isAsBefore(scenario);
});

it('with auto-rollback a switch that fails is rolled back', async () => {
  const scenario = await blueGreen([{ on: 'SWITCH', how: 'FAIL', times: 1 }], {
    autoRollbackEnabled: true,
  }).begin();
  const execution = await scenario.end('set-operation-failed', 'rolled-back');
  expect(execution).toMatchObject({ status: 'ROLLED_BACK', counters: { ROLLED_BACK: 4 } });
  await isAsBefore(scenario);
});

it('a switch that the target only claims to have made is not believed', async () => {
  const scenario = await blueGreen([{ on: 'SWITCH', how: 'LIE' }]).begin();
  const execution = await scenario.end('set-operation-failed', 'new-set-retired-first');
  expect(execution.status).toBe('FAILED');
  expect(execution.failureReason).toContain('traffic goes to main');
  await isAsBefore(scenario);
});

it('a set that never gets healthy is tried twice and retired', async () => {
  const plan = { failureThreshold: 10 };
  const scenario = await blueGreen([{ on: 'HEALTH', how: 'FAIL' }], plan).begin();
  const execution = await scenario.end('retry-round', 'failed-again', 'new-set-retired-first');
  expect(execution).toMatchObject({ status: 'FAILED', newSet: { state: 'RETIRED' } });
  await isAsBefore(scenario);
});

it('a set that is cancelled before the switch is retired before it is said to be CANCELLED', async () => {
  const scenario = await blueGreen([]).begin();
  await scenario.until(() => scenario.execution.counters.UPGRADING === 4);
  expect(await scenario.act('CANCEL')).toBe(true);
  const execution = await scenario.end('cancel', 'new-set-retired-first', 'stopped');
  expect(execution).toMatchObject({ status: 'CANCELLED', newSet: { state: 'RETIRED' } });
  await isAsBefore(scenario);
});

it('one that is rolled back before the switch leaves nothing behind', async () => {
  const scenario = await blueGreen([]).begin();
  await scenario.until(() => scenario.execution.counters.UPGRADING === 4);
  expect(await scenario.act('ROLLBACK')).toBe(true);
  expect((await scenario.end('rollback', 'rolled-back')).status).toBe('ROLLED_BACK');
  await isAsBefore(scenario);
});

it('what is said of a set too late changes nothing', async () => {
  const scenario = await blueGreen([]).begin();
  await scenario.until(() => scenario.execution.counters.HEALTH_CHECKING > 0);
  await scenario.report({
    ...{ type: 'SET_OPERATION_ENDED', handOver: 1, number: 1 },
    ...{ outcome: 'FAILED', reason: 'too late', liveSet: null },
  });
  const page = { cursor: null, nextCursor: null, ids: ['i-000000'] };
  await scenario.report({ type: 'SET_PAGE_READ', handOver: 1, ...page });
  const execution = await scenario.end('other-set-operation', 'set-page-known');
  expect(execution).toMatchObject({ status: 'COMPLETED', newSet: { state: 'LIVE' } });
});
