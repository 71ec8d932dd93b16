/**
 * The way from one version to another (spec §6): patch and adjacent minor upgrades are direct,
 * anything else takes registered paths, which add edges.
 *
 * Adjacent is the next minor by its number, whether it was registered or not: from 1.2 to 1.4 a
 * minor is skipped even where nobody has registered a 1.3.
 *
 * The fewest steps win. Among equally short ways, in this order: the one with fewer steps that
 * need downtime, over fewer pre-releases, over fewer DEPRECATED versions, with fewer steps registered
 * as not tested, with more registered as tested, over more versions that are recommended or LTS, over
 * the lower version where they part. What the goal itself is counts for every way alike.
 */
import type { JudgedVersion, RegisteredPath, UpgradeStep, UpgradeType } from './compatibility.js';
import { compareVersions, isPreRelease, parseVersion, type SemVer } from './semver.js';

interface Node {
  readonly version: JudgedVersion;
  readonly semver: SemVer;
}

/** A way from the beginning to its last node, with what it is compared by. */
interface Way {
  readonly last: Node;
  readonly before: Way | null;
  readonly step: UpgradeStep | null;
  readonly downtimes: number;
  readonly preReleases: number;
  readonly deprecated: number;
  readonly untested: number;
  readonly tested: number;
  /** Versions on it that are recommended or LTS. */
  readonly preferred: number;
}

const NOTHING_COUNTED = {
  downtimes: 0,
  preReleases: 0,
  deprecated: 0,
  untested: 0,
  tested: 0,
  preferred: 0,
} as const;

/** How far two versions lie apart, in either direction. */
export function upgradeTypeOf(from: SemVer, to: SemVer): UpgradeType {
  if (from.major !== to.major) return 'MAJOR';
  return from.minor === to.minor ? 'PATCH' : 'MINOR';
}

/** Whether the step needs nobody to register it: upwards, in one major, at most to the next minor. */
export function isDirect(from: SemVer, to: SemVer): boolean {
  return compareVersions(from, to) < 0 && from.major === to.major && to.minor - from.minor <= 1;
}

/**
 * The steps from one version to the other by breadth-first search, or none when there is no way.
 * A step on the way must be one that can be run: neither DRAFT nor END_OF_LIFE.
 * Costs at most the square of the number of versions, which is bounded where they are registered.
 */
export function findSteps(
  from: JudgedVersion,
  to: JudgedVersion,
  versions: readonly JudgedVersion[],
  paths: readonly RegisteredPath[],
): UpgradeStep[] {
  const start = nodeOf(from);
  const goal = nodeOf(to);
  if (start === null || goal === null) return [];
  const registered = new Map(
    paths.map((path) => [keyOf(path.fromVersionId, path.toVersionId), path]),
  );
  let unvisited = [goal, ...candidatesBetween(start, goal, versions)];
  let frontier: Way[] = [{ last: start, before: null, step: null, ...NOTHING_COUNTED }];
  while (frontier.length > 0) {
    const reached: Way[] = [];
    const rest: Node[] = [];
    for (const node of unvisited) {
      const way = bestWayTo(node, frontier, registered);
      if (way === null) rest.push(node);
      else reached.push(way);
    }
    const found = reached.find(({ last }) => last === goal);
    if (found !== undefined) return stepsOf(found);
    unvisited = rest;
    frontier = reached;
  }
  return [];
}

/** Over the best of the frontier's ways that have an edge to the node; null when none has. */
function bestWayTo(
  node: Node,
  frontier: readonly Way[],
  registered: ReadonlyMap<string, RegisteredPath>,
): Way | null {
  let best: Way | null = null;
  for (const before of frontier) {
    const from = before.last;
    const path = registered.get(keyOf(from.version.id, node.version.id)) ?? null;
    const isUpward = compareVersions(from.semver, node.semver) < 0;
    if (!isUpward || (path === null && !isDirect(from.semver, node.semver))) continue;
    const way: Way = {
      last: node,
      before,
      step: stepOf(from.version, node.version, path),
      downtimes: before.downtimes + (path?.requiresDowntime === true ? 1 : 0),
      preReleases: before.preReleases + (isPreRelease(node.semver) ? 1 : 0),
      deprecated: before.deprecated + (node.version.status === 'DEPRECATED' ? 1 : 0),
      untested: before.untested + (path?.tested === false ? 1 : 0),
      tested: before.tested + (path?.tested === true ? 1 : 0),
      preferred: before.preferred + (node.version.recommended || node.version.lts ? 1 : 0),
    };
    if (best === null || compareWays(way, best) < 0) best = way;
  }
  return best;
}

/** Negative when the first of two equally long ways is the better one. */
function compareWays(a: Way, b: Way): number {
  return (
    a.downtimes - b.downtimes ||
    a.preReleases - b.preReleases ||
    a.deprecated - b.deprecated ||
    a.untested - b.untested ||
    b.tested - a.tested ||
    b.preferred - a.preferred ||
    compareVersionsOn(a, b)
  );
}

/** By the first version in which the two differ. */
function compareVersionsOn(a: Way | null, b: Way | null): number {
  if (a === null || b === null || a === b) return 0;
  return compareVersionsOn(a.before, b.before) || compareVersions(a.last.semver, b.last.semver);
}

/** Versions that may be stepped on. */
function candidatesBetween(start: Node, goal: Node, versions: readonly JudgedVersion[]): Node[] {
  return versions
    .filter((version) => version.status === 'RELEASED' || version.status === 'DEPRECATED')
    .map(nodeOf)
    .filter((node) => node !== null)
    .filter(
      (node) =>
        compareVersions(start.semver, node.semver) < 0 &&
        compareVersions(node.semver, goal.semver) < 0,
    );
}

function stepsOf(way: Way): UpgradeStep[] {
  const steps: UpgradeStep[] = [];
  for (let at: Way | null = way; at !== null; at = at.before) {
    if (at.step !== null) steps.unshift(at.step);
  }
  return steps;
}

/** The step, with the path that somebody registered for it. */
export function stepOf(
  from: JudgedVersion,
  to: JudgedVersion,
  registered: RegisteredPath | null,
): UpgradeStep {
  return {
    fromVersionId: from.id,
    toVersionId: to.id,
    fromVersion: from.version,
    toVersion: to.version,
    registered,
  };
}

function nodeOf(version: JudgedVersion): Node | null {
  const semver = parseVersion(version.version);
  return semver === null ? null : { version, semver };
}

function keyOf(fromVersionId: string, toVersionId: string): string {
  return `${fromVersionId}>${toVersionId}`;
}

/** Whether the first of two version texts comes before the second; false when one is no version. */
export function isOlder(from: string, to: string): boolean {
  const [a, b] = [parseVersion(from), parseVersion(to)];
  return a !== null && b !== null && compareVersions(a, b) < 0;
}
