/** When samples are taken: at fixed moments, whatever the ones before them took. */

export interface CanaryGrid {
  /** Ms since 1970. */
  readonly beganAtMs: number;
  readonly intervalMs: number;
}

/** Moment `number`, from 1, in ms since 1970. */
export function gridMomentMs({ beganAtMs, intervalMs }: CanaryGrid, number: number): number {
  return beganAtMs + number * intervalMs;
}

/**
 * The moment whose sample is due; null: the next one has not come. Only the latest that has passed
 * can be: its sample is late by less than an interval, and those missed before it are left out.
 */
export function momentDue(grid: CanaryGrid, lastNumber: number, nowMs: number): number | null {
  const passed = Math.floor((nowMs - grid.beganAtMs) / grid.intervalMs);
  return passed >= 1 && passed > lastNumber ? passed : null;
}
