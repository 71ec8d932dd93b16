import { RETRY_FIRST_PAUSE_MS, RETRY_PAUSE_MAX_MS } from './target-limits.js';

/** Pause before a target is asked again that could not be asked so many times in a row, from 1. */
export function unreachablePauseMs(timesInARow: number): number {
  return Math.min(RETRY_FIRST_PAUSE_MS * 2 ** Math.min(timesInARow - 1, 10), RETRY_PAUSE_MAX_MS);
}

/**
 * Pause before an operation is submitted again that the target has forgotten so many times. At once
 * when it was the first: the target has restarted. One that forgets again and again must not be
 * flooded.
 */
export function forgottenPauseMs(times: number): number {
  return times <= 1 ? 0 : unreachablePauseMs(times - 1);
}
