/**
 * A watch: the canaries of one hand-over of one execution, looked at on a fixed grid until the
 * execution has left CANARY_MONITORING (spec §6). What was looked at long ago is kept as counts.
 */
import { CANARY_LIMITS, SPEAK_AFTER_MS } from '../limits.js';
import type { CanarySample, CanaryVerdict, SampleOutcome, SampleTotals } from './canary-samples.js';
import { gridMomentMs, momentDue } from './canary-grid.js';

/**
 * GATHERING: pages are missing. ENDED: an END came, perhaps before any WATCH. SUPERSEDED: a newer
 * hand-over of the execution was asked for. EXPIRED: nobody asked for it any more; asked for again
 * it runs on.
 */
export type WatchState = 'GATHERING' | 'RUNNING' | 'EXPIRED' | 'ENDED' | 'SUPERSEDED';

export interface CanaryWatch {
  readonly executionId: string;
  readonly handOver: number;
  /** Of the question that was asked last: the one that results answer. */
  readonly commandId: string;
  readonly pages: number;
  /** Pages that are stored, ascending. */
  readonly pagesStored: readonly number[];
  readonly state: WatchState;
  /** Ms since 1970: what the grid and the duration count from. */
  readonly beganAtMs: number;
  readonly durationMs: number;
  /** Between two moments of the grid; stays as it was when the watch was first asked for. */
  readonly intervalMs: number;
  /** When it was last asked for, ms since 1970. */
  readonly askedAtMs: number;
  /** Of the grid: the moment of the last sample; 0: none yet. */
  readonly lastNumber: number;
  readonly totals: SampleTotals;
  /** How the last sample came out, and how many in a row came out so; null before the first. */
  readonly streak: { readonly outcome: SampleOutcome; readonly length: number } | null;
  /** UNHEALTHY is latched. */
  readonly verdict: CanaryVerdict | null;
  /** Why the verdict is what it is, in a sentence. */
  readonly reason: string;
  readonly durationOver: boolean;
  /** The latest, oldest first. */
  readonly samples: readonly CanarySample[];
  /** Samples taken since the last result. */
  readonly untold: number;
  /** Results said so far: the number of the last one. */
  readonly said: number;
  /** Ms since 1970. */
  readonly lastSaidAtMs: number;
}

export type WatchKey = Pick<CanaryWatch, 'executionId' | 'handOver'>;

/** The moment whose sample is to be taken now; null: none is. */
export function sampleDue(watch: CanaryWatch, nowMs: number): number | null {
  return watch.state === 'RUNNING' ? momentDue(watch, watch.lastNumber, nowMs) : null;
}

/** Something is to be said, or to be decided, without a sample. */
export function wordDue(watch: CanaryWatch, nowMs: number): boolean {
  if (watch.state !== 'RUNNING') return false;
  const overNow = !watch.durationOver && isDurationOver(watch, nowMs);
  return overNow || mustSpeak(watch, nowMs) || isExpired(watch, nowMs) || isStale(watch, nowMs);
}

/** How long until there may be something to do again, in ms; 0: there is something now. */
export function pauseMs(watch: CanaryWatch, nowMs: number): number {
  if (sampleDue(watch, nowMs) !== null || wordDue(watch, nowMs)) return 0;
  const passed = Math.floor((nowMs - watch.beganAtMs) / watch.intervalMs);
  const momentMs = gridMomentMs(watch, Math.max(0, passed, watch.lastNumber) + 1);
  const durationMs = watch.durationOver ? Infinity : watch.beganAtMs + watch.durationMs;
  const nextMs = Math.min(momentMs, durationMs, watch.lastSaidAtMs + SPEAK_AFTER_MS);
  // After a jump of the clock these may lie far off, and a word is due within the usual time.
  return Math.min(SPEAK_AFTER_MS, Math.max(1, nextMs - nowMs));
}

/** A sign of life is due. A clock that jumped, either way, brings one too many, never silence. */
export function mustSpeak(watch: CanaryWatch, nowMs: number): boolean {
  return Math.abs(nowMs - watch.lastSaidAtMs) >= SPEAK_AFTER_MS;
}

export function isDurationOver(watch: CanaryWatch, nowMs: number): boolean {
  return nowMs >= watch.beganAtMs + watch.durationMs;
}

/** Nobody wants to know any more. */
export function isExpired(watch: CanaryWatch, nowMs: number): boolean {
  return nowMs - watch.askedAtMs >= CANARY_LIMITS.lifeMs;
}

/** HEALTHY, by samples that say nothing of now. (By a clock that was put back neither.) */
export function isStale(watch: CanaryWatch, nowMs: number): boolean {
  const lastAtMs = watch.samples.at(-1)?.atMs ?? nowMs;
  const believedMs = CANARY_LIMITS.intervalsBelieved * watch.intervalMs;
  return watch.verdict === 'HEALTHY' && Math.abs(nowMs - lastAtMs) > believedMs;
}
