/** HEALTH_ENDPOINTS and POST_UPGRADE_STATE: every instance is looked at, and only counts are kept. */
import { VALIDATION_LIMITS } from '../limits.js';
import { clipEvidence, judged, type Judgement } from './judgement.js';

/** An instance as its target sees it at this moment. */
export interface SeenInstance {
  readonly id: string;
  readonly version: string | null;
  readonly admitted: boolean;
  readonly healthy: boolean;
  readonly problem: string | null;
}

/** An instance that is not as it should be, and how. */
export interface Offender {
  readonly id: string;
  readonly problem: string;
}

function withOffender(first: readonly Offender[], id: string, problem: string): Offender[] {
  if (first.length >= VALIDATION_LIMITS.evidenceItemsMax) return [...first];
  return [...first, { id: clipEvidence(id), problem: clipEvidence(problem) }];
}

function named(first: readonly Offender[]): string {
  return first.map(({ id, problem }) => `${id} (${problem})`).join(', ');
}

/* ------------------------------------------------------------------ HEALTH_ENDPOINTS */

/** Counts over the pages seen so far: never the instances themselves. */
export interface HealthTally {
  readonly listed: number;
  readonly unhealthy: number;
  /** Healthy, but no new requests are routed to them. */
  readonly notAdmitted: number;
  readonly first: readonly Offender[];
}

export const NOTHING_SEEN: HealthTally = { listed: 0, unhealthy: 0, notAdmitted: 0, first: [] };

export function tallyHealth(tally: HealthTally, page: readonly SeenInstance[]): HealthTally {
  let { unhealthy, notAdmitted, first } = tally;
  for (const seen of page) {
    if (!seen.healthy) {
      unhealthy += 1;
      first = withOffender(first, seen.id, seen.problem ?? 'does not answer');
    } else if (!seen.admitted) {
      notAdmitted += 1;
    }
  }
  return { listed: tally.listed + page.length, unhealthy, notAdmitted, first };
}

/**
 * Each instance answers now. One that is healthy but stands outside the traffic answers too: that
 * is a warning, because somebody has probably taken it out on purpose.
 *
 * @param expected how many the target should have; null when nobody knows
 */
export function judgeHealth(tally: HealthTally, expected: number | null): Judgement {
  const { listed, unhealthy, notAdmitted, first } = tally;
  const evidence = { listed, expected, unhealthy, notAdmitted, firstUnhealthy: first };
  if (listed === 0) return judged('FAILED', 'the target lists no instances', evidence);
  if (unhealthy > 0) {
    const counts = `${String(unhealthy)} of ${String(listed)} instances do not answer well`;
    return judged('FAILED', `${counts}: ${named(first)}`, evidence);
  }
  if (expected !== null && listed < expected) {
    const summary = `only ${String(listed)} of ${String(expected)} instances are there`;
    return judged('FAILED', summary, evidence);
  }
  if (notAdmitted > 0) {
    const summary = `${String(notAdmitted)} of ${String(listed)} instances get no traffic`;
    return judged('WARNING', summary, evidence);
  }
  return judged('PASSED', `all ${String(listed)} instances answer`, evidence);
}

/* ------------------------------------------------------------------ POST_UPGRADE_STATE */

/** A taken instance and the version it must be on. */
export interface ExpectedInstance {
  readonly id: string;
  readonly version: string;
}

export interface StateTally {
  readonly expected: number;
  readonly asExpected: number;
  readonly missing: number;
  readonly onAnotherVersion: number;
  readonly unhealthy: number;
  readonly notAdmitted: number;
  readonly first: readonly Offender[];
}

export const NOTHING_COMPARED: StateTally = {
  expected: 0,
  asExpected: 0,
  missing: 0,
  onAnotherVersion: 0,
  unhealthy: 0,
  notAdmitted: 0,
  first: [],
};

type StateCount = Exclude<keyof StateTally, 'expected' | 'first'>;

/** Compares a page of taken instances with what the target says of exactly those. */
export function tallyState(
  tally: StateTally,
  expected: readonly ExpectedInstance[],
  page: readonly SeenInstance[],
): StateTally {
  const seenById = new Map(page.map((seen) => [seen.id, seen]));
  const next = { ...tally, expected: tally.expected + expected.length };
  for (const instance of expected) {
    const [count, problem] = compareState(instance, seenById.get(instance.id));
    next[count] += 1;
    if (problem !== null) next.first = withOffender(next.first, instance.id, problem);
  }
  return next;
}

function compareState(
  { version }: ExpectedInstance,
  seen: SeenInstance | undefined,
): [StateCount, string | null] {
  if (seen === undefined) return ['missing', 'is not there any more'];
  if (seen.version !== version) {
    return ['onAnotherVersion', `is on ${seen.version ?? 'no known version'}, not ${version}`];
  }
  if (!seen.healthy) return ['unhealthy', seen.problem ?? 'is not healthy'];
  return seen.admitted ? ['asExpected', null] : ['notAdmitted', 'gets no traffic'];
}

/** Listed instances, counted over pages, that are not on the target version. */
export interface Outsiders {
  readonly listed: number;
  readonly notOnVersion: number;
  readonly first: readonly Offender[];
  /** The list was read to its end. */
  readonly isComplete: boolean;
}

export const NOBODY_LISTED: Outsiders = {
  listed: 0,
  notOnVersion: 0,
  first: [],
  isComplete: false,
};

/**
 * Whoever is not on the version. Nobody is looked up among the taken ones: those were seen on it a
 * moment ago, and one that has left it since is told like any other.
 *
 * @param version semver; one that does not say its version is not known to be on it
 */
export function tallyOutsiders(
  tally: Outsiders,
  page: readonly SeenInstance[],
  version: string,
): Outsiders {
  let { notOnVersion, first } = tally;
  for (const seen of page) {
    if (seen.version === version) continue;
    notOnVersion += 1;
    first = withOffender(first, seen.id, `is on ${seen.version ?? 'no known version'}`);
  }
  return { ...tally, listed: tally.listed + page.length, notOnVersion, first };
}

/**
 * Every taken instance on its version, healthy and admitted; one that is not is enough to fail.
 *
 * Where all there were are taken, whoever else the target lists by now on another version is a
 * WARNING, and so is a list that could not be read to its end: the upgrade did what it was to do,
 * but the deployment's current version does not move (spec §2; `versionReached` in ends.ts).
 *
 * @param outsiders null: some were left out at the start, so nothing follows from who is listed
 */
export function judgeState(tally: StateTally, outsiders: Outsiders | null = null): Judgement {
  const { first, ...counts } = tally;
  const evidence = { ...counts, firstNotAsExpected: first };
  if (tally.expected === 0) return judged('FAILED', 'there was no instance to look at', evidence);
  const off = tally.expected - tally.asExpected;
  if (off > 0) {
    const summary = `${String(off)} of ${String(tally.expected)} instances are not as they should be`;
    return judged('FAILED', `${summary}: ${named(first)}`, evidence);
  }
  const passed = `all ${String(tally.expected)} instances are on their version, healthy and admitted`;
  if (outsiders === null) return judged('PASSED', passed, evidence);
  const { notOnVersion, isComplete, ...seen } = outsiders;
  const all = { ...evidence, listed: seen.listed, notOnVersion, firstNotOnVersion: seen.first };
  if (notOnVersion > 0) {
    const others = `${String(notOnVersion)} others that the target lists are not on that version`;
    return judged('WARNING', `${passed}; ${others}: ${named(seen.first)}`, all);
  }
  if (isComplete) return judged('PASSED', passed, all);
  return judged('WARNING', `${passed}; who else is listed could not be seen in time`, all);
}
