/** Bounds of the questions put to Prometheus; how long one may take is the sample's deadline. */
export const PROMETHEUS_LIMITS = {
  /** From one replica; more questions wait in the process, within their deadlines. */
  connections: 32,
  connectTimeoutMs: 3_000,
  /** One value takes a few hundred bytes; room for a sentence about what was wrong instead. */
  answerMaxBytes: 262_144,
  /** Beyond any sample's deadline, which is what ends a silent answer. */
  silenceMs: 15_000,
  errorMaxChars: 200,
} as const;
