import { Clock } from '#runtime/clock.js';

/** Time that passes only by sleeping or by being told to: for tests in virtual time. */
export class ManualClock extends Clock {
  #nowMs = 1_000_000;

  override nowMs(): number {
    return this.#nowMs;
  }

  /** The sleeper's time passes at once. */
  override sleep(ms: number): Promise<void> {
    this.pass(ms);
    return Promise.resolve();
  }

  pass(ms: number): void {
    this.#nowMs += Math.max(0, ms);
  }
}
