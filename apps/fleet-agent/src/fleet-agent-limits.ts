/** Every bound of the fleet agent, with its unit last. */

/** Of fleets and their instances. */
export const FLEET_LIMITS = {
  fleetsMax: 100,
  /** Places of one set, and of one fleet as it is declared. */
  instancesMax: 200,
  /** Sets of one fleet. */
  setsMax: 10,
  /** Ended operations kept for each instance, and of each fleet's sets: a repeated id begins nothing. */
  outcomesKept: 8,
  /** Versions whose artifacts are kept for each fleet; the oldest go first. */
  releasesKept: 20,
} as const;

/** Of what arrives over HTTP; the size of bodies is the contract's. */
export const ARRIVAL_LIMITS = {
  headersTimeoutMs: 10_000,
  /** For the whole of a request to arrive; how long it may then be waited for is the poll's. */
  requestTimeoutMs: 30_000,
  /** How often it is looked for those that take longer. */
  lateCheckMs: 1_000,
  connectionsMax: 1_000,
} as const;

/** Of the instances' processes. */
export const PROCESS_LIMITS = {
  /** Until a started process has told its id. */
  tellMs: 5_000,
  /** The same for one whose start was perhaps never begun. */
  tellLateMs: 1_000,
  /** From its start until it listens. */
  listenMs: 120_000,
  /** From SIGTERM to SIGKILL. */
  graceMs: 10_000,
  /** From SIGKILL until it is gone. */
  killMs: 5_000,
  /** Between two looks at a process. */
  lookMs: 25,
  /** Another port is tried so often when somebody else took the chosen one meanwhile. */
  portTries: 3,
  connectMs: 1_000,
  argumentsMax: 100,
  /** A log that is longer than this when a process starts begins anew. */
  logMaxBytes: 5 * 1024 * 1024,
  /** How much of its log is quoted when a process ends at once. */
  logQuotedBytes: 300,
} as const;

/** Of looking at the instances' health. */
export const HEALTH_LIMITS = {
  probeMs: 1_000,
  /** Probes under way at once. */
  concurrency: 32,
  /** A reading serves everybody who asks within this time. */
  cachedMs: 200,
  bodyMaxBytes: 64 * 1024,
} as const;

/** Of the edge proxy. */
export const PROXY_LIMITS = {
  connectionsMax: 10_000,
  /** Connections to one instance. */
  upstreamSocketsMax: 256,
  /** An idle connection to an instance is closed after this, before the instance does. */
  upstreamIdleMs: 4_000,
  /** An idle connection of a client. */
  clientIdleMs: 60_000,
  /** An instance that sends nothing for so long has failed the request. */
  upstreamSilenceMs: 120_000,
  /** Instances one request is offered to. */
  attemptsMax: 4,
  controlBodyMaxBytes: 1024 * 1024,
  /** Longest one drain call waits; the agent asks again. */
  drainWaitMaxMs: 10_000,
  /** A control call of the agent, its waiting not counted. */
  controlCallMs: 5_000,
  /** Until a started proxy answers. */
  startMs: 15_000,
  /** Between two tries to tell it something. */
  retryMs: 100,
  /** What is under way on an instance nobody drained gets so long before its process ends. */
  takeDownWaitMs: 5_000,
  startLookMs: 50,
  /** How often the agent looks whether its proxy lives. */
  watchMs: 500,
} as const;

/** How often the watchdog looks whether the command it guards lives. */
export const WATCHDOG_LOOK_MS = 250;
/** What the watchdog ends has so long before it is killed. */
export const WATCHDOG_GRACE_MS = 2_000;
/** The watchdog is done when it found nothing to end in so many rounds in a row. */
export const WATCHDOG_QUIET_ROUNDS = 6;
