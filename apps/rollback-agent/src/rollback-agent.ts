import { INBOX_KEPT_MS } from '#contracts/topics.js';
import type { DeadLetters } from '#messaging/dead-letters.js';
import type { ServiceLoops } from '#messaging/service-loops.js';
import { Loop } from '#runtime/loop.js';
import { plumbingOf, type PlumbingParts } from '#service/service-plumbing.js';
import type { TargetDrivers } from '#targets/target.driver.js';
import { RollbackConsumer } from './inbound/rollback.consumer.js';
import { RollbackTicker } from './inbound/rollback.ticker.js';
import type { RollbackStore } from './persistence/rollback.store.js';
import { RollbackRunner, type RunnerEvents } from './rollback.runner.js';

/** What a rollback agent stands on: the real parts in a process, twins under simulation. */
export interface RollbackAgentParts extends PlumbingParts {
  readonly store: RollbackStore;
  readonly drivers: TargetDrivers;
  readonly decided?: RunnerEvents['decided'];
}

/** Rollbacks are kept as long as the inbox remembers who asked for them. */
const PURGE_EVERY_MS = 600_000;
const PURGED_AT_ONCE = 5_000;

/** One replica of the rollback agent, put together by hand: no framework, no timers of its own. */
export class RollbackAgent {
  readonly runner: RollbackRunner;
  readonly consumer: RollbackConsumer;
  readonly ticker: RollbackTicker;
  readonly loops: ServiceLoops;
  readonly deadLetters: DeadLetters;
  readonly #purging: Loop;
  #endListening: () => Promise<void> = () => Promise.resolve();

  constructor(private readonly parts: RollbackAgentParts) {
    const { store, leases, drivers, clock, log } = parts;
    const { loops, deadLetters, onError } = plumbingOf(parts);
    this.loops = loops;
    this.deadLetters = deadLetters;
    const committed = (): void => {
      loops.wakeRelay();
    };
    const asked = (executionIds: readonly string[]): void => {
      this.ticker.wake(executionIds);
    };
    const decided = parts.decided ?? ((): void => undefined);
    this.runner = new RollbackRunner(store, leases, clock, { committed, asked, decided });
    this.consumer = new RollbackConsumer(this.runner);
    this.ticker = new RollbackTicker({ runner: this.runner, drivers, clock, log, onError }, leases);
    this.#purging = new Loop('purge', () => this.#purge(), clock, onError);
    loops.onLeases(() => {
      this.ticker.wake();
    });
  }

  /** Begins all loops; the consumer is called by the transport. */
  async start(): Promise<void> {
    this.#endListening = await this.parts.database.listen((executionIds) => {
      this.ticker.wake(executionIds);
    });
    this.loops.start();
    this.ticker.start();
    this.#purging.start();
  }

  /** Shutdown, stage `stopTaking`: begins nothing more, and waits for what is being committed. */
  async stop(): Promise<void> {
    await Promise.all([this.ticker.stop(), this.#purging.stop(), this.#endListening()]);
  }

  async #purge(): Promise<number> {
    const isMore = await this.parts.store.purge(INBOX_KEPT_MS, PURGED_AT_ONCE);
    return isMore ? 0 : PURGE_EVERY_MS;
  }
}
