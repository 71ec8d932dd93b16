/** Bounds of `npm run doctor`, with their units. */
export const DOCTOR_LIMITS = {
  /** Rows read in one statement. */
  rowsPerPage: 2_000,
  /** Executions, work rows and deployments that one run compares; beyond them it says so. */
  executionsMax: 100_000,
  workRowsMax: 200_000,
  deploymentsMax: 5_000,
  /** Messages of one topic, the newest; and how long reading it may take. */
  messagesMax: 2_000_000,
  topicReadMs: 120_000,
  /** One statement, and one connection to the database. */
  statementMs: 30_000,
  connectMs: 5_000,
  /** Targets that are asked side by side, and how long one may take for all its instances. */
  targetsAtOnce: 8,
  targetMs: 30_000,
  targetPage: 1_000,
  targetInstancesMax: 100_000,
  /** Instances one finding names. */
  namedMax: 10,
  /** Younger than the topic keeps its events, with a day to spare. */
  eventsKeptMs: 6 * 86_400_000,
  /** A timer that is later than this is looked after by nobody. */
  timerLateMs: 60_000,
  /** Deadlines are judged by clocks: farther apart than this they mislead. */
  clocksApartMs: 2_000,
  /** What is waiting is looked at twice, at least so far apart. */
  secondLookMs: 3_000,
  /**
   * Epochs are raised by this beyond the highest known one. A take-over raises one by 1 and comes
   * twice a second at most: what a backup has forgotten in five days of nothing else stays below.
   */
  epochLeap: 1_000_000,
} as const;
