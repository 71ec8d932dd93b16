import type { ServiceDatabase, ServiceTx } from '#postgres/service-database.js';
import type { ShardLeases } from '#postgres/shard-leases.js';
import { INBOX_KEPT_MS } from '#contracts/topics.js';
import { DatabaseOutbox } from '#messaging/database-outbox.js';
import type { DeadLetters } from '#messaging/dead-letters.js';
import type { MessageProducer } from '#messaging/message-bus.js';
import { noMeter, type MessagingMeter } from '#messaging/messaging-meter.js';
import { OutboxDeadLetters } from '#messaging/outbox-dead-letters.js';
import { OutboxRelay } from '#messaging/outbox-relay.js';
import { ServiceLoops } from '#messaging/service-loops.js';
import type { Clock } from '#runtime/clock.js';
import type { Log } from '#runtime/log.js';
import { Loop } from '#runtime/loop.js';
import type { TargetDrivers } from '#targets/target.driver.js';
import { FleetTicker } from './inbound/fleet.ticker.js';
import { ResultsConsumer } from './inbound/results.consumer.js';
import { HOUSEKEEPING_LIMITS } from './orchestrator-limits.js';
import type { ExecutionStore } from './persistence/execution.store.js';
import { progressOf } from './progress.runner.js';
import { type RunnerEvents } from './upgrade-asked.runner.js';
import { UpgradeRunner } from './upgrade.runner.js';

/** What an orchestrator stands on: the real parts in a process, twins under simulation. */
export interface OrchestratorParts {
  readonly database: ServiceDatabase<ServiceTx>;
  readonly store: ExecutionStore;
  readonly leases: ShardLeases;
  readonly producer: MessageProducer;
  readonly drivers: TargetDrivers;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter?: MessagingMeter;
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
    const { database, store, leases, producer, drivers, clock, log, meter = noMeter } = parts;
    const onError = (err: unknown, loop: string): void => {
      log.warn({ err, loop }, 'a run failed and is made again');
    };
    const outbox = new DatabaseOutbox(database, leases, progressOf(store));
    const relay = new OutboxRelay(outbox, producer, clock, meter);
    this.loops = new ServiceLoops({
      ...{ leases, relay, database, clock, onError },
      inboxKeptMs: INBOX_KEPT_MS,
    });
    this.runner = new UpgradeRunner(store, leases, clock, {
      committed: (change) => {
        this.loops.wakeRelay();
        this.fleet.committed(change);
      },
      decided: parts.decided ?? ((): void => undefined),
      doubted: (executionIds) => {
        this.fleet.told(executionIds);
        this.loops.wakeRelay();
      },
    });
    this.fleet = new FleetTicker({
      ...{ store, runner: this.runner, leases, drivers, clock, log },
      dueTimers: (shards, nowMs, limit) => database.dueTimers(shards, nowMs, limit),
    });
    this.consumer = new ResultsConsumer(this.runner);
    this.deadLetters = new OutboxDeadLetters(database, clock, () => {
      this.loops.wakeRelay();
    });
    this.#housekeeping = new Loop('housekeeping', () => this.#keepHouse(), clock, onError);
    this.loops.onLeases(() => {
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
