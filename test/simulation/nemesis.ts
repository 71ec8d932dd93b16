/** Whoever means ill: kills, freezes, fells, asks for things at the worst moment. */
import { allowedActions } from '#core/execution/decide.js';
import { isTerminal, type StrategyName } from '#core/execution/execution.js';
import type { ActionType } from '#core/execution/execution-inputs.js';
import { type SeededRandom } from '#testing/seeded-random.js';
import { Disasters } from './disasters.js';
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

/**
 * What hurts most while an orchestrator is at something that takes long: the target is about to hear
 * of what has been superseded; a report, or a timer that is due, is about to be decided on.
 */
const OVERTAKING: Readonly<Record<string, readonly ActionType[]>> = {
  'operate there': ['ROLLBACK'],
  'list back': ['CANCEL', 'ROLLBACK'],
  ...Object.fromEntries(
    ['begin', 'admit', 'holdLeases'].map((doing) => [
      doing,
      ['ROLLBACK', 'ROLLBACK', 'CANCEL', 'PAUSE', 'START'] as const,
    ]),
  ),
};

/** Rows after which an instance that falls hurts most. */
const COUNTS: readonly string[] = ['validated', 'room-unknown', 'next-batch', 'rollback'];

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

/** Longer than a target may refuse to be listed. */
const UNLISTED_MS = 65_000;

export class Nemesis {
  readonly #random: SeededRandom;
  readonly #disasters: Disasters;

  constructor(private readonly world: SimulatedWorld) {
    this.#random = world.random.fork();
    this.#disasters = new Disasters(world, world.random.fork());
    world.onJudged(({ executionId, rows }) => {
      const hurts = rows.some((row) => MOMENTS.includes(row));
      const { bias } = this.world.faults;
      if (!this.#isFaulty) return;
      this.#disasters.dusk(rows);
      if (hurts && this.#random.chance(bias * 0.3)) void this.#operate(executionId);
      if (rows.includes('start') && this.#random.chance(bias * 0.1)) {
        const upgrade = this.world.upgrades.find(({ create }) => create.id === executionId);
        if (upgrade !== undefined) this.#disasters.targetAway(upgrade, UNLISTED_MS);
      }
      // Between the count and the batch that goes by it, or right before the count.
      if (rows.some((row) => COUNTS.includes(row)) && this.#random.chance(bias * 0.2)) {
        const upgrade = this.world.upgrades.find(({ create }) => create.id === executionId);
        if (upgrade !== undefined) void this.#fall(upgrade);
      }
    });
    world.onSlow(({ service }, doing) => {
      if (service === 'orchestrator' && this.#isFaulty) this.#overtake(doing);
    });
  }

  #isFaulty = true;

  /** Strikes until the faults are over. */
  async rage(): Promise<void> {
    const { clock, faults } = this.world;
    let endMs = clock.nowMs() + faults.faultyMs;
    while (clock.nowMs() < endMs) {
      const untilNextMs = Math.round(-Math.log(1 - this.#random.next()) * faults.blowEveryMs);
      const leftMs = endMs - clock.nowMs();
      await clock.pass(Math.min(leftMs, Number.isFinite(untilNextMs) ? untilNextMs : leftMs));
      if (clock.nowMs() < endMs) await this.#strike();
      // Whoever is back late is missed by the others before the faults are over.
      endMs = Math.max(endMs, this.#disasters.dawnMs);
    }
    this.#isFaulty = false;
  }

  /** Somebody decides while what an orchestrator is about takes long: it arrives too late. */
  #overtake(doing: string): void {
    const { world } = this;
    const overtaking = OVERTAKING[doing];
    if (overtaking === undefined || !this.#random.chance(world.faults.bias * 0.6)) return;
    const type = this.#random.pick(overtaking);
    const active = world.upgrades.filter((upgrade) => !world.hasEnded(upgrade));
    if (active.length > 0) void world.act(this.#random.pick(active).create.id, type);
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
      [1, () => this.#disasters.expel()],
      [0.7, () => this.#disasters.databaseAway()],
      [0.7, () => this.#disasters.cutConnections()],
      [0.5, () => this.#disasters.brokerAway()],
      [0.7, () => this.#disasters.targetAway(upgrade)],
      [0.2, () => this.#disasters.dusk()],
      [0.5, () => this.#trespass(upgrade)],
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
    if (alive.length === 0) return;
    const process = this.#random.pick(alive);
    world.strike(process.owner, 'killed', 'by itself');
    world.kill(process);
  }

  #killAll(): void {
    this.world.strike('world', 'power cut', 'all at once');
    for (const process of this.world.processes()) this.world.kill(process, 'a power cut');
  }

  #freeze(): void {
    const { world } = this;
    const alive = world.processes().filter(({ isRunning }) => isRunning);
    if (alive.length === 0) return;
    const process = this.#random.pick(alive);
    const forMs = this.#random.between(100, 6_000);
    world.strike(process.owner, 'frozen', `for ${String(forMs)} ms`);
    process.freeze();
    world.clock.at(world.clock.nowMs() + forMs, () => {
      process.thaw();
    });
  }

  async #fall({ fleet, instances }: Upgrade): Promise<void> {
    const { world } = this;
    const index = this.#random.between(0, instances - 1);
    world.strike(fleet, 'target: instance falls', `instance ${String(index)}`);
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
    this.world.strike(fleet, 'target: faults changed', JSON.stringify(faults));
    await this.world.fleets.setFaults(fleet, faults);
  }

  async #operate(id: string): Promise<void> {
    const random = this.#random;
    // Drawn before anything is awaited: the order of draws must not hang on answers.
    const force = random.chance(0.3);
    const actions = this.#actionsFor(id);
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

  /** Often what is possible: of two at once both may be accepted only then. */
  #actionsFor(id: string): readonly (ActionType | 'NEXT')[] {
    if (!this.world.has(id)) return ACTIONS;
    const execution = this.world.execution(id);
    if (isTerminal(execution.status)) return ACTIONS_AT_THE_END;
    if (execution.status === 'ROLLING_BACK') return ['CANCEL'];
    const possible = allowedActions(execution).filter((action) => action !== 'CANCEL');
    return possible.length > 0 && this.#random.chance(0.3) ? possible : ACTIONS;
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
    this.world.strike(fleet, 'target: instance vanishes', `instance ${String(index)}`);
    await this.world.rooms.vanish(fleet, index);
  }

  async #appear({ fleet, instances }: Upgrade): Promise<void> {
    this.world.strike(fleet, 'target: instance appears', 'one more');
    await this.world.rooms.appear(fleet, instances);
  }

  /** Somebody acts in the name of a tenant it is not. */
  #trespass({ create: { id, tenantId } }: Upgrade): void {
    const { world } = this;
    const type = this.#random.pick(['CANCEL', 'PAUSE', 'ROLLBACK'] as const);
    const others = world.upgrades.filter(({ create }) => create.tenantId !== tenantId);
    const other = others[0]?.create.tenantId ?? 'nobody';
    if (!world.has(id)) return;
    world.strike('mallory', 'operator: of another tenant', type);
    void world.people.trespass(id, type, other).then((isAccepted) => {
      if (isAccepted) world.findings.report(`I14: ${other} may ${type} ${id} of ${tenantId}`);
    });
  }

  #rewind(): void {
    const group = this.#random.pick(SERVICES);
    this.world.strike(group, 'bus: replayed', 'from the start');
    this.world.bus.rewind(group);
  }
}
