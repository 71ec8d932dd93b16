/** Of what arrives at a port that answers probes alone; the orchestrator's API has its own. */
export const ARRIVAL_LIMITS = {
  bodyMaxBytes: 1_024,
  headersMaxBytes: 16_384,
  headersTimeoutMs: 10_000,
  /** For the whole of a request to arrive. */
  requestTimeoutMs: 30_000,
  /** How often it is looked for those that take longer. */
  lateCheckMs: 1_000,
  connectionsMax: 200,
} as const;
