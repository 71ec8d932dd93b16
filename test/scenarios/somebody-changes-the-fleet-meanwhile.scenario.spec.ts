import { expect, it } from '@jest/globals';
import { FROM } from '../simulation/registered.js';
import { Scenario } from './scenario.js';

const ONE_BY_ONE = { batchSize: 1, batchDelaySeconds: 5 };

/** Not every listed instance is on the target version: the current one stays (spec §2). */
function keepsItsVersion({ execution, world, upgrade }: Scenario): void {
  const state = execution.postChecks.find(({ check }) => check === 'POST_UPGRADE_STATE');
  expect(state).toMatchObject({
    outcome: 'WARNING',
    evidence: { asExpected: 4, listed: 5, notOnVersion: 1 },
  });
  expect(world.deployment(upgrade).currentVersionId).toBe(FROM.id);
}

async function whysOf(scenario: Scenario): Promise<string[]> {
  const events = await scenario.world.store().events(scenario.id, 0, 1_000);
  return events.map(({ data }) => data.why);
}

it('an instance that vanishes before its turn is FAILED, and the others are upgraded', async () => {
  const plan = { ...ONE_BY_ONE, maxUnavailablePercentage: 50 };
  const scenario = await new Scenario({ instances: 6, plan }).begin();
  await scenario.until(() => scenario.execution.counters.COMPLETED === 1);
  await scenario.world.rooms.vanish(scenario.upgrade.fleet, 4);
  await scenario.untilRow('fleet-compared');
  expect(scenario.execution.counters.FAILED).toBe(1);
  const execution = await scenario.end('fleet-compared', 'retry-round', 'failed-again');
  expect(execution).toMatchObject({
    status: 'FAILED',
    counters: { FAILED: 1, COMPLETED: 5, PENDING: 0 },
  });
  const whys = await whysOf(scenario);
  expect(whys).toContain('VANISHED: the target does not list it any more');
});

it('one that vanishes while it is under way is FAILED as well', async () => {
  const scenario = await new Scenario({ latencyMs: 2_000, plan: ONE_BY_ONE }).begin();
  await scenario.until(() => scenario.execution.counters.UPGRADING === 1);
  await scenario.world.rooms.vanish(scenario.upgrade.fleet, 0);
  const execution = await scenario.end('failed-again');
  const [first] = await scenario.instances();
  expect(first).toMatchObject({ status: 'FAILED', failure: 'VANISHED' });
  expect(execution.status).toBe('FAILED');
});

it('one that vanished cannot be brought back: the rollback says that it is left over', async () => {
  const scenario = await new Scenario({ plan: ONE_BY_ONE }).begin();
  await scenario.until(() => scenario.execution.counters.COMPLETED === 2);
  await scenario.world.rooms.vanish(scenario.upgrade.fleet, 0);
  await scenario.act('ROLLBACK');
  const execution = await scenario.end('rollback-left-over');
  expect(execution.status).toBe('FAILED');
  expect(execution.rollback?.leftOver.map(({ instanceId }) => instanceId)).toEqual(['i-000000']);
});

it('one that appears is told of and not taken', async () => {
  const scenario = await new Scenario({ plan: ONE_BY_ONE }).begin();
  await scenario.until(() => scenario.execution.counters.COMPLETED === 1);
  await scenario.world.fleets.alter(scenario.upgrade.fleet, 4, {});
  const execution = await scenario.end('fleet-compared');
  expect(execution).toMatchObject({ status: 'COMPLETED', total: 4, counters: { COMPLETED: 4 } });
  expect((await whysOf(scenario)).filter((why) => why.includes('have appeared'))).toEqual([
    'instances that are not taken have appeared: i-000004',
  ]);
  keepsItsVersion(scenario);
});

it('one that appears with the last batch is told of before the end, and the deployment keeps its version', async () => {
  const plan = { strategy: 'RECREATE' } as const;
  const scenario = await new Scenario({ latencyMs: 2_000, plan }).begin();
  await scenario.until(() => scenario.execution.counters.UPGRADING > 0);
  await scenario.world.fleets.alter(scenario.upgrade.fleet, 4, {});
  const execution = await scenario.end('fleet-compared', 'post-checks-passed');
  expect(execution).toMatchObject({ status: 'COMPLETED', total: 4, counters: { COMPLETED: 4 } });
  expect(await whysOf(scenario)).toContain('instances that are not taken have appeared: i-000004');
  keepsItsVersion(scenario);
});

it('one that is replaced between two counts, so that no count tells, is missed all the same', async () => {
  const plan = { ...ONE_BY_ONE, maxUnavailablePercentage: 50, failureThreshold: 6 };
  const scenario = await new Scenario({ instances: 6, latencyMs: 2_000, plan }).begin();
  const { world, upgrade } = scenario;
  await scenario.until(() => scenario.execution.counters.UPGRADING === 1);
  for (const gone of [0, 4]) await world.rooms.vanish(upgrade.fleet, gone);
  for (const come of [6, 7]) await world.fleets.alter(upgrade.fleet, come, {});
  await scenario.untilRow('fleet-compared');
  expect(scenario.execution.counters).toMatchObject({ FAILED: 2, COMPLETED: 0, PENDING: 4 });
  await scenario.end('fleet-compared');
  const whys = await whysOf(scenario);
  expect(whys).toContain('instances that are not taken have appeared: i-000006, i-000007');
});

it('one that somebody else upgrades meanwhile is found on its version, and not begun again', async () => {
  const scenario = await new Scenario({ plan: ONE_BY_ONE }).begin();
  await scenario.until(() => scenario.execution.counters.COMPLETED === 1);
  await scenario.world.fleets.alter(scenario.upgrade.fleet, 3, { runs: '1.1.0' });
  const execution = await scenario.end('post-checks-passed');
  expect(execution).toMatchObject({ status: 'COMPLETED', counters: { COMPLETED: 4 } });
});
