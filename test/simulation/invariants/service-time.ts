import { CLOCK_FIRST_ANSWER_MAX_MS } from '#postgres/postgres-limits.js';

/**
 * A time that a service wrote is the database's as that service knows it: what was seen then may, by
 * the world's time, have been seen so much before.
 */
const OFF_MAX_MS = CLOCK_FIRST_ANSWER_MAX_MS / 2;

/** Whether what happened at `atMs`, by the world's time, was after `writtenMs`, by a service's. */
export function isSince(atMs: number, writtenMs: number): boolean {
  return atMs >= writtenMs - OFF_MAX_MS;
}
