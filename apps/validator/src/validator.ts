import type { PlumbingParts } from '#service/service-plumbing.js';
import { WorkingService } from '#service/working-service.js';
import type { TargetDrivers } from '#targets/target.driver.js';
import type { SmokeCaller } from './inbound/smoke-test.client.js';
import { ValidationConsumer } from './inbound/validation.consumer.js';
import { ValidationTicker } from './inbound/validation.ticker.js';
import type { ValidationStore } from './persistence/validation.store.js';
import { ValidationRunner, type RunnerEvents } from './validation.runner.js';

/** What a validator stands on: the real parts in a process, twins under simulation. */
export interface ValidatorParts extends PlumbingParts {
  readonly store: ValidationStore;
  readonly drivers: TargetDrivers;
  /** Left out: this replica calls nobody, and smoke tests fail for that reason. */
  readonly callSmokeTest?: SmokeCaller;
  readonly decided?: RunnerEvents['decided'];
}

const PURGED_AT_ONCE = 50;

const callNobody: SmokeCaller = () => {
  return Promise.resolve({ kind: 'NO_ANSWER', problem: 'this validator makes no calls' });
};

/** One replica of the validator. */
export class Validator extends WorkingService {
  readonly runner: ValidationRunner;
  readonly consumer: ValidationConsumer;
  protected override readonly ticker: ValidationTicker;

  constructor(parts: ValidatorParts) {
    const { store, leases, drivers, clock, callSmokeTest = callNobody } = parts;
    super(parts, async (olderThanMs) => {
      return (await store.purge(olderThanMs, PURGED_AT_ONCE)) === PURGED_AT_ONCE;
    });
    this.runner = new ValidationRunner(store, leases, clock, this.events(parts.decided));
    this.consumer = new ValidationConsumer(this.runner);
    const { runner, onError } = this;
    this.ticker = new ValidationTicker({ runner, drivers, callSmokeTest, clock, leases, onError });
  }
}
