import { expect, it } from '@jest/globals';
import type { ExecutionPlan } from '#core/execution/execution.js';
import { Scenario } from './scenario.js';

const PLAN = { strategy: 'CANARY', canaryPercentage: 50, canaryDurationSeconds: 180 } as const;

/** Watched and HEALTHY at first; then the new version gets unwell wherever it runs. */
async function turnedBad(more: Partial<ExecutionPlan>): Promise<Scenario> {
  const scenario = await new Scenario({ plan: { ...PLAN, ...more } }).begin();
  await scenario.until(() => scenario.execution.canary?.verdict === 'HEALTHY');
  const { fleets } = scenario.world;
  await fleets.setFaults(scenario.upgrade.fleet, [{ on: 'HEALTH', how: 'FAIL' }]);
  return scenario;
}

it('canaries that turn bad are taken back at once, where that was asked for', async () => {
  const scenario = await turnedBad({ autoRollbackEnabled: true, autoPromote: true });
  const execution = await scenario.end('canary-unhealthy', 'rolled-back');
  expect(execution).toMatchObject({
    status: 'ROLLED_BACK',
    counters: { ROLLED_BACK: 2, PENDING: 2 },
    canary: { verdict: 'UNHEALTHY' },
    rollback: { initiatedBy: 'canary-monitor' },
  });
});

it('without auto-rollback they wait for a person, and only force promotes them', async () => {
  const scenario = await turnedBad({ autoPromote: true });
  await scenario.until(() => scenario.execution.canary?.verdict === 'UNHEALTHY');
  expect(scenario.execution).toMatchObject({
    status: 'CANARY_MONITORING',
    waitingFor: { kind: 'PROMOTION' },
  });
  // UNHEALTHY is latched: what they say afterwards takes nothing back, nor does time.
  await scenario.world.fleets.setFaults(scenario.upgrade.fleet, []);
  await scenario.world.clock.pass(200_000);
  expect(scenario.execution.canary).toMatchObject({ verdict: 'UNHEALTHY', durationOver: true });
  expect(await scenario.act('PROMOTE_CANARY')).toBe(false);
  expect(await scenario.act('PROMOTE_CANARY', { force: true })).toBe(false);
  const reason = 'the probe was wrong';
  expect(await scenario.act('PROMOTE_CANARY', { force: true, reason })).toBe(true);
  expect(await scenario.act('PROMOTE_CANARY', { force: true, reason })).toBe(false);
  expect((await scenario.end('promote-canary')).status).toBe('COMPLETED');
  const events = await scenario.world.store().events(scenario.id, 0, 200);
  const whys = events.map(({ data }) => data.why);
  expect(whys).toContain('promoted by force: UNHEALTHY (the probe was wrong)');
});

it('a person takes them back while they are watched', async () => {
  const scenario = await turnedBad({});
  await scenario.until(() => scenario.execution.canary?.verdict === 'UNHEALTHY');
  expect(await scenario.act('ROLLBACK')).toBe(true);
  const execution = await scenario.end('rollback', 'rolled-back');
  expect(execution).toMatchObject({ status: 'ROLLED_BACK', counters: { PENDING: 2 } });
});

it('cancelled while they are watched, they stay as they are and get no more than their share', async () => {
  const scenario = await turnedBad({});
  expect(await scenario.act('CANCEL')).toBe(true);
  const execution = await scenario.end('cancel', 'traffic-evened-first', 'stopped');
  expect(execution).toMatchObject({ status: 'CANCELLED', counters: { COMPLETED: 2, PENDING: 2 } });
  expect((await scenario.world.rooms.realSets(scenario.upgrade)).sets.weight).toBeNull();
});
