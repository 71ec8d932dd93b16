/**
 * The whole saga in one process: the services' own code over twins of database, bus and target, in
 * virtual time. One seed decides what goes wrong, when, and in which order things happen.
 */
import { isTerminal, type Execution } from '#core/execution/execution.js';
import type { Action } from '#core/execution/execution-inputs.js';
import { MemoryBus } from '#messaging/memory-bus.js';
import type { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import { SHARDS } from '#postgres/shard-of.js';
import { InMemoryFleetStore } from '#targets/in-memory-fleet.store.js';
import { SimulatedTargets } from '#targets/simulated-targets.js';
import { RegisteredDrivers } from '#targets/target-drivers.js';
import type { TargetDrivers } from '#targets/target.driver.js';
import { SeededRandom } from '#testing/seeded-random.js';
import { VirtualClock } from '#testing/virtual-clock.js';
import { TOPIC_SPECS } from '#contracts/topics.js';
import { MemoryExecutionStore } from '../../apps/orchestrator/src/persistence/execution.memory.store.js';
import type { Deployment } from '../../apps/orchestrator/src/registry.js';
import { WAKE, type Judged } from '../../apps/orchestrator/src/upgrade-asked.runner.js';
import type { Orchestrator } from '../../apps/orchestrator/src/orchestrator.js';
import type { MetricSource } from '../../apps/canary-monitor/src/inbound/prometheus.client.js';
import { nightMsOf, NO_FAULTS, type FaultPlan } from './fault-plan.js';
import { FleetTruth } from './fleet-truth.js';
import { Findings } from './invariants/findings.js';
import { seenCommit, seenMessage, Watches } from './invariants/invariants.js';
import { answeringTargets } from './answering-targets.js';
import { armedTimers, isTidying, openWatches } from './left-open.js';
import {
  HONEST,
  type Place,
  type PlantedBug,
  type PlantedPorts,
} from './planted-bugs/planted-bug.js';
import { Outages } from './outages.js';
import { People } from './people.js';
import { register } from './registered.js';
import { SERVICES } from './services.js';
import { SimulatedPrometheus } from './simulated-metrics.js';
import { ProcessTargets, type ServiceName, type SimulatedProcess } from './simulated-process.js';
import { Supervisor } from './supervisor.js';
import { toldHistory } from './told-history.js';
import { Trace } from './trace.js';
import type { Upgrade } from './upgrades.js';
import { WatchedTargets } from './watched-targets.js';
import { databasesOf, SimulatedView, type Databases } from './world-view.js';

export const STARTED_AT_MS = Date.UTC(2030, 0, 1);
const SESSION_TIMEOUT_MS = 3_000;
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
  readonly faults: FaultPlan;
  readonly bus: MemoryBus;
  readonly fleets = new InMemoryFleetStore(this.clock, (fleet, act) => {
    this.#watches.acted(fleet, act);
  });
  readonly targets = new SimulatedTargets(this.fleets, this.clock);
  /** How fleets really are. */
  readonly rooms = new FleetTruth(this.clock, this.fleets, () => nightMsOf(this.faults));
  readonly outages = new Outages(this.clock);
  /** How often each kind of fault has really happened. */
  readonly struck = new Map<string, number>();
  readonly people: People;
  readonly supervisor: Supervisor;
  /** Rows of the orchestrator's table that were taken, with how often. */
  readonly rowsHit = new Map<string, number>();
  readonly findings: Findings;
  readonly view: SimulatedView;
  readonly #databases: Databases;
  readonly #planted: PlantedPorts;
  readonly #watches: Watches;
  readonly #onJudged: ((judged: Judged) => void)[] = [];
  readonly #onSlow: ((process: SimulatedProcess, doing: string) => void)[] = [];
  readonly #trace: Trace;
  #isHealed = false;

  constructor(options: WorldOptions = {}) {
    this.faults = options.faults ?? NO_FAULTS;
    this.#planted = (options.bug ?? HONEST).plant();
    this.random = new SeededRandom(options.seed ?? 1);
    const nowMs = (): number => this.clock.nowMs();
    this.#trace = new Trace(STARTED_AT_MS, nowMs, options.onTrace);
    this.findings = new Findings(
      () => `${String(nowMs() - STARTED_AT_MS)} ms, event ${String(this.clock.happened)}`,
      (problem) => {
        this.trace('WRONG', problem);
      },
    );
    this.#databases = databasesOf(nowMs, this.#planted.tables);
    this.view = new SimulatedView(this.#databases, this.rooms, nowMs, (service) =>
      this.bus.lag(service),
    );
    const trace = this.trace.bind(this);
    this.#watches = new Watches(this.view, this.findings, [toldHistory(trace)]);
    for (const service of SERVICES) this.#lookOn(service);
    this.people = this.#newPeople();
    this.bus = this.#newBus();
    const simulated = new SimulatedPrometheus((fleet, value) => {
      this.#watches.answered({ service: 'canary-monitor', fleet, to: 'METRIC', value });
    });
    this.supervisor = this.#newSupervisor(options.prometheus ?? simulated);
  }

  #lookOn(service: ServiceName): void {
    this.#databases[service].store.observer = {
      committed: (commit) => {
        this.#watches.committed(seenCommit(service, commit, this.view));
      },
      dropped: (rows) => {
        this.#watches.dropped(service, rows);
      },
    };
  }

  #newPeople(): People {
    return new People({
      ...{ clock: this.clock, random: this.random.fork(), rates: this.faults.operators },
      isFaulty: () => !this.#isHealed,
      desk: () => this.supervisor.desk(),
      isThere: (id) => this.has(id),
      watches: this.#watches,
      struck: (who, kind, doing) => {
        this.strike(who, kind, doing);
      },
      trace: (...line) => {
        this.trace(...line);
      },
    });
  }

  #newBus(): MemoryBus {
    const random = this.random.fork().asFunction;
    return new MemoryBus({
      ...{ topics: TOPIC_SPECS, clock: this.clock, random, sessionTimeoutMs: SESSION_TIMEOUT_MS },
      io: (move) => {
        const process = this.supervisor.process(move.owner);
        return process?.busIo(this.faults.bus, move) ?? Promise.resolve();
      },
      appended: (message) => {
        this.#watches.appended(seenMessage(message));
      },
    });
  }

  #newSupervisor(prometheus: MetricSource): Supervisor {
    const { clock, random, bus, fleets, faults } = this;
    return new Supervisor({
      ...{ clock, random, bus, fleets, faults, prometheus, simulated: this.targets },
      ...{ databases: this.#databases, planted: this.#planted },
      driversOf: (process, place) => this.#driversOf(process, place),
      decided: (process, judged) => {
        this.#decided(process, judged);
      },
      ...{ outages: this.outages, watches: this.#watches },
      struck: (who, kind, doing) => {
        this.strike(who, kind, doing);
      },
      slow: (slowed, doing) => {
        for (const listener of this.#onSlow) listener(slowed, doing);
      },
      trace: (who, what) => {
        this.trace(who, what);
      },
    });
  }

  #driversOf(process: SimulatedProcess, place: Place): TargetDrivers {
    const registered = new RegisteredDrivers({ simulated: this.targets, agent: this.targets });
    const honest = answeringTargets(registered, place.service, (answer) => {
      this.#watches.answered(answer);
    });
    const planted = this.#planted.targets?.(honest, place) ?? honest;
    const watched = new WatchedTargets(planted, {
      ...{ service: place.service, owner: place.owner, truth: this.rooms, watches: this.#watches },
      ofFleet: (fleet) => this.view.ofFleet(fleet),
    });
    return new ProcessTargets(process, watched, this.faults.target);
  }

  /* ---------------------------------------------------------------- processes */

  async start(): Promise<this> {
    this.supervisor.startAll();
    await this.clock.pass(0);
    return this;
  }

  /** Dead at once; its supervisor starts another one after a while. */
  kill(process: SimulatedProcess, doing?: string): void {
    this.supervisor.kill(process, doing);
  }

  /** The whole service is away, until `up`. */
  down(service: ServiceName): void {
    this.supervisor.down(service);
  }

  up(service: ServiceName): void {
    this.supervisor.up(service);
  }

  processes(service?: ServiceName): SimulatedProcess[] {
    return this.supervisor.processes(service);
  }

  /** An orchestrator that answers, if there is one. */
  orchestrator(): Orchestrator | undefined {
    return this.supervisor.desk()?.orchestrator;
  }

  /* ---------------------------------------------------------------- upgrades */

  get upgrades(): Upgrade[] {
    return this.view.upgrades;
  }

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

  adopt(): void {
    this.view.adopt();
  }

  /** What the registry says of the deployment, past every fault. */
  deployment(upgrade: Upgrade): Deployment {
    return this.view.deployment(upgrade);
  }

  has(id: string): boolean {
    return this.view.execution(id) !== null;
  }

  /** As the rows say now, past every fault. */
  execution(id: string): Execution {
    const execution = this.view.execution(id);
    if (execution === null) throw new Error(`there is no execution ${id}`);
    return execution;
  }

  store(): MemoryExecutionStore {
    return new MemoryExecutionStore(this.#databases.orchestrator);
  }

  database(service: ServiceName): MemoryServiceDatabase {
    return this.#databases[service];
  }

  set answersMadeUp(times: number) {
    this.view.answersMadeUp = times;
  }

  get answersMadeUp(): number {
    return this.view.answersMadeUp;
  }

  /* ---------------------------------------------------------------- time */

  /** Faults end: everyone runs, every instance that fell by itself stands again. */
  async heal(): Promise<void> {
    this.trace('world', 'is healed');
    this.#isHealed = true;
    this.outages.heal();
    this.supervisor.heal();
    for (const { fleet } of this.upgrades) await this.fleets.setFaults(fleet, []);
    await this.rooms.raiseFallen();
  }

  /** Lets time pass until all upgrades have ended and all is told; false: some did not end. */
  async settle(): Promise<boolean> {
    const end = await this.clock.runUntil(() => this.haveAllEnded(), LIVENESS);
    if (end !== 'HOLDS') this.trace('world', `waits no longer: ${end}`);
    await this.clock.runUntil(() => this.#isAllTold(), LAST_RELAY);
    await this.clock.pass(1_000);
    return end === 'HOLDS';
  }

  /** Lets time pass until what outlives executions is done: kept sets are retired, traffic is even. */
  async letAllBeTidied(): Promise<void> {
    const { orchestrator } = this.#databases;
    const isTidied = (): boolean => armedTimers(orchestrator).every(({ kind }) => !isTidying(kind));
    const end = await this.clock.runUntil(isTidied, LIVENESS);
    // Whoever was heard late has begun with something anew.
    if (!this.haveAllEnded()) return;
    if (end !== 'HOLDS') this.findings.report(`I15: not all is tidied (${end})`);
    for (const upgrade of this.upgrades) {
      const { sets } = await this.rooms.realSets(upgrade);
      if (sets.weight !== null) this.findings.report(`I8: ${upgrade.fleet} is still weighed`);
    }
  }

  #isAllTold(): boolean {
    const databases = Object.values(this.#databases);
    const isSent = databases.every(({ store }) => store.readOutbox(ALL_SHARDS, 1).length === 0);
    // Whoever takes over a shard clears away what its last owner was to be woken by.
    const timers = armedTimers(this.#databases.orchestrator);
    const isAwake = timers.every(({ kind }) => kind !== WAKE);
    // A monitor that was away has yet to read that its watch is over.
    const open = openWatches(this.#databases['canary-monitor']);
    return isSent && isAwake && open.every((id) => !isTerminal(this.execution(id).status));
  }

  haveAllEnded(): boolean {
    this.adopt();
    return this.upgrades.length > 0 && this.upgrades.every((it) => this.hasEnded(it));
  }

  hasEnded({ create }: Upgrade): boolean {
    const execution = this.view.execution(create.id);
    return execution !== null && isTerminal(execution.status);
  }

  /** Looks once more at what can be seen at the end alone. Answers all that was wrong. */
  async judge(): Promise<readonly string[]> {
    this.adopt();
    await this.#watches.ended();
    return this.problems;
  }

  /** Everything that was wrong so far. */
  get problems(): readonly string[] {
    return this.findings.problems;
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
    if (ANSWERS.includes(input)) this.view.judged(executionId);
    for (const row of rows) this.rowsHit.set(row, (this.rowsHit.get(row) ?? 0) + 1);
    this.trace(process.owner, `${input}: ${rows.length === 0 ? kind : rows.join(' → ')}`);
    if (kind === 'IMPOSSIBLE') this.findings.report(`I6: an impossible ${input}`);
    for (const listener of this.#onJudged) listener(judged);
  }

  /* ---------------------------------------------------------------- trace */

  /** A fault has happened. */
  strike(who: string, kind: string, doing: string): void {
    this.struck.set(kind, (this.struck.get(kind) ?? 0) + 1);
    this.trace(who, `! ${kind}: ${doing}`);
  }

  trace(who: string, what: string): void {
    this.#trace.line(who, what);
  }

  /** The same for the same trace. */
  get traceHash(): string {
    return this.#trace.hash;
  }
}
