/** Every bound of this library, with its unit. */

/** Longest single sleep a timer of Node can hold (2^31 - 1 ms, 24.8 days); longer ones are cut. */
export const SLEEP_MAX_MS = 2_147_483_647;

/** Longest pause of a loop between two runs; a loop that is never woken still looks once an hour. */
export const LOOP_PAUSE_MAX_MS = 3_600_000;
/** Pause after the first failed run of a loop; doubled with each further failure in a row. */
export const LOOP_BACKOFF_FIRST_MS = 50;
/** Longest pause after failed runs: a database that comes back is noticed within a second. */
export const LOOP_BACKOFF_MAX_MS = 1_000;

/** Pause before the second try of a transient fault, when nothing else is said. */
export const RETRY_FIRST_PAUSE_MS = 50;
/** Longest pause between two tries, when nothing else is said. */
export const RETRY_PAUSE_MAX_MS = 2_000;

/** How long a service may take to end in good order, when SHUTDOWN_TIMEOUT_MS is not set. */
export const SHUTDOWN_TIMEOUT_DEFAULT_MS = 10_000;
/** Longest SHUTDOWN_TIMEOUT_MS that is accepted. */
export const SHUTDOWN_TIMEOUT_MAX_MS = 600_000;

/** Exit code for a configuration that cannot be used (EX_CONFIG of sysexits.h). */
export const EXIT_CONFIG = 78;
