import { INBOX_KEPT_MS } from '#contracts/topics.js';
import type { DeadLetters } from '#messaging/dead-letters.js';
import type { ServiceLoops } from '#messaging/service-loops.js';
import { Loop } from '#runtime/loop.js';
import { plumbingOf, type PlumbingParts } from '#service/service-plumbing.js';
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

/** Ended validations are kept as long as the inbox remembers who asked for them. */
const PURGE_EVERY_MS = 600_000;
const PURGED_AT_ONCE = 50;

const callNobody: SmokeCaller = () => {
  return Promise.resolve({ kind: 'NO_ANSWER', problem: 'this validator makes no calls' });
};

/** One replica of the validator, put together by hand: no framework, no timers of its own. */
export class Validator {
  readonly runner: ValidationRunner;
  readonly consumer: ValidationConsumer;
  readonly ticker: ValidationTicker;
  readonly loops: ServiceLoops;
  readonly deadLetters: DeadLetters;
  readonly #purging: Loop;
  #endListening: () => Promise<void> = () => Promise.resolve();

  constructor(private readonly parts: ValidatorParts) {
    const { store, leases, drivers, clock } = parts;
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
    this.runner = new ValidationRunner(store, leases, clock, { committed, asked, decided });
    this.consumer = new ValidationConsumer(this.runner);
    const { callSmokeTest = callNobody } = parts;
    const { runner } = this;
    this.ticker = new ValidationTicker({ runner, drivers, callSmokeTest, clock, leases, onError });
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
