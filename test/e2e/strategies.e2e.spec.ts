import { describe, expect } from '@jest/globals';
import { idOf } from '../../tools/product/example-fleet.js';
import type { ApiError, DeploymentAnswer } from '../../tools/product/registry-api.js';
import type { LoadReading } from '../../tools/demo/load-tally.js';
import { until, type TestedFleet, type TestedProduct } from './product.js';
import { expectSound } from './soundness.js';
import { tellAtOnce, type Story } from './stories.js';

/** Where production has 30 s. */
const SAMPLE_EVERY_SECONDS = 1;
/** A canary's version is good for so long: usually until its first samples have passed. */
const TURNS_BAD_AFTER_MS = 10_000;
/** Two of the four instances may be down. */
const ROOM = { maxUnavailablePercentage: 50, healthCheckTimeoutSeconds: 20 };
const MOST_DOWN = 2;
const CANARY = { ...ROOM, strategy: 'CANARY', canaryPercentage: 25, canaryDurationSeconds: 60 };
const BLUE_GREEN = { ...ROOM, strategy: 'BLUE_GREEN' };
/** Nothing is lost by any strategy but RECREATE, which says that it may. */
const NOTHING_LOST: Partial<LoadReading> = { dropped: 0, errors: 0, problems: [] };

/** All at the same time, each on a fleet and under a load of its own. */
describe('each strategy on real processes under load', () => {
  const interval = { CANARY_INTERVAL_SECONDS: String(SAMPLE_EVERY_SECONDS) };
  const stories: Readonly<Record<string, Story>> = {
    'ROLLING keeps the room and loses nothing': rolling,
    'CANARY: healthy canaries have their share of the traffic, and a person promotes them':
      promoted,
    'CANARY: canaries that turn bad are found out and taken back by themselves': turnedBad,
    'BLUE_GREEN: the old set stays whole until the switch, and a revert switches back to it':
      switched,
    'BLUE_GREEN: a rollback after the switch brings the traffic back': rolledBackAfterSwitch,
    'STAGED: each stage waits for another person than the one who initiated it': staged,
    'RECREATE takes all at once; requests may be turned away meanwhile': recreated,
    'a pause that was acknowledged lets nothing start until somebody resumes': paused,
  };
  tellAtOnce(stories, { env: { 'canary-monitor': interval } }, adaptVersions);
});

/** 1.7.0 turns bad soon; 1.2.0 is no longer slow to start, and its smoke test leaves time to act. */
async function adaptVersions(tested: TestedProduct, fleet: TestedFleet): Promise<void> {
  const entry = (version: string): object => ({
    ...{ command: 'node', entry: `examples/greeter/${version}.mjs` },
  });
  await tested.patchVersion(fleet, '1.7.0', {
    artifacts: { ...entry('1.7.0'), 'env.GREETER_TURNS_BAD_AFTER_MS': String(TURNS_BAD_AFTER_MS) },
  });
  await tested.patchVersion(fleet, '1.2.0', {
    artifacts: { ...entry('1.2.0'), 'env.GREETER_STARTS_AFTER_MS': '1' },
    smokeTests: [
      { method: 'GET', path: '/slow?ms=12000', expectedStatus: 200, timeoutSeconds: 60 },
    ],
  });
}

/** A load and somebody who looks at the fleet; what both have seen, once the story is told. */
async function observed(
  tested: TestedProduct,
  fleet: TestedFleet,
  story: (load: ReturnType<TestedProduct['load']>) => Promise<void>,
): Promise<{ met: LoadReading; mostDown: number; who: readonly string[]; fewest: number }> {
  const load = tested.load(fleet);
  const room = tested.watchRoom(fleet);
  try {
    await story(load);
  } finally {
    await load.stop();
    await room.stop();
  }
  const { looks, ...seen } = await room.stop();
  expect(looks).toBeGreaterThan(10);
  return { met: await load.stop(), ...seen };
}

/** The current version at once; what runs, as soon as the target has been asked. */
async function expectDeployed(
  tested: TestedProduct,
  { example }: TestedFleet,
  version: string,
): Promise<void> {
  const { tenantId, componentId, versionIds } = example;
  const path = `tenants/${tenantId}/deployments/${componentId}`;
  const deployment = () => tested.api.get<DeploymentAnswer>(path);
  expect((await deployment()).currentVersionId).toBe(idOf(versionIds, version));
  await until(`four run ${version} by what the target says`, async () => {
    const { observedVersions } = await deployment();
    return JSON.stringify(observedVersions) === JSON.stringify({ [version]: 4 });
  });
}

async function rolling(tested: TestedProduct, fleet: TestedFleet): Promise<void> {
  const { met, mostDown } = await observed(tested, fleet, async () => {
    const upgrade = await tested.upgrade(fleet, '1.1.0', ROOM);
    expect(await upgrade.untilEnded()).toBe('COMPLETED');
    await expectSound(tested, upgrade, fleet);
  });
  expect(met).toMatchObject(NOTHING_LOST);
  expect(mostDown).toBeLessThanOrEqual(MOST_DOWN);
  await expectDeployed(tested, fleet, '1.1.0');
}

async function promoted(tested: TestedProduct, fleet: TestedFleet): Promise<void> {
  const { met, mostDown } = await observed(tested, fleet, async (load) => {
    const upgrade = await tested.upgrade(fleet, '1.1.0', { ...CANARY, canaryPercentage: 10 });
    await upgrade.untilStatus('CANARY_MONITORING');
    const { served, byVersion } = load.read();
    await until('they are HEALTHY', async () => {
      return (await upgrade.answer()).canary?.verdict === 'HEALTHY';
    });
    await until('there are enough answers to see a share', () => load.read().served > served + 200);
    const after = load.read();
    // One of four instances, and a tenth of the traffic all the same.
    const newServed = (after.byVersion['1.1.0'] ?? 0) - (byVersion['1.1.0'] ?? 0);
    expect(newServed / (after.served - served)).toBeCloseTo(0.1, 1);
    await upgrade.act('promote-canary');
    expect(await upgrade.untilEnded()).toBe('COMPLETED');
    expect(upgrade.view.notes.filter((note) => note === 'TRAFFIC_WEIGHED')).toHaveLength(2);
    await expectSound(tested, upgrade, fleet);
  });
  expect(met).toMatchObject(NOTHING_LOST);
  expect(mostDown).toBeLessThanOrEqual(MOST_DOWN);
  await expectDeployed(tested, fleet, '1.1.0');
}

async function turnedBad(tested: TestedProduct, fleet: TestedFleet): Promise<void> {
  const { met, mostDown } = await observed(tested, fleet, async (load) => {
    const upgrade = await tested.upgrade(fleet, '1.7.0', CANARY);
    expect(await upgrade.untilEnded()).toBe('ROLLED_BACK');
    const { errors, served } = load.read();
    const { canary } = await upgrade.answer();
    expect(canary).toMatchObject({ verdict: 'UNHEALTHY' });
    const findings = canary!.samples.flatMap((sample) => sample.findings);
    for (const name of ['health', 'error-rate']) {
      expect(findings).toContainEqual(expect.objectContaining({ of: name, outcome: 'FAIL' }));
    }
    expect([...upgrade.view.instances.values()].map(({ status }) => status).sort()).toEqual([
      ...['PENDING', 'PENDING', 'PENDING', 'ROLLED_BACK'],
    ]);
    // The traffic is clean from then on.
    await until('it is served on', () => load.read().served > served + 100);
    expect(load.read().errors).toBe(errors);
    await expectSound(tested, upgrade, fleet);
  });
  // The errors are the version's own, seen by the canary's share alone; nothing was dropped.
  expect(met).toMatchObject({ dropped: 0, problems: [] });
  expect(met.errors).toBeGreaterThan(0);
  expect(met.errors).toBeLessThan(met.served / 4);
  expect(mostDown).toBeLessThanOrEqual(MOST_DOWN);
  await expectDeployed(tested, fleet, '1.0.0');
}

async function switched(tested: TestedProduct, fleet: TestedFleet): Promise<void> {
  const seen = await observed(tested, fleet, async (load) => {
    const upgrade = await tested.upgrade(fleet, '1.1.0', BLUE_GREEN);
    // What is beside it takes no traffic, and nobody switches before all of it is ready.
    await until('the new set is ready', async () => {
      const { byVersion } = load.read();
      const { progress } = await upgrade.answer();
      if (progress.completed === 4) return true;
      expect(byVersion['1.1.0']).toBeUndefined();
      return false;
    });
    expect(await upgrade.untilEnded()).toBe('COMPLETED');
    await expectSound(tested, upgrade, fleet);
    await expectDeployed(tested, fleet, '1.1.0');
    const revert = await tested.revert(upgrade);
    expect(await revert.untilEnded()).toBe('COMPLETED');
    expect([...revert.view.instances.keys()]).toEqual(fleet.fleet.instanceIds);
    // The kept processes took over again: none was started for it.
    expect(tested.startsOf(fleet, '1.0.0')).toEqual([1, 1, 1, 1]);
    const { byVersion } = load.read();
    await until(
      'it answers',
      () => (load.read().byVersion['1.0.0'] ?? 0) > byVersion['1.0.0']! + 20,
    );
  });
  expect(seen.met).toMatchObject(NOTHING_LOST);
  // Whole at each moment: the one that has the traffic is never touched.
  expect(seen).toMatchObject({ mostDown: 0, who: [], fewest: 4 });
  await expectDeployed(tested, fleet, '1.0.0');
}

async function rolledBackAfterSwitch(tested: TestedProduct, fleet: TestedFleet): Promise<void> {
  const seen = await observed(tested, fleet, async (load) => {
    const upgrade = await tested.upgrade(fleet, '1.2.0', BLUE_GREEN);
    await upgrade.untilNoted('SET_SWITCHED');
    await until('the new set serves', () => (load.read().byVersion['1.2.0'] ?? 0) > 20);
    await upgrade.act('rollback', { reason: 'seen enough' });
    expect(await upgrade.untilEnded()).toBe('ROLLED_BACK');
    const { byVersion } = load.read();
    await until(
      'it answers',
      () => (load.read().byVersion['1.0.0'] ?? 0) > byVersion['1.0.0']! + 20,
    );
    // Long requests that were under way have ended there; nothing new has come to it.
    expect(load.read().byVersion['1.2.0']).toBe(byVersion['1.2.0']);
    expect(upgrade.view.takenBack).toHaveLength(4);
    expect((await upgrade.answer()).newSet).toMatchObject({ state: 'RETIRED' });
    await expectSound(tested, upgrade, fleet);
  });
  expect(seen.met).toMatchObject(NOTHING_LOST);
  expect(seen).toMatchObject({ mostDown: 0, who: [], fewest: 4 });
  await expectDeployed(tested, fleet, '1.0.0');
}

async function staged(tested: TestedProduct, fleet: TestedFleet): Promise<void> {
  const { met, mostDown } = await observed(tested, fleet, async () => {
    const upgrade = await tested.upgrade(fleet, '1.1.0', {
      ...{ ...ROOM, strategy: 'STAGED', batchSize: 2, initiatedBy: 'e2e' },
    });
    await upgrade.untilStatus('PAUSED');
    expect(await upgrade.answer()).toMatchObject({
      waitingFor: { kind: 'APPROVAL', who: 'anybody but e2e' },
      progress: { completed: 2 },
    });
    const own = await upgrade.act('approve').catch((error: unknown) => error);
    expect((own as ApiError).status).toBe(403);
    await tested.product.api('bob').post(`upgrades/${upgrade.id}/approve`);
    expect(await upgrade.untilEnded()).toBe('COMPLETED');
    await expectSound(tested, upgrade, fleet);
  });
  expect(met).toMatchObject(NOTHING_LOST);
  expect(mostDown).toBeLessThanOrEqual(MOST_DOWN);
  await expectDeployed(tested, fleet, '1.1.0');
}

async function recreated(tested: TestedProduct, fleet: TestedFleet): Promise<void> {
  const { met } = await observed(tested, fleet, async () => {
    const upgrade = await tested.upgrade(fleet, '1.1.0', { ...ROOM, strategy: 'RECREATE' });
    await upgrade.untilSome('UPGRADING');
    expect(await upgrade.untilEnded()).toBe('COMPLETED');
    await expectSound(tested, upgrade, fleet);
  });
  // Turned away at once, and by the proxy: what was under way when it began has ended well.
  expect(met.errors).toBe(0);
  for (const problem of met.problems) expect(problem).toContain('503');
  await expectDeployed(tested, fleet, '1.1.0');
}

async function paused(tested: TestedProduct, fleet: TestedFleet): Promise<void> {
  const { met, mostDown } = await observed(tested, fleet, async (load) => {
    const upgrade = await tested.upgrade(fleet, '1.1.0', { ...ROOM, batchSize: 1 });
    await upgrade.untilSome('UPGRADING');
    await upgrade.act('pause', { reason: 'lunch' });
    await upgrade.untilStatus('PAUSED');
    const { served } = load.read();
    await until('a while has passed', () => load.read().served > served + 300);
    await until('what was under way has ended', () => {
      const statuses = [...upgrade.view.instances.values()].map(({ status }) => status);
      return statuses.every((status) => status === 'PENDING' || status === 'COMPLETED');
    });
    await upgrade.act('resume');
    expect(await upgrade.untilEnded()).toBe('COMPLETED');
    const pausedAt = upgrade.events.findIndex(({ data }) => data.executionStatus === 'PAUSED');
    const meanwhile = upgrade.events.slice(pausedAt).filter(({ data }) => {
      return data.executionStatus === 'PAUSED' && 'instanceId' in data;
    });
    const began = meanwhile.map(({ data }) => 'instanceStatus' in data && data.instanceStatus);
    expect(began).not.toContain('DRAINING');
    await expectSound(tested, upgrade, fleet);
  });
  expect(met).toMatchObject(NOTHING_LOST);
  expect(mostDown).toBeLessThanOrEqual(MOST_DOWN);
  await expectDeployed(tested, fleet, '1.1.0');
}
