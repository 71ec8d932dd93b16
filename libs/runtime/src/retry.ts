import type { Clock } from './clock.js';
import { RETRY_FIRST_PAUSE_MS, RETRY_PAUSE_MAX_MS } from './runtime-limits.js';

/** How `retryTransient` goes about it. */
export interface RetryOptions {
  /** Whether the fault may pass by itself; anything else is thrown at once. */
  readonly isTransient: (error: unknown) => boolean;
  readonly clock: Clock;
  /** 0 ≤ random() < 1; injected, so that a simulation repeats itself. */
  readonly random: () => number;
  /** After this many ms no further try begins; Infinity: as long as the process lives. */
  readonly limitMs: number;
  readonly firstPauseMs?: number;
  readonly maxPauseMs?: number;
  /** Told of every failure that is followed by another try. */
  readonly onRetry?: (error: unknown, attempt: number, pauseMs: number) => void;
  /** Aborted: no further try begins, the last error is thrown. */
  readonly signal?: AbortSignal;
}

/**
 * Tries `work` until it succeeds, fails for good, or the time is up; then the last error is thrown.
 * `attempt` counts from 1.
 *
 * Our own and not cockatiel's, because that one waits by the machine's timers and draws its jitter
 * from Math.random: under a virtual clock it would hang, and a seed would not repeat.
 */
export async function retryTransient<T>(
  work: (attempt: number) => Promise<T>,
  options: RetryOptions,
): Promise<T> {
  const { clock, signal, limitMs } = options;
  const startedMs = clock.nowMs();
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work(attempt);
    } catch (error) {
      const pauseMs = pauseBeforeRetryMs(attempt, options.random, options);
      const isOver = clock.nowMs() - startedMs + pauseMs > limitMs;
      if (isOver || isAborted(signal) || !options.isTransient(error)) throw error;
      options.onRetry?.(error, attempt, pauseMs);
      await clock.sleep(pauseMs, signal);
      if (isAborted(signal)) throw error;
    }
  }
}

/**
 * The pause after the `attempt`-th failure in ms: doubled each time up to the maximum, then half of
 * it fixed and half by chance, so that many who failed together do not come back together.
 */
export function pauseBeforeRetryMs(
  attempt: number,
  random: () => number,
  bounds: { readonly firstPauseMs?: number; readonly maxPauseMs?: number } = {},
): number {
  const firstMs = bounds.firstPauseMs ?? RETRY_FIRST_PAUSE_MS;
  const maxMs = bounds.maxPauseMs ?? RETRY_PAUSE_MAX_MS;
  const fullMs = Math.min(maxMs, firstMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round((fullMs / 2) * (1 + random()));
}

/** Asked by a function, because the compiler takes the answer of a property for lasting. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
