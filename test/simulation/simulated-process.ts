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
import type { Outages } from './outages.js';

export type ServiceName = 'orchestrator' | 'validator' | 'canary-monitor' | 'rollback-agent';

/** What a process needs of the world around it. */
export interface Surroundings {
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly isFaulty: () => boolean;
  /** How far off its own clock may be, in ms. */
  readonly skewsMs: readonly number[];
  readonly outages: Outages;
  /** A fault has really happened: of this kind, to whoever was doing this. */
  readonly struck: (who: string, kind: string, doing: string) => void;
  /** Something takes long: a moment at which others may come first. */
  readonly slow: (process: SimulatedProcess, doing: string) => void;
  /** The process dies, by whatever it was doing. */
  readonly die: (process: SimulatedProcess, doing: string) => void;
}

/** Within this after its start, the clock of a process is set once. */
const CLOCK_SET_WITHIN_MS = 600_000;

const NEVER = new Promise<never>(() => undefined);

/** What Postgres says when the same transaction may well succeed: 40001, 40P01, and no more. */
const DATABASE_ERRORS = [
  'could not serialize access due to concurrent update',
  'deadlock detected',
  'Connection terminated unexpectedly',
] as const;
/** A database that is away refuses, or is waited for, so long. */
const REFUSED_AFTER_MAX_MS = 200;
/** A client of Kafka that gives up does so within this. */
const GIVEN_UP_AFTER_MAX_MS = 21_000;
/** A target that does not answer is waited for so long. */
const HANGING_MS = 5_000;
/** How an I/O ends that has happened. */
const AFTER = ['committed', 'after', 'back'] as const;

/** What a process asks of a target. */
export interface TargetCall {
  readonly fleet: string;
  readonly verb: string;
}

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

  readonly databaseIo = (rates: FaultRates): ((name: string) => Promise<void>) => {
    const what = `database of ${this.service}`;
    const hurting = { ...rates, crashes: rates.crashes * 5 };
    // A lost answer is only told apart where something has happened.
    const answering = { ...hurting, fails: rates.answerLost };
    const refusedAfterMs = (): number => this.around.random.between(0, REFUSED_AFTER_MAX_MS);
    const why = (): string => this.around.random.pick(DATABASE_ERRORS);
    const ratesOf = (name: string): FaultRates => {
      if (name === 'committed') return answering;
      return name === 'commit' || name === 'dropOutbox' ? hurting : rates;
    };
    return async (name) => {
      if (this.around.outages.isAway(what)) await this.#away(what, name, refusedAfterMs);
      await this.#meet(ratesOf(name), 'database', name, why);
    };
  };

  async busIo(rates: FaultRates, { kind, phase }: BusMove): Promise<unknown> {
    const doing = `${kind} ${phase}`;
    const { outages, random, isFaulty, struck } = this.around;
    // A client of Kafka waits an outage out; not always for ever.
    if (outages.isAway('broker') && random.chance(0.7)) await outages.over('broker');
    await this.#away('broker', doing, () => random.between(0, GIVEN_UP_AFTER_MAX_MS));
    const fails = phase === 'after' ? rates.answerLost : rates.fails;
    await this.#meet({ ...rates, fails }, 'bus', doing);
    if (kind !== 'publish' || phase !== 'before' || !isFaulty()) return undefined;
    if (!random.chance(rates.doubled)) return undefined;
    const answer = random.chance(0.8) ? 'TWICE' : 'PART';
    struck(this.owner, answer === 'TWICE' ? 'bus: doubled' : 'bus: written in part', doing);
    return answer;
  }

  /** A call of a target on its way there, or back. */
  async targetIo(rates: FaultRates, way: 'there' | 'back', of: TargetCall): Promise<void> {
    const { outages, random } = this.around;
    const fails = way === 'back' ? rates.answerLost : rates.fails;
    const doing = `${of.verb} ${way}`;
    const isHanging = outages.isAway(`target ${of.fleet}`) && random.chance(0.5);
    try {
      await this.#away(`target ${of.fleet}`, doing, () => (isHanging ? HANGING_MS : 0));
      await this.#meet({ ...rates, fails }, 'target', doing);
    } catch {
      throw new TargetUnreachableError(`the target could not be asked to ${of.verb}`);
    }
  }

  /** The network brings a call a second time, whatever has become of whoever called. */
  repeat(rates: FaultRates, { verb }: TargetCall, call: () => Promise<unknown>): void {
    const { random, isFaulty, clock, struck } = this.around;
    if (!isFaulty() || !random.chance(rates.doubled)) return;
    const afterMs = slowness(random);
    struck(this.owner, 'target: doubled', verb);
    void clock
      .sleep(afterMs)
      .then(call)
      .catch(() => undefined);
  }

  /** A question to where metrics are kept. */
  async metricIo(rates: FaultRates, way: 'there' | 'back'): Promise<void> {
    const fails = way === 'back' ? rates.answerLost : rates.fails;
    await this.#meet({ ...rates, fails }, 'metrics', `measure ${way}`);
  }

  /** Refused, after a while, by what is away. */
  async #away(what: string, doing: string, afterMs: () => number): Promise<void> {
    const { outages, clock, struck } = this.around;
    if (!outages.isAway(what)) return;
    struck(this.owner, `${what.split(' ')[0] ?? ''}: away`, doing);
    await clock.sleep(afterMs());
    await this.survive();
    throw new Error(`connect ECONNREFUSED: ${doing}`);
  }

  /** One I/O: it may be slow, may fail, and may be the last thing the process did. */
  async #meet(
    rates: FaultRates,
    port: string,
    doing: string,
    why: () => string = () => 'lost',
  ): Promise<void> {
    if (!this.isRunning) await this.survive();
    const { clock, random, isFaulty, die, slow, struck } = this.around;
    if (!isFaulty()) return;
    if (rates.slow > 0 && random.chance(rates.slow)) {
      slow(this, doing);
      const forMs = slowness(random);
      struck(this.owner, `${port}: slow`, `${doing} for ${String(forMs)} ms`);
      await clock.sleep(forMs);
      await this.survive();
    }
    if (rates.crashes > 0 && isFaulty() && random.chance(rates.crashes)) {
      struck(this.owner, `${port}: crashed`, doing);
      die(this, doing);
      await NEVER;
    }
    if (rates.fails > 0 && isFaulty() && random.chance(rates.fails)) {
      const isAnswer = AFTER.some((word) => doing.endsWith(word));
      struck(this.owner, `${port}: ${isAnswer ? 'answer lost' : 'failed'}`, doing);
      throw new Error(`${why()}: ${doing}`);
    }
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
    if (!this.process.isRunning) await this.process.survive();
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
    const fleet = String(target.settings['fleet']);
    const call = async <T>(verb: string, ask: () => Promise<T>): Promise<T> => {
      const of = { fleet, verb };
      await this.process.targetIo(this.rates, 'there', of);
      this.process.repeat(this.rates, of, ask);
      const answer = await ask();
      await this.process.targetIo(this.rates, 'back', of);
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
