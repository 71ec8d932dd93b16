import type { PlumbingParts } from '#service/service-plumbing.js';
import { WorkingService } from '#service/working-service.js';
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

const PURGED_AT_ONCE = 50;

/** One replica of the canary monitor. */
export class CanaryMonitor extends WorkingService {
  readonly runner: WatchRunner;
  readonly consumer: WatchConsumer;
  protected override readonly ticker: WatchTicker;

  constructor(parts: CanaryMonitorParts) {
    const { store, leases, drivers, prometheus, clock, intervalMs } = parts;
    const { decided, counted = () => undefined } = parts;
    super(parts, async (olderThanMs) => {
      return (await store.purge(olderThanMs, PURGED_AT_ONCE)) === PURGED_AT_ONCE;
    });
    this.runner = new WatchRunner(store, leases, clock, intervalMs, this.events(decided));
    this.consumer = new WatchConsumer(this.runner);
    const { runner, onError } = this;
    this.ticker = new WatchTicker({ runner, drivers, prometheus, clock, onError, counted }, leases);
  }
}
