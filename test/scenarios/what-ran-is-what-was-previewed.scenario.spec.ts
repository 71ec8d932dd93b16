import { describe, expect, it } from '@jest/globals';
import { isTerminal, type ExecutionPlan } from '#core/execution/execution.js';
import type { BatchWork } from '#core/statistics/statistics.js';
import { RegisteredDrivers } from '#targets/target-drivers.js';
import { MemoryRegistryStore } from '../../apps/orchestrator/src/persistence/registry.memory.store.js';
import { MemoryStatisticsStore } from '../../apps/orchestrator/src/persistence/statistics.memory.store.js';
import { TargetsProbe } from '../../apps/orchestrator/src/inbound/targets.probe.js';
import type { UpgradePreview } from '../../apps/orchestrator/src/preview-upgrade.js';
import { UpgradePreviewRunner } from '../../apps/orchestrator/src/upgrade-preview.runner.js';
import { register, TO } from '../simulation/registered.js';
import { requestOf } from '../simulation/upgrades.js';
import { Scenario } from './scenario.js';

interface Case {
  readonly instances: number;
  readonly plan: Partial<ExecutionPlan>;
  /** Down before it begins, by index in the fleet. */
  readonly down?: readonly number[];
  /** On the target version before it begins. */
  readonly there?: readonly number[];
}

const ROLLING: Case[] = [
  { instances: 10, plan: { batchSize: 5, maxUnavailablePercentage: 30 } },
  { instances: 7, plan: { batchSize: 2, maxUnavailablePercentage: 100, batchDelaySeconds: 5 } },
  { instances: 9, plan: { batchSize: 3, maxUnavailablePercentage: 34, totalInstances: 5 } },
  { instances: 10, plan: { batchSize: 4, maxUnavailablePercentage: 40 }, down: [3, 8] },
  { instances: 8, plan: { batchSize: 2, maxUnavailablePercentage: 25 }, there: [0, 3], down: [5] },
];
const CANARY: Case[] = [
  { instances: 10, plan: { canaryPercentage: 20, maxUnavailablePercentage: 40, batchSize: 4 } },
  {
    instances: 12,
    plan: {
      canaryPercentage: 30,
      batchSize: 2,
      maxUnavailablePercentage: 50,
      batchDelaySeconds: 3,
    },
  },
  { instances: 5, plan: { canaryPercentage: 1, batchSize: 2 }, there: [4] },
];
const STAGED: Case[] = [
  { instances: 8, plan: { batchSize: 3, maxUnavailablePercentage: 50 } },
  { instances: 5, plan: { batchSize: 1, batchDelaySeconds: 60 }, there: [1] },
];
const RECREATE: Case[] = [
  { instances: 6, plan: {} },
  { instances: 9, plan: { totalInstances: 4 }, down: [0, 7] },
];
const BLUE_GREEN: Case[] = [
  { instances: 5, plan: {} },
  { instances: 12, plan: { batchSize: 1 }, down: [2] },
];

const CASES = Object.entries({ ROLLING, CANARY, STAGED, RECREATE, BLUE_GREEN }).flatMap(
  ([strategy, cases]) => cases.map((one, at) => [`${strategy} ${String(at + 1)}`, one] as const),
);

/** One batch as it was begun, by the events of its instances. */
interface RanBatch {
  readonly number: number;
  readonly instanceIds: string[];
  beganAtMs: number;
  endedAtMs: number;
}

/** A fleet, its upgrade as it was previewed, and then as it ran. */
class Rehearsed {
  readonly scenario: Scenario;
  lowestServing: number;
  approvals = 0;

  constructor(
    strategy: ExecutionPlan['strategy'],
    private readonly of: Case,
  ) {
    const { instances, plan } = of;
    this.scenario = new Scenario({
      instances,
      plan: { strategy, autoPromote: true, canaryDurationSeconds: 120, ...plan },
      // What is down already is what some of them are about.
      skipChecks: [{ check: 'HEALTH_ENDPOINTS', reason: 'it is known', by: 'ann' }],
    });
    this.lowestServing = instances;
  }

  async standing(): Promise<this> {
    const { world, upgrade } = this.scenario;
    const { down = [], there = [] } = this.of;
    world.rooms.add(upgrade);
    await world.database('orchestrator').transaction((tx) => register(tx, upgrade));
    await world.targets.declare(upgrade.create.snapshot.target.settings);
    for (const index of there) {
      await world.fleets.alter(upgrade.fleet, index, { runs: TO.version });
    }
    for (const index of down) await world.rooms.fall(upgrade.fleet, index);
    return this;
  }

  async preview(): Promise<UpgradePreview> {
    const { world, upgrade } = this.scenario;
    const { plan, tenantId, componentId } = upgrade.create;
    const database = world.database('orchestrator');
    const previews = new UpgradePreviewRunner(
      new MemoryRegistryStore(database),
      world.store(),
      new MemoryStatisticsStore(database),
      new TargetsProbe(this.#drivers(), world.targets, world.clock),
      world.clock,
    );
    const request = requestOf(plan, componentId);
    return this.#inTime(previews.preview({ tenantId, by: 'ann', request }));
  }

  /** To its end, which is COMPLETED; whoever is waited for acts at once. */
  async run(): Promise<RanBatch[]> {
    const { scenario } = this;
    const { world, upgrade } = scenario;
    await world.start();
    // Its fleet stands already: declared anew it would be as new.
    world.upgrades.push(upgrade);
    void world.people.begin(upgrade.create);
    await scenario.untilRow('start');
    void this.#watch();
    while (!isTerminal(scenario.execution.status)) {
      await scenario.until(() => ['PAUSED', 'COMPLETED'].includes(scenario.execution.status));
      if (scenario.execution.status !== 'PAUSED') break;
      expect(await scenario.act('APPROVE', { by: 'olga' })).toBe(true);
      this.approvals += 1;
    }
    expect((await scenario.end('post-checks-passed')).status).toBe('COMPLETED');
    return this.#ran();
  }

  /** How long its batches took, as the next preview is told. */
  async batchWork(): Promise<BatchWork | null> {
    const { world, upgrade } = this.scenario;
    const { tenantId, componentId } = upgrade.create;
    const filter = { tenantId, componentId, sinceMs: null, executionsMax: 10 };
    const store = new MemoryStatisticsStore(world.database('orchestrator'));
    return (await store.statistics(filter)).tallies.all.batchWork;
  }

  /** How many serve, as the target says, again and again. */
  async #watch(): Promise<void> {
    const { world, upgrade } = this.scenario;
    const driver = this.#drivers().open(upgrade.create.snapshot.target);
    while (!world.hasEnded(upgrade)) {
      const { listed, down } = await driver.room([]);
      this.lowestServing = Math.min(this.lowestServing, listed - down);
      await world.clock.sleep(50);
    }
  }

  async #ran(): Promise<RanBatch[]> {
    const events = await this.scenario.world.store().events(this.scenario.id, 0, 10_000);
    const batches = new Map<number, RanBatch>();
    const batchOf = new Map<string, RanBatch>();
    for (const { data, time } of events) {
      if (!('instanceId' in data)) continue;
      const atMs = Date.parse(time);
      if (data.previousInstanceStatus === 'PENDING') {
        const number = Number(/^batch (\d+)/.exec(data.why)?.[1]);
        const begun = { number, instanceIds: [], beganAtMs: atMs, endedAtMs: atMs };
        const batch = batches.get(number) ?? begun;
        batches.set(number, batch);
        batch.instanceIds.push(data.instanceId);
        batchOf.set(data.instanceId, batch);
      }
      const batch = batchOf.get(data.instanceId);
      if (batch !== undefined) batch.endedAtMs = Math.max(batch.endedAtMs, atMs);
    }
    return [...batches.values()];
  }

  #drivers(): RegisteredDrivers {
    const { targets } = this.scenario.world;
    return new RegisteredDrivers({ simulated: targets, agent: targets });
  }

  async #inTime<Answer>(asked: Promise<Answer>): Promise<Answer> {
    const answers: Answer[] = [];
    void asked.then((answer) => answers.push(answer));
    await this.scenario.until(() => answers.length > 0);
    return answers[0] as Answer;
  }
}

/** Between two batches, beside what was previewed: a count of the room, a timer, a commit. */
const SLACK_MS = 1_500;

describe('what ran is what was previewed', () => {
  it.each(CASES)('%s', async (name, of) => {
    const strategy = name.split(' ')[0] as ExecutionPlan['strategy'];
    const rehearsed = await new Rehearsed(strategy, of).standing();
    const { plan } = await rehearsed.preview();
    if (plan === null) throw new Error('there is no plan');
    const ran = await rehearsed.run();

    expect(ran).toHaveLength(plan.batchesInAll);
    expect(ran.map(({ number, instanceIds: { length } }) => [number, length])).toEqual(
      plan.batches.map(({ number, size }) => [number, size]),
    );
    if (strategy !== 'BLUE_GREEN') {
      const previewed = plan.batches.map(({ instanceIds }) => instanceIds);
      expect(ran.map(({ instanceIds }) => instanceIds)).toEqual(previewed);
    }
    expect(rehearsed.lowestServing).toBe(plan.lowestServing);
    expect(rehearsed.approvals).toBe(plan.approvals);

    const gaps = ran.slice(1).map(({ beganAtMs }, at) => beganAtMs - (ran[at]?.endedAtMs ?? 0));
    const waitedMs = gaps.reduce((sum, gap) => sum + gap, 0);
    expect(waitedMs).toBeGreaterThanOrEqual(plan.waitingMs);
    expect(waitedMs).toBeLessThan(plan.waitingMs + SLACK_MS * (gaps.length + 1));

    // What it took is what is expected of the next one.
    const batchWork = await rehearsed.batchWork();
    expect(batchWork?.executions).toBe(1);
    const expectedMs = plan.waitingMs + plan.batchesInAll * (batchWork?.medianMs ?? 0);
    const tookMs = (ran.at(-1)?.endedAtMs ?? 0) - (ran[0]?.beganAtMs ?? 0);
    expect(Math.abs(expectedMs - tookMs)).toBeLessThan(SLACK_MS * (ran.length + 1));
  });
});
