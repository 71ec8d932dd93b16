/** Every bound of the target drivers, with its unit last. */

/** Most operations in one submit or poll, and most ids in one list (the port's own promise). */
export const OPERATIONS_PER_CALL_MAX = 1_000;
/** Most instances in one page of a listing. */
export const LIST_PAGE_MAX = 1_000;
/** Most ids a caller may name as its own when it asks for room. */
export const ROOM_EXCEPT_MAX = 10_000;
/** Most places one set may have (the port's own promise). */
export const SET_SIZE_MAX = 1_000_000;
/** Most backups a target tells of; the latest ones (the port's own promise). */
export const BACKUPS_MAX = 100;
/** Longest a poll may wait for an operation to end. */
export const POLL_WAIT_MAX_MS = 20_000;

/** Two looks at the health of one instance lie at least this far apart, whatever was asked for. */
export const HEALTH_CHECK_MIN_INTERVAL_MS = 20;
/** A round in which nothing ended is not followed by the next one earlier than this. */
export const ROUND_MIN_INTERVAL_MS = 20;
/** Pause before a target is asked again that failed once; doubled with each time in a row. */
export const RETRY_FIRST_PAUSE_MS = 100;
export const RETRY_PAUSE_MAX_MS = 2_000;

/** Bounds of the `simulated` driver. */
export const SIMULATED_LIMITS = {
  instancesDefault: 10,
  /** As many as an execution may take (spec §2). */
  instancesMax: 1_000_000,
  latencyMaxMs: 600_000,
  seedMax: 2_147_483_647,
  faultsMax: 100,
  faultTimesMax: 1_000_000,
  /** A call that a fault lets hang ends after this, as an unreachable target. */
  hangingCallMs: 5_000,
  /** While a poll waits it looks again this often: faults may be healed meanwhile. */
  pollLookMs: 100,
  /** Ended operations kept for each instance, so that a repeated id begins nothing. */
  outcomesKept: 6,
  /** In volatile mode memory counts for more: the latest operation alone is kept. */
  outcomesKeptVolatile: 0,
  /** Versions remembered for each instance as those it came from. */
  versionsKept: 8,
  /** Entries of the history kept for each fleet; the oldest go first. */
  historyMax: 200_000,
  /** Fleets one in-memory store holds. */
  fleetsMax: 100_000,
  /** Sets one fleet may have at a time. */
  setsMax: 10,
  /** Ended operations on sets kept for each fleet. */
  setOutcomesKept: 20,
  /** Most values one setting may list: metrics, and versions of one of them. */
  metricsMax: 100,
  metricVersionsMax: 100,
  metricNameMaxChars: 2_000,
  metricValueMax: 1e15,
  /** Ten years. */
  backupAgeMaxHours: 87_600,
  /** Rows one look at the down instances reads at a time. */
  rowsPerLook: 10_000,
  /** Rows one statement of the Postgres store makes. */
  rowsPerInsert: 20_000,
  /** Longest a statement of the Postgres store may run. */
  statementTimeoutMs: 5_000,
} as const;

/** Bounds of the `agent` driver and of its contract. */
export const AGENT_LIMITS = {
  urlMaxChars: 500,
  /** Connections to one agent from one process. */
  connectionsPerOrigin: 16,
  connectTimeoutMs: 3_000,
  /** From the request until the whole answer is there; a poll's waiting comes on top. */
  answerTimeoutMs: 10_000,
  requestBodyMaxBytes: 8 * 1024 * 1024,
  responseBodyMaxBytes: 4 * 1024 * 1024,
  tokenMaxChars: 8_192,
  idMaxChars: 200,
  nameMaxChars: 63,
  /** Sets of one fleet. */
  setsMax: 100,
  versionMaxChars: 100,
  reasonMaxChars: 2_000,
  artifactsMax: 50,
  artifactNameMaxChars: 200,
  artifactValueMaxChars: 4_000,
  metricMaxChars: 2_000,
  /** A time as ISO 8601 writes it. */
  timeMaxChars: 40,
  drainTimeoutMaxMs: 86_400_000,
} as const;

/** The `simulated` driver's connections to Postgres. */
export const FLEET_POOL_LIMITS = {
  connectionsMax: 4,
  connectMs: 5_000,
  idleMs: 30_000,
  statementMs: 10_000,
} as const;
