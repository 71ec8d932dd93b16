/**
 * The whole saga in one process: the services' own code over twins of database, bus and target, in
 * virtual time. One seed decides what goes wrong, when, and in which order things happen.
 */
import { isTerminal, type Execution } from '#core/execution/execution.js';
import type { Action } from '#core/execution/execution-inputs.js';
import { MemoryBus } from '#messaging/memory-bus.js';
import { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import { SHARDS } from '#postgres/shard-of.js';
import { InMemoryFleetStore } from '#targets/in-memory-fleet.store.js';
import { SimulatedTargets } from '#targets/simulated-targets.js';
import { RegisteredDrivers } from '#targets/target-drivers.js';
import { SeededRandom } from '#testing/seeded-random.js';
import { VirtualClock } from '#testing/virtual-clock.js';
import { TOPIC_SPECS } from '#contracts/topics.js';
import { MemoryExecutionStore } from '../../apps/orchestrator/src/persistence/execution.memory.store.js';
import type { StoredExecution } from '../../apps/orchestrator/src/persistence/execution.store.js';
import type { Deployment } from '../../apps/orchestrator/src/registry.js';
import { WAKE, type Judged } from '../../apps/orchestrator/src/upgrade-asked.runner.js';
import type { Orchestrator } from '../../apps/orchestrator/src/orchestrator.js';
import {
  NoPrometheus,
  type MetricSource,
} from '../../apps/canary-monitor/src/inbound/prometheus.client.js';
import { armedTimers, isTidying, openWatches } from './end-checkers.js';
import { NO_FAULTS, type FaultPlan } from './fault-plan.js';
import { HONEST, type Place, type PlantedBug, type PlantedPorts } from './planted-bugs/planted-bug.js';
import { People } from './people.js';
import { deploymentKey, register } from './registered.js';
import { RoomWatch } from './room-watch.js';
import { BUILD, memoryStoreOf, SERVICES, TABLES_OF, type Built } from './services.js';
import { ProcessTargets, SimulatedProcess, type ServiceName } from './simulated-process.js';
import { Trace } from './trace.js';
import { upgradeAsStored, type Upgrade } from './upgrades.js';

export const STARTED_AT_MS = Date.UTC(2030, 0, 1);
const SESSION_TIMEOUT_MS = 3_000;
const RESTART_MAX_MS = 8_000;
/** An honest world may take this long, in virtual time and in events, to bring everything home. */
const LIVENESS = { limitMs: 6 * 3_600_000, eventsMax: 100_000 };
/** What is committed last is relayed within this, also by a process that was slow when it healed. */
const LAST_RELAY = { limitMs: 120_000, eventsMax: 20_000 };
const ALL_SHARDS = [...Array(SHARDS).keys()];

/** Inputs that come as messages of other services. */
export const ANSWERS: readonly string[] = [
  'PRE_CHECKS_ENDED',
  'POST_CHECKS_ENDED',
  'CHECKS_PROGRESSED',
  'CANARY_WATCHED',
  'ROLLBACK_PROGRESSED',
];

type Desk = Required<Pick<Built, 'orchestrator' | 'creation' | 'reversal'>>;

interface Running {
  readonly process: SimulatedProcess;
  readonly built: Built;
}

export interface WorldOptions {
  readonly seed?: number;
  readonly faults?: FaultPlan;
  readonly bug?: PlantedBug;
  readonly prometheus?: MetricSource;
  /** Told of every line of the trace. */
  readonly onTrace?: (line: string) => void;
}

export class SimulatedWorld {
  readonly clock = new VirtualClock(STARTED_AT_MS);
  readonly random: SeededRandom;
  readonly bus: MemoryBus;
  readonly fleets = new InMemoryFleetStore(this.clock);
  readonly targets = new SimulatedTargets(this.fleets, this.clock);
  readonly upgrades: Upgrade[] = [];
  readonly rooms: RoomWatch;
  /** Rows of the orchestrator's table that were taken, with how often. */
  readonly rowsHit = new Map<string, number>();
  /** How many answers of services were judged, for each execution. */
  readonly answersJudged = new Map<string, number>();
  /** How many of them no service has sent. */
  answersMadeUp = 0;
  /** Everything that was wrong so far, a sentence each. */
  readonly problems: string[] = [];
  readonly #databases: Readonly<Record<ServiceName, MemoryServiceDatabase>>;
  readonly #down = new Set<ServiceName>();
  readonly #running = new Map<string, Running>();
  /** Of the bug that is planted in this world. */
  readonly #planted: PlantedPorts;
  readonly #onJudged: ((judged: Judged) => void)[] = [];
  readonly #onSlow: ((process: SimulatedProcess, doing: string) => void)[] = [];
  readonly people: People;
  readonly #trace: Trace;
  #starts = 0;
  #isHealed = false;

  readonly faults: FaultPlan;

  constructor(private readonly options: WorldOptions = {}) {
    this.faults = options.faults ?? NO_FAULTS;
    this.#planted = (options.bug ?? HONEST).plant();
    this.random = new SeededRandom(options.seed ?? 1);
    const nowMs = (): number => this.clock.nowMs();
    this.#trace = new Trace(STARTED_AT_MS, nowMs, options.onTrace);
    this.rooms = new RoomWatch(this.clock, this.fleets, (id) => this.#upgradeOf(id));
    this.people = new People({
      clock: this.clock,
      desk: () => this.#desk(),
      isThere: (id) => this.has(id),
      trace: (who, what) => {
        this.trace(who, what);
      },
    });
    const random = this.random.fork().asFunction;
    this.bus = new MemoryBus({
      ...{ topics: TOPIC_SPECS, clock: this.clock, random, sessionTimeoutMs: SESSION_TIMEOUT_MS },
      io: (move) => {
        const process = this.#running.get(move.owner)?.process;
        if (process === undefined) return Promise.resolve();
        return process.busIo(this.faults.bus, move);
      },
    });
    const databaseOf = (service: ServiceName): MemoryServiceDatabase => {
      const tables = TABLES_OF[service];
      return new MemoryServiceDatabase({ nowMs, ...(tables && { tables }) }, `${service}-0`);
    };
    this.#databases = {
      orchestrator: databaseOf('orchestrator'),
      validator: databaseOf('validator'),
      'canary-monitor': databaseOf('canary-monitor'),
      'rollback-agent': databaseOf('rollback-agent'),
    };
  }

  /* ---------------------------------------------------------------- processes */

  /** Starts every service, as often as the fault plan wants replicas. */
  async start(): Promise<this> {
    for (const service of SERVICES) {
      for (let replica = 0; replica < this.faults.replicas; replica += 1) this.launch(service);
    }
    await this.clock.pass(0);
    return this;
  }

  launch(service: ServiceName): void {
    this.#starts += 1;
    const owner = `${service}-${String(this.#starts)}`;
    const process = new SimulatedProcess(service, owner, {
      clock: this.clock,
      random: this.random.fork(),
      isFaulty: () => !this.#isHealed,
      skewsMs: this.faults.skewsMs,
      slow: (slowed, doing) => {
        for (const listener of this.#onSlow) listener(slowed, doing);
      },
      die: (dying, doing) => {
        this.kill(dying, doing);
      },
    });
    const view = this.#databases[service].viewFor(owner, process.databaseIo(this.faults.database));
    const planted = this.#planted;
    const place = { service, owner, bus: this.bus, fleets: this.fleets };
    const honest = this.bus.producer(owner);
    const producer = planted.producer?.(honest, place) ?? honest;
    const database = planted.database?.(view, place, producer) ?? view;
    const drivers = this.#driversOf(process, place);
    const decided = (judged: Judged): void => {
      this.#decided(process, judged);
    };
    const { store: storeOf = memoryStoreOf, leases: leasesOf } = planted;
    const { prometheus = new NoPrometheus() } = this.options;
    const { targets: simulated } = this;
    const ground = { process, database, producer, drivers, decided, storeOf, prometheus };
    const built = BUILD[service]({ ...ground, simulated, leasesOf });
    this.#running.set(owner, { process, built });
    this.trace(owner, 'starts');
    void this.#begin(process, built);
  }

  /** A start that fails because the database is away is made again, as a supervisor would. */
  async #begin(process: SimulatedProcess, { consumes, deadLetters, start }: Built): Promise<void> {
    try {
      await start();
    } catch {
      if (process.isAlive) this.kill(process, 'starting');
      return;
    }
    // What it has begun may have been the end of it: the dead join no group.
    if (!process.isAlive) return;
    for (const { topic, take } of consumes) {
      const taken = this.#planted.consumer?.(take) ?? take;
      this.bus.consume(process.owner, process.service, [topic], taken, { deadLetters });
    }
  }

  /** Dead at once; its supervisor starts another one after a while. */
  kill(process: SimulatedProcess, doing = 'anything'): void {
    if (!process.isAlive) return;
    this.trace(process.owner, `dies at ${doing}`);
    process.kill(this.#databases[process.service], this.bus);
    this.#running.delete(process.owner);
    if (this.#down.has(process.service)) return;
    const restartInMs = this.#isHealed ? 0 : this.random.between(0, RESTART_MAX_MS);
    this.clock.at(this.clock.nowMs() + restartInMs, () => {
      this.launch(process.service);
    });
  }

  /** The whole service is away, until `up`. */
  down(service: ServiceName): void {
    this.#down.add(service);
    for (const process of this.processes(service)) this.kill(process, 'its end');
  }

  up(service: ServiceName): void {
    this.#down.delete(service);
    this.launch(service);
  }

  processes(service?: ServiceName): SimulatedProcess[] {
    return [...this.#running.values()]
      .map(({ process }) => process)
      .filter((process) => service === undefined || process.service === service);
  }

  /** An orchestrator that answers, if there is one. */
  orchestrator(): Orchestrator | undefined {
    return this.#desk()?.orchestrator;
  }

  #desk(): Desk | undefined {
    for (const { process, built } of this.#running.values()) {
      if (process.isRunning && built.orchestrator !== undefined) return built as Desk;
    }
    return undefined;
  }

  #driversOf(process: SimulatedProcess, place: Place): ProcessTargets {
    const registered = new RegisteredDrivers({ simulated: this.targets, agent: this.targets });
    const planted = this.#planted.targets?.(registered, place) ?? registered;
    const watched = this.rooms.watching(planted, process.service);
    return new ProcessTargets(process, watched, this.faults.target);
  }

  /* ---------------------------------------------------------------- upgrades */

  /** Declares the fleet, creates the upgrade and starts it. */
  async upgrade(upgrade: Upgrade): Promise<void> {
    this.upgrades.push(upgrade);
    this.rooms.add(upgrade);
    await this.#databases.orchestrator.transaction((tx) => register(tx, upgrade));
    await this.targets.declare(upgrade.create.snapshot.target.settings);
    await this.people.begin(upgrade.create);
  }

  /** An operator acts. Answers whether it was accepted. */
  act(id: string, type: Action['type'], over: Partial<Action> = {}): Promise<boolean> {
    return this.people.act(id, type, over);
  }

  /** Those that were created by the orchestrator itself, for fleets that are known, count as well. */
  adopt(): void {
    const { rows } = this.#databases.orchestrator.store.table('executions');
    for (const [id, row] of rows) {
      if (this.upgrades.some(({ create }) => create.id === id)) continue;
      const stored = row as StoredExecution;
      const of = this.upgrades.find(({ create }) => {
        const { tenantId, componentId } = stored.execution;
        return create.tenantId === tenantId && create.componentId === componentId;
      });
      if (of !== undefined) this.upgrades.push(upgradeAsStored(stored, of));
    }
  }

  /** With as many instances as it has listed: some may have appeared, or vanished, before. */
  #upgradeOf(executionId: string): Upgrade | undefined {
    this.adopt();
    const upgrade = this.upgrades.find(({ create }) => create.id === executionId);
    const listed = this.#now(executionId)?.listed ?? 0;
    return upgrade && { ...upgrade, instances: listed > 0 ? listed : upgrade.instances };
  }

  /** What the registry says of the deployment, past every fault. */
  deployment(upgrade: Upgrade): Deployment {
    const { rows } = this.#databases.orchestrator.store.table('deployments');
    return rows.get(deploymentKey(upgrade)) as Deployment;
  }

  has(id: string): boolean {
    return this.#now(id) !== undefined;
  }

  /** As the rows say now, past every fault. */
  execution(id: string): Execution {
    const execution = this.#now(id);
    if (execution === undefined) throw new Error(`there is no execution ${id}`);
    return execution;
  }

  store(): MemoryExecutionStore {
    return new MemoryExecutionStore(this.#databases.orchestrator);
  }

  database(service: ServiceName): MemoryServiceDatabase {
    return this.#databases[service];
  }

  /* ---------------------------------------------------------------- time */

  /** Faults end: everyone runs, every instance that fell by itself stands again. */
  async heal(): Promise<void> {
    this.#isHealed = true;
    this.trace('world', 'is healed');
    for (const { process } of this.#running.values()) process.thaw();
    for (const { fleet } of this.upgrades) await this.fleets.setFaults(fleet, []);
    await this.rooms.raiseFallen();
  }

  /** Lets time pass until every upgrade has ended and everything about it has been told. */
  async settle(): Promise<void> {
    const end = await this.clock.runUntil(() => this.haveAllEnded(), LIVENESS);
    if (end !== 'HOLDS') {
      for (const { create } of this.upgrades.filter((it) => !this.hasEnded(it))) {
        const { status, counters, stopping } = this.#now(create.id) ?? {};
        const stands = JSON.stringify({ status, counters, stopping });
        this.problems.push(`I15: did not end (${end}): ${stands}`);
      }
    }
    await this.clock.runUntil(() => this.#isAllTold(), LAST_RELAY);
    await this.clock.pass(1_000);
  }

  /** Lets time pass until what outlives executions is done: kept sets are retired, traffic is even. */
  async letAllBeTidied(): Promise<void> {
    const isTidied = (): boolean => armedTimers(this).every(({ kind }) => !isTidying(kind));
    const end = await this.clock.runUntil(isTidied, LIVENESS);
    if (end !== 'HOLDS') this.problems.push(`I15: not all is tidied (${end})`);
    for (const upgrade of this.upgrades) {
      const { sets } = await this.rooms.realSets(upgrade);
      if (sets.weight !== null) this.problems.push(`I8: ${upgrade.fleet} is still weighed`);
    }
  }

  #isAllTold(): boolean {
    const databases = Object.values(this.#databases);
    const isSent = databases.every(({ store }) => store.readOutbox(ALL_SHARDS, 1).length === 0);
    // Whoever takes over a shard clears away what its last owner was to be woken by.
    const isAwake = armedTimers(this).every(({ kind }) => kind !== WAKE);
    // A monitor that was away has yet to read that its watch is over.
    return (
      isSent && isAwake && openWatches(this).every((id) => !isTerminal(this.execution(id).status))
    );
  }

  haveAllEnded(): boolean {
    this.adopt();
    return this.upgrades.length > 0 && this.upgrades.every((it) => this.hasEnded(it));
  }

  hasEnded({ create }: Upgrade): boolean {
    const execution = this.#now(create.id);
    return execution !== undefined && isTerminal(execution.status);
  }

  /** The committed row, without a transaction: between two events nobody is writing. */
  #now(id: string): Execution | undefined {
    const { rows } = this.#databases.orchestrator.store.table('executions');
    return (rows.get(id) as StoredExecution | undefined)?.execution;
  }

  /** `listener` hears of every input of an execution that was judged. */
  onJudged(listener: (judged: Judged) => void): void {
    this.#onJudged.push(listener);
  }

  /** `listener` hears of every I/O that begins to take long. */
  onSlow(listener: (process: SimulatedProcess, doing: string) => void): void {
    this.#onSlow.push(listener);
  }

  #decided(process: SimulatedProcess, judged: Judged): void {
    const { rows, input, kind, executionId } = judged;
    if (ANSWERS.includes(input)) {
      this.answersJudged.set(executionId, (this.answersJudged.get(executionId) ?? 0) + 1);
    }
    for (const row of rows) this.rowsHit.set(row, (this.rowsHit.get(row) ?? 0) + 1);
    this.trace(process.owner, `${input}: ${rows.length === 0 ? kind : rows.join(' → ')}`);
    if (kind === 'IMPOSSIBLE') this.problems.push(`I6: an impossible ${input}`);
    for (const listener of this.#onJudged) listener(judged);
  }

  /* ---------------------------------------------------------------- trace */

  trace(who: string, what: string): void {
    this.#trace.line(who, what);
  }

  /** The same for the same trace. */
  get traceHash(): string {
    return this.#trace.hash;
  }
}
