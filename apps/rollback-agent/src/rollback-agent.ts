import type { PlumbingParts } from '#service/service-plumbing.js';
import { WorkingService } from '#service/working-service.js';
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

const PURGED_AT_ONCE = 5_000;

/** One replica of the rollback agent. */
export class RollbackAgent extends WorkingService {
  readonly runner: RollbackRunner;
  readonly consumer: RollbackConsumer;
  protected override readonly ticker: RollbackTicker;

  constructor(parts: RollbackAgentParts) {
    const { store, leases, drivers, clock, log, decided } = parts;
    super(parts, (olderThanMs) => store.purge(olderThanMs, PURGED_AT_ONCE));
    this.runner = new RollbackRunner(store, leases, clock, this.events(decided));
    this.consumer = new RollbackConsumer(this.runner);
    const { runner, onError } = this;
    this.ticker = new RollbackTicker({ runner, drivers, clock, log, onError }, leases);
  }
}
