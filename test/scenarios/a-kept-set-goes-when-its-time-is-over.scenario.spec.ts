import { expect, it } from '@jest/globals';
import { NEXT, TO } from '../simulation/registered.js';
import { requestOf } from '../simulation/upgrades.js';
import { Scenario } from './scenario.js';

const NEXT_ID = '1e8d7b2f-3a5c-4d4e-9f60-7b8c9d0e1f2a';
const PLAN = { strategy: 'BLUE_GREEN', blueGreenRetentionSeconds: 90 } as const;

async function sets({ world, upgrade }: Scenario): Promise<string[]> {
  return [...(await world.rooms.realSets(upgrade)).listed.keys()];
}

async function completed(): Promise<Scenario> {
  const scenario = await new Scenario({ plan: PLAN }).begin();
  await scenario.until(() => scenario.execution.status === 'COMPLETED');
  return scenario;
}

it('a set that was kept goes when its time is over, and not before', async () => {
  const scenario = await completed();
  const { clock } = scenario.world;
  await clock.pass(80_000);
  expect(await sets(scenario)).toHaveLength(2);
  await clock.pass(30_000);
  expect(await sets(scenario)).toEqual([scenario.execution.newSet?.name]);
  expect(scenario.world.deployment(scenario.upgrade).standbySet).toBeNull();
  await scenario.end('post-checks-passed');
});

it('an orchestrator that is away at that time retires it when it is back', async () => {
  const scenario = await completed();
  const { world } = scenario;
  world.down('orchestrator');
  await world.clock.pass(100_000);
  expect(await sets(scenario)).toHaveLength(2);
  world.up('orchestrator');
  await world.clock.pass(20_000);
  expect(await sets(scenario)).toHaveLength(1);
  await scenario.end('post-checks-passed');
});

it('the next upgrade retires it first, before it touches anything', async () => {
  const scenario = await completed();
  const { world, upgrade } = scenario;
  const plan = { ...upgrade.create.plan, from: TO, to: NEXT, strategy: 'ROLLING' as const };
  const request = requestOf(plan, upgrade.create.componentId);
  const created = world.people.create({ id: NEXT_ID, tenantId: 'acme', request });
  await scenario.until(() => world.has(NEXT_ID));
  expect(await created).toBe(true);
  void world.act(NEXT_ID, 'START', { by: 'ann' });
  await scenario.until(() => world.execution(NEXT_ID).status === 'IN_PROGRESS');
  await scenario.until(() => world.execution(NEXT_ID).counters.PENDING < 4);
  expect(await sets(scenario)).toEqual([scenario.execution.newSet?.name]);
  await scenario.end('stale-set');
  expect(world.execution(NEXT_ID)).toMatchObject({ status: 'COMPLETED', total: 4 });
  expect(world.deployment(upgrade)).toMatchObject({
    currentVersionId: NEXT.id,
    standbySet: null,
  });
});

it('a revert that went back to it keeps the other one for its own time', async () => {
  const scenario = await completed();
  const { world, upgrade } = scenario;
  await world.clock.pass(60_000);
  await scenario.revert(NEXT_ID);
  await scenario.until(() => world.execution(NEXT_ID).status === 'COMPLETED');
  const kept = scenario.execution.newSet?.name;
  // The time of the upgrade is over, that of the revert is not.
  await world.clock.pass(40_000);
  expect(await sets(scenario)).toEqual(['main', kept]);
  expect(world.deployment(upgrade).standbySet).toMatchObject({ set: kept, versionId: TO.id });
  await world.clock.pass(70_000);
  expect(await sets(scenario)).toEqual(['main']);
  expect(world.deployment(upgrade).standbySet).toBeNull();
  await scenario.end('traffic-switched');
});
