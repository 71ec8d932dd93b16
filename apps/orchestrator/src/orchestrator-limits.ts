/** Bounds of the orchestrator's own machinery, units last. */

export const RUNNER_LIMITS = {
  /** Reports that share one commit at the most. */
  inputsPerCommitMax: 500,
  /** Reports that may wait for a commit; one more is refused and comes again. */
  inputsWaitingMax: 20_000,
} as const;

export const ENGINE_LIMITS = {
  /** How long one round may wait for an operation to end. */
  pollWaitMs: 1_000,
  /** While instances are under way the room is counted this often, so that a batch finds a count. */
  roomEveryMs: 2_000,
  /** Down instances that are looked up by name to go first. */
  downNamedMax: 1_000,
  /** Own instances that are left out of a count of the room. */
  exceptMax: 10_000,
  /** Instances listed per page. */
  listPage: 1_000,
  /** Pause before asking an unreachable target again. */
  retryMs: 500,
  /** Pause before reporting again what met a locked row. */
  busyMs: 10,
  /** How long a target may refuse to be listed before the listing has failed. */
  listingPatienceMs: 60_000,
  /** Leases are looked at this often, beside every change that is told of. */
  takeOverEveryMs: 500,
  /** Timers are looked for this often; at most so many are fired at a time. */
  dueWorkEveryMs: 250,
  dueWorkMax: 500,
} as const;

/** What ended executions have left to be done at their targets. */
export const TIDYING_LIMITS = {
  /** What could not be done is tried again after this. */
  againAfterMs: 60_000,
  /** An instance that does not say which version it runs is asked again for so long. */
  silentAskedForMs: 15 * 60_000,
  /** What finds no place among those that are under way comes again after this. */
  placeAfterMs: 2_000,
  /** So many of them in one process at the same time. */
  atOnceMax: 16,
} as const;

export const HOUSEKEEPING_LIMITS = {
  everyMs: 3_600_000,
  /** Partitions for facts are made this many weeks ahead. */
  factWeeksAhead: 4,
  /** Facts, and so the events of an execution, are kept this long. */
  factsKeptMs: 400 * 86_400_000,
} as const;
