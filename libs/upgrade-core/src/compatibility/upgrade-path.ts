/**
 * The way from one version to another (spec §6): patch and adjacent minor upgrades are direct,
 * anything else takes registered paths, which add edges. The fewest steps win.
 */
import type { JudgedVersion, RegisteredPath, UpgradeStep, UpgradeType } from './compatibility.js';
import { compareVersions, parseVersion, type SemVer } from './semver.js';

interface Node {
  readonly version: JudgedVersion;
  readonly semver: SemVer;
}

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
  const between = candidatesBetween(start, goal, versions);
  const cameBy = new Map<string, UpgradeStep>();
  let frontier = [start];
  let unvisited = [goal, ...between];
  while (frontier.length > 0 && !cameBy.has(to.id)) {
    const reached: Node[] = [];
    for (const node of frontier) {
      const rest: Node[] = [];
      for (const next of unvisited) {
        const path = registered.get(keyOf(node.version.id, next.version.id)) ?? null;
        const isEdge =
          isDirect(node.semver, next.semver) ||
          (path !== null && compareVersions(node.semver, next.semver) < 0);
        if (!isEdge) {
          rest.push(next);
          continue;
        }
        cameBy.set(next.version.id, stepOf(node.version, next.version, path));
        reached.push(next);
      }
      unvisited = rest;
    }
    frontier = reached;
  }
  return stepsBackFrom(to.id, from.id, cameBy);
}

/** Versions that may be stepped on, the newest first: of equally short ways the latest fixes win. */
function candidatesBetween(start: Node, goal: Node, versions: readonly JudgedVersion[]): Node[] {
  return versions
    .filter((version) => version.status === 'RELEASED' || version.status === 'DEPRECATED')
    .map(nodeOf)
    .filter((node) => node !== null)
    .filter(
      (node) =>
        compareVersions(start.semver, node.semver) < 0 &&
        compareVersions(node.semver, goal.semver) < 0,
    )
    .sort((a, b) => compareVersions(b.semver, a.semver));
}

function stepsBackFrom(
  toId: string,
  fromId: string,
  cameBy: ReadonlyMap<string, UpgradeStep>,
): UpgradeStep[] {
  const steps: UpgradeStep[] = [];
  for (let at = toId; at !== fromId;) {
    const step = cameBy.get(at);
    if (step === undefined) return [];
    steps.unshift(step);
    at = step.fromVersionId;
  }
  return steps;
}

function stepOf(
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
