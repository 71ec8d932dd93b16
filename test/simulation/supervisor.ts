/** Starts the processes of all services, and starts them again when they have died. */
import type { MemoryBus } from '#messaging/memory-bus.js';
import type { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import type { InMemoryFleetStore } from '#targets/in-memory-fleet.store.js';
import type { SimulatedTargets } from '#targets/simulated-targets.js';
import type { ShardLeases } from '#postgres/shard-leases.js';
import type { TargetDrivers } from '#targets/target.driver.js';
import type { SeededRandom } from '#testing/seeded-random.js';
import type { VirtualClock } from '#testing/virtual-clock.js';
import type { MetricSource } from '../../apps/canary-monitor/src/inbound/prometheus.client.js';
import type { Judged } from '../../apps/orchestrator/src/upgrade-asked.runner.js';
import type { FaultPlan } from './fault-plan.js';
import type { Watch } from './invariants/invariant.js';
import type { Outages } from './outages.js';
import type { Place, PlantedPorts } from './planted-bugs/planted-bug.js';
import { BUILD, memoryStoreOf, SERVICES, type Built } from './services.js';
import { watchedDatabase } from './watched-database.js';
import { WatchedLeases } from './watched-leases.js';
import { ProcessMetrics } from './simulated-metrics.js';
import { smokeCallerOf } from './simulated-smoke-tests.js';
import { SimulatedProcess, type ServiceName } from './simulated-process.js';

const RESTART_MAX_MS = 8_000;

/** Where an operator's requests arrive. */
export type Desk = Required<Pick<Built, 'orchestrator' | 'creation' | 'reversal'>>;

interface Running {
  readonly process: SimulatedProcess;
  readonly built: Built;
}

export interface SupervisorParts {
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  readonly bus: MemoryBus;
  readonly fleets: InMemoryFleetStore;
  readonly simulated: SimulatedTargets;
  readonly databases: Readonly<Record<ServiceName, MemoryServiceDatabase>>;
  readonly faults: FaultPlan;
  /** Of the bug that is planted in this world. */
  readonly planted: PlantedPorts;
  readonly prometheus: MetricSource;
  /** The targets as this process reaches them. */
  readonly driversOf: (process: SimulatedProcess, place: Place) => TargetDrivers;
  readonly decided: (process: SimulatedProcess, judged: Judged) => void;
  readonly watches: Required<Pick<Watch, 'answered' | 'believed' | 'overtaken' | 'rolledBack'>>;
  readonly outages: Outages;
  readonly struck: (who: string, kind: string, doing: string) => void;
  readonly slow: (process: SimulatedProcess, doing: string) => void;
  readonly trace: (who: string, what: string) => void;
}

export class Supervisor {
  readonly #down = new Set<ServiceName>();
  readonly #running = new Map<string, Running>();
  #starts = 0;
  #isHealed = false;

  constructor(private readonly parts: SupervisorParts) {}

  /** Starts every service, as often as the fault plan wants replicas. */
  startAll(): void {
    for (const service of SERVICES) this.#startReplicas(service);
  }

  /** Dead at once; another one is started after a while. */
  kill(process: SimulatedProcess, doing = 'anything'): void {
    if (!process.isAlive) return;
    const { parts } = this;
    parts.trace(process.owner, `dies at ${doing}`);
    process.kill(parts.databases[process.service], parts.bus);
    this.#running.delete(process.owner);
    if (this.#down.has(process.service)) return;
    const restartInMs = this.#isHealed ? 0 : parts.random.between(0, RESTART_MAX_MS);
    parts.clock.at(parts.clock.nowMs() + restartInMs, () => {
      if (!this.#down.has(process.service)) this.#launch(process.service);
    });
  }

  /** The whole service is away, until `up`. */
  down(service: ServiceName): void {
    this.#down.add(service);
    for (const process of this.processes(service)) this.kill(process, 'its end');
  }

  up(service: ServiceName): void {
    if (this.#down.delete(service)) this.#startReplicas(service);
  }

  /** Faults end: everyone runs. */
  heal(): void {
    this.#isHealed = true;
    for (const { process } of this.#running.values()) process.thaw();
    for (const service of [...this.#down]) this.up(service);
  }

  processes(service?: ServiceName): SimulatedProcess[] {
    return [...this.#running.values()]
      .map(({ process }) => process)
      .filter((process) => service === undefined || process.service === service);
  }

  process(owner: string): SimulatedProcess | undefined {
    return this.#running.get(owner)?.process;
  }

  /** An orchestrator that answers, if there is one. */
  desk(): Desk | undefined {
    for (const { process, built } of this.#running.values()) {
      if (process.isRunning && built.orchestrator !== undefined) return built as Desk;
    }
    return undefined;
  }

  #startReplicas(service: ServiceName): void {
    for (let replica = 0; replica < this.parts.faults.replicas; replica += 1) {
      this.#launch(service);
    }
  }

  #launch(service: ServiceName): void {
    const { parts } = this;
    const { faults, planted, bus, fleets, simulated, watches } = parts;
    this.#starts += 1;
    const owner = `${service}-${String(this.#starts)}`;
    const process = this.#newProcess(service, owner);
    const view = parts.databases[service].viewFor(owner, process.databaseIo(faults.database));
    const place = { service, owner, bus, fleets };
    const honest = bus.producer(owner);
    const producer = planted.producer?.(honest, place) ?? honest;
    const database = watchedDatabase(planted.database?.(view, place, producer) ?? view, (found) => {
      watches.overtaken(owner, found);
    });
    const drivers = parts.driversOf(process, place);
    const prometheus = new ProcessMetrics(process, parts.prometheus, faults.metrics);
    const decided = (judged: Judged): void => {
      parts.decided(process, judged);
    };
    const { store: storeOf = memoryStoreOf } = planted;
    const leasesOf = (leases: ShardLeases): ShardLeases =>
      new WatchedLeases(planted.leases?.(leases) ?? leases, process.monotonicMs, (overForMs) => {
        watches.believed(owner, overForMs);
      });
    const ground = { process, database, producer, drivers, decided, storeOf, prometheus };
    const calls = smokeCallerOf(process, faults.target, (answer) => {
      watches.answered(answer);
    });
    const callSmokeTest = planted.smokeTests?.(calls) ?? calls;
    const built = BUILD[service]({ ...ground, simulated, leasesOf, watches, callSmokeTest });
    this.#running.set(owner, { process, built });
    parts.trace(owner, 'starts');
    void this.#begin(process, built);
  }

  #newProcess(service: ServiceName, owner: string): SimulatedProcess {
    const { clock, random, faults, slow, outages, struck } = this.parts;
    return new SimulatedProcess(service, owner, {
      ...{ clock, slow, outages, struck, random: random.fork(), skewsMs: faults.skewsMs },
      isFaulty: () => !this.#isHealed,
      die: (dying, doing) => {
        this.kill(dying, doing);
      },
    });
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
    const { bus, planted } = this.parts;
    for (const { topic, take } of consumes) {
      const taken = planted.consumer?.(take) ?? take;
      bus.consume(process.owner, process.service, [topic], taken, { deadLetters });
    }
  }
}
