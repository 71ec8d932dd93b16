/** One process of a service: it can be frozen, and it can die. */
import { Clock } from '#runtime/clock.js';
import type { MemoryBus, BusMove } from '#messaging/memory-bus.js';
import type { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import {
  type TargetDriver,
  TargetDrivers,
  TargetUnreachableError,
} from '#targets/target.driver.js';
import type { TargetSettings } from '#targets/target.driver.js';
import type { SeededRandom } from '#testing/seeded-random.js';
import { slowness, type FaultRates } from './fault-plan.js';

export type ServiceName = 'orchestrator' | 'validator' | 'canary-monitor' | 'rollback-agent';

/** What a process needs of the world around it. */
export interface Surroundings {
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly isFaulty: () => boolean;
  /** How far off its own clock may be, in ms. */
  readonly skewsMs: readonly number[];
  /** Something takes long: a moment at which others may come first. */
  readonly slow: (process: SimulatedProcess, doing: string) => void;
  /** The process dies, by whatever it was doing. */
  readonly die: (process: SimulatedProcess, doing: string) => void;
}

/** Within this after its start, the clock of a process is set once. */
const CLOCK_SET_WITHIN_MS = 600_000;

const NEVER = new Promise<never>(() => undefined);

export class SimulatedProcess {
  isAlive = true;
  #thawing: { readonly promise: Promise<void>; readonly thaw: () => void } | null = null;
  /** What its machine takes the time to be. */
  readonly clock: Clock;
  readonly #startedAtMs: number;

  constructor(
    readonly service: ServiceName,
    /** Unique for each start: `orchestrator-3`. */
    readonly owner: string,
    private readonly around: Surroundings,
  ) {
    this.clock = new ProcessClock(this, around.clock, around);
    this.#startedAtMs = around.clock.nowMs();
  }

  /** Since its start, ms: nobody sets this one. */
  readonly monotonicMs = (): number => this.around.clock.nowMs() - this.#startedAtMs;

  get isRunning(): boolean {
    return this.isAlive && this.#thawing === null;
  }

  /** SIGKILL: nothing it still waits for, or asks for later, ever comes back. */
  kill(database: MemoryServiceDatabase, bus: MemoryBus): void {
    this.isAlive = false;
    bus.abandon(this.owner);
    database.abandon(this.owner);
  }

  /** SIGSTOP; SIGCONT is `thaw`. */
  freeze(): void {
    if (this.#thawing !== null) return;
    let thaw = (): void => undefined;
    const promise = new Promise<void>((resolve) => (thaw = resolve));
    this.#thawing = { promise, thaw };
  }

  thaw(): void {
    this.#thawing?.thaw();
    this.#thawing = null;
  }

  /** Goes on at once, when it is thawed, or never. */
  async survive(): Promise<void> {
    while (this.#thawing !== null) await this.#thawing.promise;
    if (!this.isAlive) await NEVER;
  }

  readonly databaseIo =
    (rates: FaultRates) =>
    async (name: string): Promise<void> => {
      // A lost answer is only told apart where something has happened.
      const lost = name === 'committed' ? rates.answerLost : 0;
      const hurts = name === 'committed' || name === 'commit' || name === 'dropOutbox';
      const fails = name === 'committed' ? lost : rates.fails;
      await this.#meet(
        { ...rates, fails, crashes: hurts ? rates.crashes * 5 : rates.crashes },
        name,
      );
    };

  async busIo(rates: FaultRates, { kind, phase }: BusMove): Promise<unknown> {
    const fails = phase === 'after' ? rates.answerLost : rates.fails;
    await this.#meet({ ...rates, fails }, `${kind} ${phase}`);
    const { random, isFaulty } = this.around;
    const isDoubled = kind === 'publish' && isFaulty() && random.chance(rates.doubled);
    return isDoubled ? 'TWICE' : undefined;
  }

  /** A call of a target on its way there, or back. */
  async targetIo(rates: FaultRates, way: 'there' | 'back', verb: string): Promise<void> {
    const fails = way === 'back' ? rates.answerLost : rates.fails;
    try {
      await this.#meet({ ...rates, fails }, `${verb} ${way}`);
    } catch {
      throw new TargetUnreachableError(`the target could not be asked to ${verb}`);
    }
  }

  /** One I/O: it may be slow, may fail, and may be the last thing the process did. */
  async #meet(rates: FaultRates, doing: string): Promise<void> {
    await this.survive();
    const { clock, random, isFaulty, die, slow } = this.around;
    if (!isFaulty()) return;
    if (random.chance(rates.slow)) {
      slow(this, doing);
      await clock.sleep(slowness(random));
      await this.survive();
    }
    if (isFaulty() && random.chance(rates.crashes)) {
      die(this, doing);
      await NEVER;
    }
    if (isFaulty() && random.chance(rates.fails)) throw new Error(`lost: ${doing}`);
  }
}

/** Off by this or that, and set in mid-run. A dead or frozen process does not wake. */
class ProcessClock extends Clock {
  readonly #skewsMs: readonly [number, number];
  readonly #setAtMs: number;

  constructor(
    private readonly process: SimulatedProcess,
    private readonly world: Clock,
    { random, skewsMs }: Surroundings,
  ) {
    super();
    this.#skewsMs = [random.pick(skewsMs), random.pick(skewsMs)];
    this.#setAtMs = world.nowMs() + random.between(0, CLOCK_SET_WITHIN_MS);
  }

  override nowMs(): number {
    const worldMs = this.world.nowMs();
    return worldMs + this.#skewsMs[worldMs < this.#setAtMs ? 0 : 1];
  }

  override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await this.world.sleep(ms, signal);
    await this.process.survive();
  }
}

/** The targets as one process reaches them. */
export class ProcessTargets extends TargetDrivers {
  constructor(
    private readonly process: SimulatedProcess,
    private readonly targets: TargetDrivers,
    private readonly rates: FaultRates,
  ) {
    super();
  }

  override open(target: TargetSettings): TargetDriver {
    const driver = this.targets.open(target);
    const call = async <T>(verb: string, ask: () => Promise<T>): Promise<T> => {
      await this.process.targetIo(this.rates, 'there', verb);
      const answer = await ask();
      await this.process.targetIo(this.rates, 'back', verb);
      return answer;
    };
    return {
      capabilities: () => call('say what it can', () => driver.capabilities()),
      list: (query) => call('list', () => driver.list(query)),
      room: (except) => call('count', () => driver.room(except)),
      submit: (operations, fence) => call('operate', () => driver.submit(operations, fence)),
      poll: (operations, waitMs, signal) =>
        call('poll', () => driver.poll(operations, waitMs, signal)),
      sets: () => call('name its sets', () => driver.sets()),
      submitSet: (operation, fence) => call('operate', () => driver.submitSet(operation, fence)),
      pollSet: (id, waitMs, signal) => call('poll', () => driver.pollSet(id, waitMs, signal)),
      backups: () => call('name its backups', () => driver.backups()),
      metric: (query, signal) => call('measure', () => driver.metric(query, signal)),
      address: (set) => call('say its address', () => driver.address(set)),
    };
  }

  override check(target: TargetSettings): void {
    this.targets.check(target);
  }
}
