import { describe, expect, it } from '@jest/globals';
import { ApiError } from '../../tools/product/registry-api.js';
import { until, type TestedFleet, type TestedProduct, type TestedUpgrade } from './product.js';
import { expectSound } from './soundness.js';
import { tellAtOnce, type Story } from './stories.js';

const LIMIT_MS = 120_000;
/** Two of four instances may be down; a busy machine starts them slowly. */
const ROOM = { maxUnavailablePercentage: 50, healthCheckTimeoutSeconds: 20 };
const CANARY = { ...ROOM, strategy: 'CANARY', canaryPercentage: 25, canaryDurationSeconds: 60 };
const NOTHING_LOST = { dropped: 0, errors: 0, problems: [] };

/** All but the one that takes the orchestrator away at the same time. */
describe('strategies go on', () => {
  const stories: Readonly<Record<string, Story>> = {
    'when the canary monitor is killed in the middle of a watch: samples are never taken twice':
      monitorKilled,
    'when the rollback agent is killed as it switches back': rollbackAgentKilled,
    'when eight clients pause, promote, roll back and cancel at once: one history that makes sense':
      eightClients,
  };
  const tested = tellAtOnce(stories, {
    env: { 'canary-monitor': { CANARY_INTERVAL_SECONDS: '1' } },
  });

  it(
    'when the orchestrator is killed as the new set takes over: traffic has one place at any moment',
    async () => {
      await orchestratorKilled(tested(), await tested().newFleet());
    },
    LIMIT_MS,
  );
});

async function monitorKilled(tested: TestedProduct, fleet: TestedFleet): Promise<void> {
  const load = tested.load(fleet);
  const upgrade = await tested.upgrade(fleet, '1.1.0', CANARY);
  await upgrade.untilStatus('CANARY_MONITORING');
  await until('there is a sample', async () => (await samplesOf(upgrade)).length > 0);
  const before = await samplesOf(upgrade);
  const monitor = tested.product.services['canary-monitor'];
  await monitor.kill9();
  await until('it is HEALTHY by samples after the kill', async () => {
    const { canary } = await upgrade.answer();
    const isLater = (canary?.samples.length ?? 0) >= before.length + 3;
    return isLater && canary?.verdict === 'HEALTHY';
  });
  expect(monitor.restarts()).toBeGreaterThan(0);
  const numbers = await samplesOf(upgrade);
  expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  expect(numbers.slice(0, before.length)).toEqual(before);
  await upgrade.act('promote-canary');
  expect(await upgrade.untilEnded()).toBe('COMPLETED');
  expect(await load.stop()).toMatchObject(NOTHING_LOST);
  await expectSound(tested, upgrade, fleet);
}

async function orchestratorKilled(tested: TestedProduct, fleet: TestedFleet): Promise<void> {
  const load = tested.load(fleet);
  const room = tested.watchRoom(fleet);
  const upgrade = await tested.upgrade(fleet, '1.1.0', { ...ROOM, strategy: 'BLUE_GREEN' });
  // The switch follows the last of them at once.
  await upgrade.untilSome('COMPLETED', 4);
  await tested.product.services.orchestrator.kill9();
  expect(await upgrade.untilEnded()).toBe('COMPLETED');
  expect(upgrade.view.notes.filter((note) => note === 'SET_SWITCHED')).toHaveLength(1);
  expect(await load.stop()).toMatchObject(NOTHING_LOST);
  expect(await room.stop()).toMatchObject({ mostDown: 0, fewest: 4 });
  await expectSound(tested, upgrade, fleet);
}

async function rollbackAgentKilled(tested: TestedProduct, fleet: TestedFleet): Promise<void> {
  const load = tested.load(fleet);
  const upgrade = await tested.upgrade(fleet, '1.1.0', { ...ROOM, strategy: 'BLUE_GREEN' });
  await upgrade.untilSome('COMPLETED', 2);
  await upgrade.act('rollback', { reason: 'on second thoughts' });
  await tested.product.services['rollback-agent'].kill9();
  expect(await upgrade.untilEnded()).toBe('ROLLED_BACK');
  const { byVersion, ...met } = await load.stop();
  expect(met).toMatchObject(NOTHING_LOST);
  expect(byVersion['1.0.0']).toBeGreaterThan(0);
  await expectSound(tested, upgrade, fleet);
}

async function eightClients(tested: TestedProduct, fleet: TestedFleet): Promise<void> {
  const load = tested.load(fleet);
  const upgrade = await tested.upgrade(fleet, '1.1.0', { ...CANARY, batchSize: 1 });
  await upgrade.untilStatus('CANARY_MONITORING');
  const first = await allAtOnce(tested, upgrade, [
    ...['promote-canary', 'pause', 'promote-canary', 'pause'],
    ...['promote-canary', 'pause', 'promote-canary', 'pause'],
  ]);
  // Of several promotions one is taken; a pause can only follow it, and there is one at a time.
  expect(first.filter(({ action }) => action === 'promote-canary')).toHaveLength(1);
  expect(first.length).toBeLessThanOrEqual(2);
  const second = await allAtOnce(tested, upgrade, [
    ...['rollback', 'pause', 'cancel', 'resume', 'rollback', 'cancel', 'pause', 'resume'],
  ]);
  const taken = (action: string): number =>
    second.filter((accepted) => accepted.action === action).length;
  expect(taken('rollback') + taken('cancel')).toBeGreaterThan(0);
  expect(taken('rollback')).toBeLessThanOrEqual(1);
  const ended = taken('rollback') > 0 ? 'ROLLED_BACK' : 'CANCELLED';
  expect(await upgrade.untilEnded()).toBe(ended);
  expectHistory(upgrade, [...first, ...second]);
  expect(await load.stop()).toMatchObject(NOTHING_LOST);
  await expectSound(tested, upgrade, fleet);
}

async function samplesOf(upgrade: TestedUpgrade): Promise<number[]> {
  return ((await upgrade.answer()).canary?.samples ?? []).map(({ number }) => number);
}

interface Accepted {
  readonly action: string;
  readonly by: string;
}

/** Each action by a client of its own, all at the same moment; those that were accepted. */
async function allAtOnce(
  tested: TestedProduct,
  upgrade: TestedUpgrade,
  actions: readonly string[],
): Promise<Accepted[]> {
  const answers = await Promise.all(
    actions.map(async (action, at): Promise<Accepted[]> => {
      const by = `client-${action}-${String(at)}`;
      try {
        await tested.product.api(by).post(`upgrades/${upgrade.id}/${action}`, { reason: by });
        return [{ action, by }];
      } catch (error) {
        // What came too late, or not yet: nothing else is an answer.
        expect(error).toBeInstanceOf(ApiError);
        expect((error as ApiError).status).toBe(409);
        return [];
      }
    }),
  );
  return answers.flat();
}

/** Each change begins where the one before has ended, nothing starts in a pause, all is told. */
function expectHistory(upgrade: TestedUpgrade, accepted: readonly Accepted[]): void {
  let status: string | null = null;
  for (const { data } of upgrade.events) {
    if ('previousStatus' in data) {
      expect(data.previousStatus).toBe(status);
      status = data.executionStatus;
    }
    expect(data.executionStatus).toBe(status);
    if ('instanceStatus' in data && data.instanceStatus === 'DRAINING') {
      expect(['IN_PROGRESS', 'CANARY_RUNNING']).toContain(status);
    }
  }
  const told = upgrade.events.flatMap(({ data }) => ('by' in data && data.by ? [data.by] : []));
  expect(told).toEqual(expect.arrayContaining(accepted.map(({ by }) => by)));
  const refused = told.filter((by) => by.startsWith('client-'));
  expect(new Set(refused)).toEqual(new Set(accepted.map(({ by }) => by)));
}
