import { SLEEP_MAX_MS } from './runtime-limits.js';

/**
 * Where time comes from. Everything that waits does so through a clock, so that the same code runs
 * in virtual time under simulation.
 */
export abstract class Clock {
  /**
   * Milliseconds since 1970-01-01 UTC, whole. May jump forward (`SystemClock`: either way): never
   * the judge of a lease or a fence.
   */
  abstract nowMs(): number;

  /**
   * Waits `ms` milliseconds; zero or less gives way once and comes back. Resolves early when
   * `signal` is aborted and never rejects: who needs to know looks at the signal.
   */
  abstract sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/**
 * The machine's clock, which may be off and may be set: for tools, and for processes that share no
 * deadline with another. Services decide by the database's (`DatabaseClock`).
 */
export class SystemClock extends Clock {
  override nowMs(): number {
    return Date.now();
  }

  override sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    // A timer of 0 ms takes a whole millisecond; giving way must not cost a busy loop that much.
    if (!(ms > 0)) return new Promise((resolve) => setImmediate(resolve));
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const timer = setTimeout(wake, Math.min(ms, SLEEP_MAX_MS));
      signal?.addEventListener('abort', wake, { once: true });
    });
  }
}
