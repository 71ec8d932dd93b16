/** Statistics over executions that have ended (seed 003, spec §6). */
import type { FailureCause, Outcome } from './outcome.js';

/** Shares of executions that took no longer: nearest rank, so each is a duration that happened. */
export const PERCENTILES = { p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99 } as const;
export type Percentile = keyof typeof PERCENTILES;

/** A group of outcomes, counted. */
export interface Tally {
  readonly completed: number;
  readonly failed: number;
  readonly rolledBack: number;
  readonly cancelled: number;
  /** Of those that were started; null when none was. */
  readonly averageDurationMs: number | null;
  readonly percentilesMs: Readonly<Record<Percentile, number>> | null;
  /** Null when of none it is known how long its batches took by themselves. */
  readonly batchWork: BatchWork | null;
}

/** How long one batch took by itself, as earlier executions say. */
export interface BatchWork {
  /** By nearest rank: one of them took so long. */
  readonly medianMs: number;
  /** How many executions say so. */
  readonly executions: number;
}

export interface Tallied<Key> {
  readonly key: Key;
  readonly tally: Tally;
}

/** All outcomes and the same by group, in no particular order. */
export interface Tallies {
  readonly all: Tally;
  readonly byStrategy: readonly Tallied<Outcome['strategy']>[];
  readonly byKind: readonly Tallied<Outcome['kind']>[];
  /** By semver of the target version. */
  readonly byVersion: readonly Tallied<string>[];
  readonly byFailure: readonly Tallied<FailureCause>[];
}

export function finishedOf({ completed, failed, rolledBack, cancelled }: Tally): number {
  return completed + failed + rolledBack + cancelled;
}

/** 100 · COMPLETED / (COMPLETED + FAILED + ROLLED_BACK); 0 when none: cancelled ones say nothing. */
export function successRateOf({ completed, failed, rolledBack }: Tally): number {
  const judged = completed + failed + rolledBack;
  return judged === 0 ? 0 : (100 * completed) / judged;
}

export function talliesOf(outcomes: readonly Outcome[]): Tallies {
  return {
    all: tallyOf(outcomes),
    byStrategy: grouped(outcomes, ({ strategy }) => strategy),
    byKind: grouped(outcomes, ({ kind }) => kind),
    byVersion: grouped(outcomes, ({ toVersion }) => toVersion),
    byFailure: grouped(outcomes, ({ failureCause }) => failureCause),
  };
}

function grouped<Key>(
  outcomes: readonly Outcome[],
  keyOf: (outcome: Outcome) => Key | null,
): Tallied<Key>[] {
  const groups = new Map<Key, Outcome[]>();
  for (const outcome of outcomes) {
    const key = keyOf(outcome);
    if (key === null) continue;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [outcome]);
    else group.push(outcome);
  }
  return [...groups].map(([key, group]) => ({ key, tally: tallyOf(group) }));
}

function tallyOf(outcomes: readonly Outcome[]): Tally {
  const count = (status: Outcome['status']): number =>
    outcomes.filter((outcome) => outcome.status === status).length;
  const durations = ascending(outcomes.map(({ durationMs }) => durationMs));
  const sum = durations.reduce((total, durationMs) => total + durationMs, 0);
  return {
    completed: count('COMPLETED'),
    failed: count('FAILED'),
    rolledBack: count('ROLLED_BACK'),
    cancelled: count('CANCELLED'),
    averageDurationMs: durations.length === 0 ? null : sum / durations.length,
    percentilesMs: percentilesOf(durations),
    batchWork: batchWorkOf(ascending(outcomes.map(({ batchWorkMs }) => batchWorkMs))),
  };
}

/** Without those that are not known. */
function ascending(known: readonly (number | null)[]): number[] {
  return known.filter((ms): ms is number => ms !== null).sort((a, b) => a - b);
}

/** @param sorted ascending */
function batchWorkOf(sorted: readonly number[]): BatchWork | null {
  const medianMs = nearestRank(sorted, PERCENTILES.p50);
  return medianMs === undefined ? null : { medianMs, executions: sorted.length };
}

/** The smallest that is not exceeded by this share of them. */
function nearestRank(sorted: readonly number[], share: number): number | undefined {
  return sorted[Math.ceil(share * sorted.length) - 1];
}

/** @param sorted ascending */
function percentilesOf(sorted: readonly number[]): Tally['percentilesMs'] {
  if (sorted.length === 0) return null;
  const at = (share: number): number => nearestRank(sorted, share) ?? 0;
  const { p50, p90, p95, p99 } = PERCENTILES;
  return { p50: at(p50), p90: at(p90), p95: at(p95), p99: at(p99) };
}
