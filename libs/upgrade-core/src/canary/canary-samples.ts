/** What a canary's watch says: samples, and the verdict that follows from them (spec §6). */

/** PASS and FAIL are seen; NO_DATA and ERROR are neither, and never a pass (I9). */
export const SAMPLE_OUTCOMES = ['PASS', 'FAIL', 'NO_DATA', 'ERROR'] as const;
export type SampleOutcome = (typeof SAMPLE_OUTCOMES)[number];

export const CANARY_VERDICTS = ['HEALTHY', 'UNHEALTHY', 'INCONCLUSIVE'] as const;
export type CanaryVerdict = (typeof CANARY_VERDICTS)[number];

/** What one sample found of one thing it looked at. */
export interface SampleFinding {
  /** `health`, or the metric's name. */
  readonly of: string;
  readonly outcome: SampleOutcome;
  /** The metric's value; null where there is none. */
  readonly value: number | null;
  /** In a sentence. */
  readonly summary: string;
}

/** One look at the canaries, at one moment of the grid. */
export interface CanarySample {
  /** 1, 2, 3…: which moment of the grid. One that was missed leaves a gap. */
  readonly number: number;
  readonly atMs: number;
  readonly outcome: SampleOutcome;
  readonly findings: readonly SampleFinding[];
}

/** Samples taken so far, by outcome. */
export type SampleTotals = Readonly<Record<SampleOutcome, number>>;
