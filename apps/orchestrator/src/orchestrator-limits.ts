/** Bounds of the orchestrator's own machinery, units last. */

export const RUNNER_LIMITS = {
  /** Reports that share one commit at the most. */
  inputsPerCommitMax: 500,
  /** Reports that may wait for a commit; one more is refused and comes again. */
  inputsWaitingMax: 20_000,
} as const;

export const ENGINE_LIMITS = {
  /** Calls to targets at one time, over all executions. */
  targetCallsMax: 64,
  /** How long one round may wait for an operation to end. */
  pollWaitMs: 1_000,
  /** While instances are under way the room is counted this often, so that a batch finds a count. */
  roomEveryMs: 2_000,
  /** Down instances that are looked up by name to go first. */
  downNamedMax: 1_000,
  /** Instances listed per page. */
  listPage: 1_000,
  /** Pause before asking an unreachable target, or a busy row, again. */
  retryMs: 200,
  busyMs: 10,
  /** How long a target may refuse to be listed before the listing has failed. */
  listingPatienceMs: 60_000,
} as const;

export const DUE_WORK_LIMITS = { everyMs: 250, perRunMax: 500 } as const;
