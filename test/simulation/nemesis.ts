/** Whoever means ill: kills, freezes, fells, asks for things at the worst moment. */
import { isTerminal, type StrategyName } from '#core/execution/execution.js';
import type { ActionType } from '#core/execution/execution-inputs.js';
import { type SeededRandom } from '#testing/seeded-random.js';
import type { SimulatedWorld } from './simulated-world.js';
import { SERVICES } from './services.js';
import { FROM, NEXT, TO } from './registered.js';
import { drawId, drawTargetFaults, DRAWN_STRATEGIES, requestOf, type Upgrade } from './upgrades.js';

type Blow = readonly [weight: number, strike: () => void | Promise<void>];

/** Rows after which an operator who acts hurts most. */
const MOMENTS: readonly string[] = [
  'all-completed',
  'threshold-reached',
  'next-batch',
  'retry-round',
  'validated',
  'post-checks-passed',
  'rollback',
  'rollback-progressed',
  'pause',
  'stage-settled',
  'canaries-completed',
  'canary-watched',
  'canary-unhealthy',
  'new-set',
  'traffic-switched',
  'set-operation-ended',
];

/** What an operator may do at any moment, however little sense it makes there. */
const ACTIONS: readonly (ActionType | 'NEXT')[] = [
  'CANCEL',
  'CANCEL',
  'ROLLBACK',
  'START',
  'PAUSE',
  'PAUSE',
  'RESUME',
  'RESUME',
  'APPROVE',
  'APPROVE',
  'PROMOTE_CANARY',
  'REVERT',
  'NEXT',
];

const ACTIONS_AT_THE_END = ['REVERT', 'NEXT', 'NEXT', 'CANCEL'] as const;

const OPERATORS = ['olga', 'omar', 'ann'] as const;

export class Nemesis {
  readonly #random: SeededRandom;

  constructor(private readonly world: SimulatedWorld) {
    this.#random = world.random.fork();
    world.onJudged(({ executionId, rows }) => {
      const hurts = rows.some((row) => MOMENTS.includes(row));
      const { bias } = this.world.faults;
      if (!hurts || !this.#isFaulty || !this.#random.chance(bias * 0.3)) return;
      void this.#operate(executionId);
    });
    // What is on its way to the target when its sender is superseded arrives too late.
    world.onSlow(({ service }, doing) => {
      if (service !== 'orchestrator' || doing !== 'operate there' || !this.#isFaulty) return;
      if (!this.#random.chance(world.faults.bias * 0.3)) return;
      void world.act(this.#random.pick(world.upgrades).create.id, 'ROLLBACK');
    });
  }

  #isFaulty = true;

  /** Strikes until the faults are over. */
  async rage(): Promise<void> {
    const { clock, faults } = this.world;
    const endMs = clock.nowMs() + faults.faultyMs;
    while (clock.nowMs() < endMs) {
      const untilNextMs = Math.round(-Math.log(1 - this.#random.next()) * faults.blowEveryMs);
      const leftMs = endMs - clock.nowMs();
      await clock.pass(Math.min(leftMs, Number.isFinite(untilNextMs) ? untilNextMs : leftMs));
      if (clock.nowMs() < endMs) await this.#strike();
    }
    this.#isFaulty = false;
  }

  async #strike(): Promise<void> {
    const { world } = this;
    const random = this.#random;
    world.adopt();
    const upgrade = random.pick(world.upgrades);
    const blows: readonly Blow[] = [
      [3, () => this.#kill()],
      [2, () => this.#freeze()],
      [2, () => this.#fall(upgrade)],
      [1, () => this.#changeFaults(upgrade)],
      [5, () => void this.#operate(upgrade.create.id)],
      [0.5, () => this.#vanish(upgrade)],
      [0.3, () => this.#appear(upgrade)],
      [1, () => this.#rewind()],
      [0.5, () => this.#killAll()],
    ];
    const weights = blows.reduce((sum, [weight]) => sum + weight, 0);
    let at = random.next() * weights;
    for (const [weight, strike] of blows) {
      at -= weight;
      if (at <= 0) return strike();
    }
  }

  #kill(): void {
    const { world } = this;
    const alive = world.processes();
    if (alive.length > 0) world.kill(this.#random.pick(alive));
  }

  #killAll(): void {
    for (const process of this.world.processes()) this.world.kill(process, 'a power cut');
  }

  #freeze(): void {
    const { world } = this;
    const alive = world.processes().filter(({ isRunning }) => isRunning);
    if (alive.length === 0) return;
    const process = this.#random.pick(alive);
    const forMs = this.#random.between(100, 6_000);
    world.trace(process.owner, `is frozen for ${String(forMs)} ms`);
    process.freeze();
    world.clock.at(world.clock.nowMs() + forMs, () => {
      process.thaw();
    });
  }

  async #fall({ fleet, instances }: Upgrade): Promise<void> {
    const { world } = this;
    const index = this.#random.between(0, instances - 1);
    world.trace(fleet, `instance ${String(index)} falls by itself`);
    await world.rooms.fall(fleet, index);
    if (this.#random.chance(0.5)) return;
    world.clock.at(world.clock.nowMs() + this.#random.between(100, 10_000), () => {
      void world.rooms.raise(fleet, index);
    });
  }

  async #changeFaults({ fleet, instances, create }: Upgrade): Promise<void> {
    const faults = this.#random.chance(0.5)
      ? []
      : drawTargetFaults(this.#random, instances, create.plan.strategy);
    this.world.trace(fleet, `faults: ${JSON.stringify(faults)}`);
    await this.world.fleets.setFaults(fleet, faults);
  }

  async #operate(id: string): Promise<void> {
    const random = this.#random;
    // Drawn before anything is awaited: the order of draws must not hang on answers.
    const force = random.chance(0.3);
    const hasEnded = this.world.has(id) && isTerminal(this.world.execution(id).status);
    const actions = hasEnded ? ACTIONS_AT_THE_END : ACTIONS;
    const acting = Array.from({ length: random.pick([1, 1, 1, 2, 2, 3]) }, () => {
      const over = { by: random.pick(OPERATORS), force, reason: 'because' };
      const strategy = random.pick(DRAWN_STRATEGIES);
      return { type: random.pick(actions), over, newId: drawId(random), strategy };
    });
    // At once: exactly one of two that contradict each other wins, or both in an order.
    await Promise.all(
      acting.map(({ type, over, newId, strategy }) => {
        if (type === 'REVERT') return this.world.people.revert(newId, id);
        if (type === 'NEXT') return this.#goOn(newId, id, strategy);
        return this.world.act(id, type, over);
      }),
    );
  }

  /** The next upgrade of the same fleet, or the same one again where it was not completed. */
  #goOn(newId: string, id: string, strategy: StrategyName): Promise<boolean> {
    const upgrade = this.world.upgrades.find(({ create }) => create.id === id);
    if (upgrade === undefined || !this.world.has(id)) return Promise.resolve(false);
    const { tenantId, componentId, plan } = upgrade.create;
    const isOnTo = this.world.deployment(upgrade).currentVersionId === TO.id;
    const ends = isOnTo ? { from: TO, to: NEXT } : { from: FROM, to: TO };
    const request = requestOf({ ...plan, ...ends, strategy, allowDowntime: true }, componentId);
    return this.world.people.create({ id: newId, tenantId, request });
  }

  async #vanish({ fleet, instances }: Upgrade): Promise<void> {
    const index = this.#random.between(0, instances - 1);
    this.world.trace(fleet, `instance ${String(index)} vanishes`);
    await this.world.rooms.vanish(fleet, index);
  }

  async #appear({ fleet, instances }: Upgrade): Promise<void> {
    this.world.trace(fleet, 'an instance appears');
    await this.world.fleets.alter(fleet, instances, {});
  }

  #rewind(): void {
    const group = this.#random.pick(SERVICES);
    this.world.trace(group, 'is given everything once more');
    this.world.bus.rewind(group);
  }
}
