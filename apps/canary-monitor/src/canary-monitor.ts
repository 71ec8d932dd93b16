import { INBOX_KEPT_MS } from '#contracts/topics.js';
import type { DeadLetters } from '#messaging/dead-letters.js';
import type { ServiceLoops } from '#messaging/service-loops.js';
import { Loop } from '#runtime/loop.js';
import { plumbingOf, type PlumbingParts } from '#service/service-plumbing.js';
import type { TargetDrivers } from '#targets/target.driver.js';
import type { MetricSource } from './inbound/prometheus.client.js';
import { WatchConsumer } from './inbound/watch.consumer.js';
import { WatchTicker } from './inbound/watch.ticker.js';
import type { WatchStore } from './persistence/watch.store.js';
import { WatchRunner, type RunnerEvents } from './watch.runner.js';

/** What a canary monitor stands on: the real parts in a process, twins under simulation. */
export interface CanaryMonitorParts extends PlumbingParts {
  readonly store: WatchStore;
  readonly drivers: TargetDrivers;
  readonly prometheus: MetricSource;
  /** Between two samples of watches that are asked for here. */
  readonly intervalMs: number;
  readonly decided?: RunnerEvents['decided'];
  /** Told how many watches run in the shards owned here. */
  readonly counted?: (watches: number) => void;
}

/** Watches that have ended are kept as long as the inbox remembers who asked for them. */
const PURGE_EVERY_MS = 600_000;
const PURGED_AT_ONCE = 50;

function toNobody(): void {
  // Nobody counts.
}

/** One replica of the canary monitor, put together by hand: no framework, no timers of its own. */
export class CanaryMonitor {
  readonly runner: WatchRunner;
  readonly consumer: WatchConsumer;
  readonly ticker: WatchTicker;
  readonly loops: ServiceLoops;
  readonly deadLetters: DeadLetters;
  readonly #purging: Loop;
  #endListening: () => Promise<void> = () => Promise.resolve();

  constructor(private readonly parts: CanaryMonitorParts) {
    const { store, leases, drivers, prometheus, clock, intervalMs } = parts;
    const { decided = toNobody, counted = toNobody } = parts;
    const { loops, deadLetters, onError } = plumbingOf(parts);
    this.loops = loops;
    this.deadLetters = deadLetters;
    const committed = (): void => {
      loops.wakeRelay();
    };
    const asked = (executionIds: readonly string[]): void => {
      this.ticker.wake(executionIds);
    };
    const events = { committed, asked, decided };
    this.runner = new WatchRunner(store, leases, clock, intervalMs, events);
    this.consumer = new WatchConsumer(this.runner);
    this.ticker = new WatchTicker(
      { runner: this.runner, drivers, prometheus, clock, onError, counted },
      leases,
    );
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
    const purged = await this.parts.store.purge(INBOX_KEPT_MS, PURGED_AT_ONCE);
    return purged === PURGED_AT_ONCE ? 0 : PURGE_EVERY_MS;
  }
}
