/**
 * How long batches take by themselves: what a preview expects of the next upgrade (spec §2). The
 * moment since when they are worked at moves on with every batch delay, approval and watch, in which
 * nothing is under way. Of one that was paused or waited for room nobody knows how much was work.
 */
import type { Guarded, Stepping } from './execution.js';

/** What `workSinceMs` becomes after nothing was under way for so long; null stays null. */
export function workSinceAfter({ workSinceMs }: Stepping, idleMs: number): number | null {
  // Two replicas may have judged the two ends, each by its own clock.
  return workSinceMs === null ? null : workSinceMs + Math.max(0, idleMs);
}

/**
 * How long one batch took, from the first until the checks after the last: operations on sets and
 * retry rounds included, all that stood between batches not. Null when nobody knows.
 */
export function batchWorkOf(execution: Guarded): number | null {
  const { workSinceMs, postChecksAskedAtMs, batch } = execution;
  if (workSinceMs === null || postChecksAskedAtMs === null || batch === null) return null;
  return Math.max(0, Math.round((postChecksAskedAtMs - workSinceMs) / batch.number));
}
