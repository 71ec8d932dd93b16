/**
 * What a sample finds of each thing it looks at. Seeing is the service's business; nothing here
 * asks anybody.
 */
import { CANARY_LIMITS } from '../limits.js';
import { clipped } from '../texts.js';
import type { SampleFinding, SampleOutcome } from './canary-samples.js';
import { worstOf } from './canary-verdict.js';

/** Names the finding about the instances themselves, beside those of the metrics. */
export const HEALTH = 'health';

/** An instance that is watched, and the version it must be on. */
export interface ExpectedCanary {
  readonly id: string;
  readonly version: string;
}

/** An instance as its target sees it. */
export interface SeenCanary {
  readonly id: string;
  readonly version: string | null;
  readonly healthy: boolean;
  readonly problem: string | null;
  /** Nothing could be found out about it. */
  readonly noData?: boolean | undefined;
}

/** What was seen of one page of canaries. `silent`: the target names no instance at all. */
export type PageSight =
  | {
      readonly expected: readonly ExpectedCanary[];
      readonly seen: readonly SeenCanary[] | 'SILENT';
    }
  /** It could not be looked at, for this reason. */
  | { readonly trouble: string };

/** How one page of canaries is. */
export interface PageHealth {
  readonly outcome: SampleOutcome;
  readonly healthy: number;
  /** So many are not fit, and what is wrong with the first of them. */
  readonly unfit: number;
  readonly first: readonly string[];
}

/** Never a pass without having seen each canary, healthy, on its version. */
export function judgePage(sight: PageSight): PageHealth {
  if ('trouble' in sight) return { outcome: 'ERROR', healthy: 0, unfit: 0, first: [sight.trouble] };
  const { expected, seen } = sight;
  if (seen === 'SILENT') {
    const first = expected.length === 0 ? [] : ['the target names no instance at all'];
    return { outcome: 'NO_DATA', healthy: 0, unfit: expected.length, first };
  }
  const byId = new Map(seen.map((one) => [one.id, one]));
  const unfit: string[] = [];
  const outcomes: SampleOutcome[] = [];
  for (const one of expected) {
    const [outcome, problem] = judgeOne(one, byId.get(one.id));
    outcomes.push(outcome);
    if (problem !== null) unfit.push(`${one.id} ${problem}`);
  }
  return {
    outcome: worstOf(outcomes),
    healthy: expected.length - unfit.length,
    unfit: unfit.length,
    first: unfit.slice(0, CANARY_LIMITS.namedMax),
  };
}

function judgeOne(
  { version }: ExpectedCanary,
  seen: SeenCanary | undefined,
): readonly [SampleOutcome, string | null] {
  if (seen === undefined) return ['FAIL', 'is gone'];
  if (seen.noData === true) return ['NO_DATA', seen.problem ?? 'says nothing of itself'];
  if (!seen.healthy) return ['FAIL', `is unhealthy (${seen.problem ?? 'without saying why'})`];
  if (seen.version === null) return ['NO_DATA', 'reports no version'];
  if (seen.version !== version) return ['FAIL', `is on ${seen.version} instead of ${version}`];
  return ['PASS', null];
}

/** Of all pages together; an empty one says nothing. */
export function judgeHealth(all: readonly PageHealth[]): SampleFinding {
  const pages = all.filter((page) => page.healthy + page.first.length > 0);
  const outcome = worstOf(pages.map((page) => page.outcome));
  const sum = (count: (page: PageHealth) => number): number =>
    pages.reduce((total, page) => total + count(page), 0);
  const healthy = sum((page) => page.healthy);
  const first = pages
    .filter((page) => page.outcome === outcome)
    .flatMap((page) => page.first)
    .slice(0, CANARY_LIMITS.namedMax);
  if (outcome === 'PASS') return finding(HEALTH, outcome, `${canaries(healthy)} healthy`);
  if (first.length === 0) return finding(HEALTH, outcome, 'there are no canaries to look at');
  const unfit = sum((page) => page.unfit);
  const counts = unfit === 0 ? '' : `${String(unfit)} of ${canaries(healthy + unfit)}: `;
  return finding(HEALTH, outcome, `${counts}${first.join('; ')}`);
}

function canaries(count: number): string {
  return count === 1 ? '1 canary' : `${String(count)} canaries`;
}

/** A metric of the version, as far as it is judged by. */
export interface CanaryBound {
  readonly name: string;
  readonly bound: number;
  /** On which side of the bound a sample passes; the bound itself passes. */
  readonly direction: 'BELOW' | 'ABOVE';
}

/** A value; null: there is none. */
export type MetricReading = { readonly value: number | null } | { readonly trouble: string };

/** All readings must keep the bound: one for each page of canaries where a target was asked. */
export function judgeMetric(
  metric: CanaryBound,
  readings: readonly MetricReading[],
): SampleFinding {
  const outcomes = readings.map((reading) => outcomeOf(metric, reading));
  const outcome = worstOf(outcomes);
  const values = readings.flatMap((one) =>
    'value' in one && isNumber(one.value) ? [one.value] : [],
  );
  if (outcome === 'ERROR') {
    const trouble = readings.flatMap((one) => ('trouble' in one ? [one.trouble] : []))[0] ?? '';
    return finding(metric.name, outcome, trouble);
  }
  // The one furthest on the wrong side.
  const worst = metric.direction === 'BELOW' ? Math.max(...values) : Math.min(...values);
  if (outcome === 'NO_DATA' || values.length === 0) {
    return finding(metric.name, 'NO_DATA', 'there is no value');
  }
  const { direction, bound } = metric;
  const side = {
    BELOW: { PASS: 'at most', FAIL: 'above' },
    ABOVE: { PASS: 'at least', FAIL: 'below' },
  };
  const summary = `${String(worst)} is ${side[direction][outcome]} ${String(bound)}`;
  return finding(metric.name, outcome, summary, worst);
}

function outcomeOf({ bound, direction }: CanaryBound, reading: MetricReading): SampleOutcome {
  if ('trouble' in reading) return 'ERROR';
  const { value } = reading;
  if (!isNumber(value)) return 'NO_DATA';
  return (direction === 'BELOW' ? value <= bound : value >= bound) ? 'PASS' : 'FAIL';
}

/** NaN and the infinities are what a division by zero leaves: nothing was measured. */
function isNumber(value: number | null): value is number {
  return value !== null && Number.isFinite(value);
}

/** Of a thing that could not be looked at, for `trouble`. */
export function notSeen(of: string, trouble: string): SampleFinding {
  return finding(of, 'ERROR', trouble);
}

function finding(
  of: string,
  outcome: SampleOutcome,
  summary: string,
  value: number | null = null,
): SampleFinding {
  const { findingNameMaxChars, summaryMaxChars } = CANARY_LIMITS;
  return {
    of: clipped(of, findingNameMaxChars),
    outcome,
    value,
    summary: clipped(summary, summaryMaxChars),
  };
}
