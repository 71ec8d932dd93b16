/**
 * Every bound of the rules, with its unit last. Bounds of the plumbing stand beside the plumbing.
 */

/** Bounds of what a request may ask for (spec §2). */
export const REQUEST_LIMITS = {
  percentageMin: 1,
  percentageMax: 100,
  batchSizeMax: 10_000,
  batchDelayMaxSeconds: 86_400,
  healthCheckIntervalMaxSeconds: 3_600,
  healthCheckTimeoutMaxSeconds: 86_400,
  totalInstancesMax: 1_000_000,
  failureThresholdMax: 1_000_000,
  initiatedByMaxChars: 200,
  reasonMaxChars: 500,
  installedComponentsMax: 200,
  canaryDurationMinSeconds: 60,
  canaryDurationMaxSeconds: 604_800,
  blueGreenRetentionMaxSeconds: 86_400,
  drainTimeoutMaxSeconds: 86_400,
  smokeTestsMax: 50,
  canaryMetricsMax: 50,
  requiresMax: 100,
  /** Versions, and paths between them, that one component may have. */
  versionsMax: 1_000,
  pathsMax: 5_000,
  /** Other deployments of a tenant that an upgrade's requirements are held against. */
  neighboursMax: 1_000,
  textMaxChars: 5_000,
  nameMaxChars: 200,
  versionMaxChars: 100,
  rangeMaxChars: 200,
  artifactMaxChars: 2_000,
  cursorMaxChars: 200,
  urlMaxChars: 2_000,
  estimatedDurationMaxMinutes: 100_000,
  smokeTestTimeoutMaxSeconds: 600,
  smokeTestBodyMaxBytes: 16_384,
  canaryInitialDelayMaxSeconds: 86_400,
  /** A version's smoke tests and canary metrics as JSON: they travel in a message of at most 1 MB. */
  versionChecksMaxBytes: 131_072,
  artifactsMax: 50,
  idempotencyKeyMaxChars: 200,
  idempotencyKeptMs: 24 * 3_600_000,
  /** An answer that takes longer than this is taken for lost, and its key may be tried again. */
  idempotencyLeaseMs: 60_000,
  bodyMaxBytes: 1_048_576,
  headersMaxBytes: 16_384,
  /** A request must have arrived within this, its headers earlier; looked at so often. */
  requestTimeoutMs: 30_000,
  headersTimeoutMs: 10_000,
  lateCheckMs: 1_000,
  /** Connections of one process, streams among them; one more is not let in. */
  connectionsMax: 1_000,
  /** Objects and arrays in one another; more than any request here means. */
  bodyDepthMax: 32,
  /** Fields at fault that one answer names. */
  problemsShown: 100,
  /** How long a target may take to say how many instances it has. */
  countTimeoutMs: 5_000,
  /** Live streams of events that one process serves. */
  streamsMax: 200,
  streamPollMs: 250,
  streamKeepAliveMs: 15_000,
  pageDefault: 50,
  pageMax: 200,
  instancesShown: 100,
} as const;

/** Defaults of a request (seed 003, spec §2). */
export const REQUEST_DEFAULTS = {
  strategy: 'ROLLING',
  canaryPercentage: 10,
  batchSize: 5,
  batchDelaySeconds: 60,
  healthCheckIntervalSeconds: 30,
  healthCheckTimeoutSeconds: 300,
  maxUnavailablePercentage: 25,
  autoRollbackEnabled: false,
  failureThreshold: 3,
  allowDowntime: false,
  canaryDurationSeconds: 600,
  autoPromote: false,
  blueGreenRetentionSeconds: 600,
} as const;

/** Sets of instances travel between services in pages of at most this many (spec §1). */
export const PAGE_OF_INSTANCES = 1_000;

/** A reading of the target's room older than this is not believed (spec §5, I4). */
export const ROOM_READING_MAX_AGE_MS = 5_000;

/** An instance may be tried this often: once, and once more in the retry round (spec §3). */
export const ATTEMPTS_MAX = 2;

/** Guards fire again from the top until none does; more rounds than this is a bug in the table. */
export const GUARD_ROUNDS_MAX = 16;

/**
 * How long one step of one instance may last before it is FAILED with TIMEOUT. Drain and health
 * have limits of their own in the version and the request; this is the grace the target gets on
 * top to say so. The steps' deadlines run on in a pause.
 */
export const STEP_LIMITS = {
  drainGraceMs: 30_000,
  bringMs: 600_000,
  healthGraceMs: 30_000,
  /** An operation on a set: creating, switching, weighing, or retiring on top of its drain. */
  setOperationMs: 600_000,
  /** Of what a target says why a step failed. */
  reasonMaxChars: 500,
} as const;

/**
 * Deadlines of the machine's statuses, counted from the last progress. They must be longer than
 * drain, bring and health together, or a status would give up on an instance that may still come.
 */
export const STATUS_DEADLINES = {
  /** VALIDATING: listing and checks. */
  validatingMs: 900_000,
  /** IN_PROGRESS, CANARY_RUNNING: on top of one instance's drain, bring and health. */
  progressGraceMs: 300_000,
  /** Post-upgrade checks. */
  postChecksMs: 900_000,
  /** CANARY_MONITORING: three of the monitor's intervals; then it is asked again. */
  canarySilenceMs: 90_000,
  /** ROLLING_BACK: the agent gives a sign of life every 30 s; asked again once after this. */
  rollbackSilenceMs: 120_000,
} as const;

/** What waits for a person says so again after this, and never expires (spec §3). */
export const REMINDER_EVERY_MS = 3_600_000;

/** Instances that nobody knew, named in one event. */
export const APPEARED_NAMED_MAX = 20;

/** Long work says that it lives at least this often (spec §1). */
export const SIGN_OF_LIFE_MS = 30_000;

/** Bounds of the checks before and after an upgrade (spec §6). */
export const VALIDATION_LIMITS = {
  /** A check that has found nothing out by then is FAILED; shorter than the status's deadline. */
  countDeadlineMs: 60_000,
  /** The same for checks that look at every instance, up to a million in pages. */
  listDeadlineMs: 300_000,
  /** The same for smoke tests, all of them together. */
  smokeDeadlineMs: 800_000,
  /** A smoke test without a connection is tried once more, after a pause. */
  smokeAttemptsMax: 2,
  smokeRetryPauseMs: 1_000,
  smokeConnectTimeoutMs: 3_000,
  /** A backup that is older counts for nothing (spec §6)… */
  backupMaxAgeMs: 24 * 3_600_000,
  /** …nor does one from the future, but for what two clocks may be apart. */
  backupSkewMaxMs: 300_000,
  /** Pause before a target that could not be asked is asked again. */
  retryPauseMs: 500,
  retryPauseMaxMs: 5_000,
  /** Evidence names at most this many instances, blockers or warnings… */
  evidenceItemsMax: 20,
  /** …each with a sentence no longer than this. */
  evidenceTextMaxChars: 200,
  summaryMaxChars: 500,
} as const;

/** Bounds of a canary's watch (spec §6). */
export const CANARY_LIMITS = {
  intervalDefaultSeconds: 30,
  intervalMinSeconds: 1,
  intervalMaxSeconds: 3_600,
  /** UNHEALTHY: so many samples in a row failed, or so many in all. */
  failuresInARow: 3,
  failuresInAll: 5,
  /** HEALTHY: so many in a row passed… */
  passesInARow: 3,
  /** …and the last of them is not older than this many intervals. */
  intervalsBelieved: 3,
  /** Samples kept and told, the latest; of all before them the totals alone. */
  samplesKept: 20,
  /** Samples that may go untold while the verdict stays. */
  samplesPerResult: 2,
  /** A result older than this is no reason to keep a new sample back. */
  tellAfterMs: 5_000,
  /** What a sample has not seen by then is an ERROR: at most this, and this share of the interval. */
  sampleDeadlineMaxMs: 10_000,
  sampleDeadlineShare: 0.8,
  /** Pages of canaries that one sample looks at side by side. */
  pagesAtOnce: 4,
  /** A watch nobody has asked for again in this time is over: longer than any duration. */
  lifeMs: 8 * 86_400_000,
  /** A finding names at most this many canaries. */
  namedMax: 5,
  findingNameMaxChars: 200,
  summaryMaxChars: 300,
  reasonMaxChars: 500,
} as const;

/** Bounds of a rollback (spec §6). */
export const ROLLBACK_LIMITS = {
  /** Instances under way at once, whatever the batch size says. */
  underWayMax: 1_000,
  /** Instances looked at in one call of the target. */
  lookMax: 1_000,
  /** Pages of down instances read beside a count of the room. */
  downPagesMax: 10,
  /** Nothing fits because others are down: after this the rest is given up. */
  roomWaitMs: 900_000,
  /** Pause between two counts of a room in which nothing fits. */
  roomPauseMs: 1_000,
  /** Switching back to a set, or retiring one, may be tried this often, with a pause between. */
  setAttemptsMax: 3,
  setRetryPauseMs: 2_000,
  /** Pause between two looks at an operation on a set whose target answers at once. */
  setPauseMs: 100,
  /** Settled instances in one result: even the longest reasons stay under 1 MB. */
  reportMax: 400,
  /** Results written in one transaction. */
  reportsPerDecisionMax: 20,
  reasonMaxChars: 200,
  /** Instances given up in one decision: a transaction must not move a million rows. */
  leftOverPerDecisionMax: 10_000,
} as const;

/** Bounds of a preview (spec §2). */
export const PREVIEW_LIMITS = {
  /** Batches that an answer shows. */
  batchesShown: 200,
  /** Batches that are rehearsed one by one; what follows them is reckoned. */
  batchesRehearsed: 1_000,
  /** Answers a rehearsal gives; more is a bug in the table. */
  roundsMax: 20_000,
  /** Down instances that a count of the room names: as many as the engine looks up. */
  downNamed: 1_000,
  /** Instances that are named of each batch. */
  instancesNamed: 20,
  /** Earlier executions, the newest, whose batches say how long one takes. */
  executionsAsked: 50,
  /** How long the checks of a preview, all side by side, may look at the target. */
  looksTimeoutMs: 10_000,
  /** Pages of instances, of 1,000 each, that a request looks at; the upgrade itself looks at all. */
  pagesMax: 10,
} as const;

/** A million instances in pages: more pages than this are no honest question. */
export const WORK_PAGES_MAX = REQUEST_LIMITS.totalInstancesMax / PAGE_OF_INSTANCES;

/** Working services speak a little earlier than they must, so that a slow commit is no silence. */
export const SPEAK_AFTER_MS = SIGN_OF_LIFE_MS - 10_000;
