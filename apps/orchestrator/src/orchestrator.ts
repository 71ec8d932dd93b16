import type { DeadLetters } from '#messaging/dead-letters.js';
import type { ServiceLoops } from '#messaging/service-loops.js';
import { Loop } from '#runtime/loop.js';
import { plumbingOf, type PlumbingParts } from '#service/service-plumbing.js';
import type { TargetDrivers } from '#targets/target.driver.js';
import { FleetTicker } from './inbound/fleet.ticker.js';
import { TidyingTicker } from './inbound/tidying.ticker.js';
import { ResultsConsumer } from './inbound/results.consumer.js';
import { HOUSEKEEPING_LIMITS } from './orchestrator-limits.js';
import type { ExecutionStore } from './persistence/execution.store.js';
import { progressOf } from './progress.runner.js';
import { type RunnerEvents } from './upgrade-asked.runner.js';
import { TidyingRunner } from './tidying.runner.js';
import { UpgradeRunner } from './upgrade.runner.js';

/** What an orchestrator stands on: the real parts in a process, twins under simulation. */
export interface OrchestratorParts extends PlumbingParts {
  readonly store: ExecutionStore;
  readonly drivers: TargetDrivers;
  readonly decided?: RunnerEvents['decided'];
}

/** One replica of the orchestrator, put together by hand: no framework, no timers of its own. */
export class Orchestrator {
  readonly runner: UpgradeRunner;
  readonly consumer: ResultsConsumer;
  readonly fleet: FleetTicker;
  readonly loops: ServiceLoops;
  readonly deadLetters: DeadLetters;
  readonly #housekeeping: Loop;
  #endListening: () => Promise<void> = () => Promise.resolve();

  constructor(private readonly parts: OrchestratorParts) {
    const { database, store, leases, drivers, clock, log } = parts;
    const { loops, deadLetters, onError } = plumbingOf(parts, progressOf(parts.store));
    this.loops = loops;
    this.deadLetters = deadLetters;
    this.runner = new UpgradeRunner(store, leases, clock, {
      committed: (change) => {
        loops.wakeRelay();
        this.fleet.committed(change);
      },
      decided: parts.decided ?? ((): void => undefined),
      doubted: (executionIds) => {
        this.fleet.told(executionIds);
        loops.wakeRelay();
      },
    });
    this.fleet = new FleetTicker({
      ...{ store, runner: this.runner, leases, drivers, clock, log },
      tidying: new TidyingTicker({
        ...{ drivers, clock, log },
        tidying: new TidyingRunner(store, clock),
      }),
      dueTimers: (shards, nowMs, limit) => database.dueTimers(shards, nowMs, limit),
    });
    this.consumer = new ResultsConsumer(this.runner);
    this.#housekeeping = new Loop('housekeeping', () => this.#keepHouse(), clock, onError);
    loops.onLeases(() => {
      this.fleet.leasesChanged();
    });
  }

  /** Begins all loops; consumer and REST are called from outside. */
  async start(): Promise<void> {
    this.#endListening = await this.parts.database.listen((executionIds) => {
      this.fleet.told(executionIds);
    });
    this.loops.start();
    this.fleet.start();
    this.#housekeeping.start();
  }

  /** Shutdown, stage `stopTaking`: begins nothing more, and waits for what is being committed. */
  async stop(): Promise<void> {
    await Promise.all([this.fleet.stop(), this.#housekeeping.stop(), this.#endListening()]);
  }

  async #keepHouse(): Promise<number> {
    await this.parts.store.makeRoomForFacts(this.parts.clock.nowMs());
    return HOUSEKEEPING_LIMITS.everyMs;
  }
}
