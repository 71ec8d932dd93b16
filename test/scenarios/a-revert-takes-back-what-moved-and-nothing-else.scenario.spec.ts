import { expect, it } from '@jest/globals';
import { FROM } from '../simulation/registered.js';
import { Scenario } from './scenario.js';

const REVERT_ID = '2f9e8c30-4b6d-4e5f-8071-8c9d0e1f2a3b';

it('a revert takes back what moved and nothing else', async () => {
  const scenario = await new Scenario({ instances: 5, plan: { batchSize: 1 } }).begin();
  await scenario.until(() => scenario.execution.counters.COMPLETED === 2);
  await scenario.act('CANCEL');
  await scenario.until(() => scenario.execution.status === 'CANCELLED');
  const moved = scenario.execution.counters.COMPLETED;
  await scenario.revert(REVERT_ID);
  await scenario.end('revert', 'post-checks-passed');
  const { world } = scenario;
  expect(world.execution(REVERT_ID)).toMatchObject({
    ...{ kind: 'REVERT', status: 'COMPLETED', total: moved, listed: 5 },
    counters: { COMPLETED: moved },
  });
  const acts = await world.fleets.history(scenario.upgrade.fleet);
  const touched = acts.flatMap((act) =>
    act.operationId.startsWith(REVERT_ID) && 'instanceId' in act ? [act.instanceId] : [],
  );
  expect([...new Set(touched)].sort()).toEqual(
    ['i-000000', 'i-000001', 'i-000002'].slice(0, moved),
  );
  expect(world.deployment(scenario.upgrade)).toMatchObject({
    currentVersionId: FROM.id,
    observedVersions: { '1.0.0': 5 },
  });
});

it('an upgrade that has moved nothing cannot be reverted, nor one that runs', async () => {
  const scenario = await new Scenario({ faults: [{ on: 'LIST', how: 'FAIL' }] }).begin();
  expect(await scenario.tryRevert(REVERT_ID)).toBe(false);
  await scenario.until(() => scenario.execution.status === 'FAILED');
  expect(await scenario.tryRevert(REVERT_ID)).toBe(false);
  await scenario.end('listing-failed');
});

it('of two reverts at once one is made', async () => {
  const scenario = await new Scenario().begin();
  await scenario.until(() => scenario.execution.status === 'COMPLETED');
  const { people } = scenario.world;
  const other = REVERT_ID.replace('2f', '3f');
  const answers = [people.revert(REVERT_ID, scenario.id), people.revert(other, scenario.id)];
  const made: boolean[] = [];
  for (const answer of answers) void answer.then((one) => made.push(one));
  await scenario.until(() => made.length === 2);
  expect([...made].sort()).toEqual([false, true]);
  const id = scenario.world.has(REVERT_ID) ? REVERT_ID : other;
  void scenario.world.act(id, 'START');
  await scenario.end('revert');
  expect(scenario.world.execution(id).status).toBe('COMPLETED');
});

it('a revert of a failed upgrade brings back also what has failed', async () => {
  const faults = [{ instance: 2, on: 'BRING', how: 'FAIL', times: 1 }] as const;
  const scenario = await new Scenario({ faults, plan: { failureThreshold: 1 } }).begin();
  await scenario.until(() => scenario.execution.status === 'FAILED');
  await scenario.revert(REVERT_ID);
  await scenario.end('threshold-reached', 'revert');
  const { status, total, counters } = scenario.world.execution(REVERT_ID);
  expect({ status, total, done: counters.COMPLETED }).toEqual({
    status: 'COMPLETED',
    total: 3,
    done: 3,
  });
});

it('what is on its old version already and gets no traffic is readmitted by a revert', async () => {
  const faults = [{ instance: 1, on: 'DRAIN', how: 'HANG' }] as const;
  const plan = { failureThreshold: 1, batchSize: 1 };
  const scenario = await new Scenario({ faults, plan }).begin();
  await scenario.until(() => scenario.execution.status === 'FAILED');
  await scenario.world.fleets.setFaults(scenario.upgrade.fleet, []);
  await scenario.revert(REVERT_ID);
  await scenario.end('revert');
  expect(scenario.world.execution(REVERT_ID).status).toBe('COMPLETED');
  const ids = ['i-000000', 'i-000001', 'i-000002', 'i-000003'];
  const stand = await scenario.world.rooms.realInstances(scenario.upgrade, ids);
  expect(stand.map(({ runs, admitted }) => ({ runs, admitted }))).toEqual(
    ids.map(() => ({ runs: '1.0.0', admitted: true })),
  );
});
