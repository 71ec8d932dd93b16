/** Whoever means ill: kills, freezes, fells, asks for things at the worst moment. */
import { type SeededRandom } from '#testing/seeded-random.js';
import type { SimulatedWorld } from './simulated-world.js';
import { SERVICES } from './services.js';
import { drawTargetFaults, type Upgrade } from './upgrades.js';

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
];

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
    const upgrade = random.pick(world.upgrades);
    const blows: readonly Blow[] = [
      [3, () => this.#kill()],
      [2, () => this.#freeze()],
      [2, () => this.#fall(upgrade)],
      [1, () => this.#changeFaults(upgrade)],
      [1, () => void this.#operate(upgrade.create.id)],
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

  async #changeFaults({ fleet, instances }: Upgrade): Promise<void> {
    const faults = this.#random.chance(0.5) ? [] : drawTargetFaults(this.#random, instances);
    this.world.trace(fleet, `faults: ${JSON.stringify(faults)}`);
    await this.world.fleets.setFaults(fleet, faults);
  }

  async #operate(id: string): Promise<void> {
    const random = this.#random;
    // Drawn before anything is awaited: the order of draws must not hang on answers.
    const first = random.pick(['CANCEL', 'ROLLBACK', 'CANCEL', 'START'] as const);
    const force = random.chance(0.3);
    const second = random.chance(0.3) ? random.pick(['CANCEL', 'ROLLBACK'] as const) : null;
    const acts = [this.world.act(id, first, { force })];
    // Two at once: exactly one of them wins, or both in an order.
    if (second !== null) acts.push(this.world.act(id, second));
    await Promise.all(acts);
  }

  #rewind(): void {
    const group = this.#random.pick(SERVICES);
    this.world.trace(group, 'is given everything once more');
    this.world.bus.rewind(group);
  }
}
