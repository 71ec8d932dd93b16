/** Bounds of the loops every service has alike, with their units. */

/** How often rests of relayed rows are cleared away. */
export const OUTBOX_RECLAIM_MS = 10_000;
/** How often old inbox keys are forgotten, and how many in one transaction. */
export const INBOX_PURGE_MS = 60_000;
export const INBOX_PURGED_AT_ONCE = 5_000;
/** Runs of the relay at the end of a process; what is left by then is the next owner's. */
export const RELAY_FLUSH_RUNS_MAX = 20;
