/** What a version wants of its surroundings: a platform within bounds, other components in ranges. */
import type { Blocker, JudgedVersion, Surroundings, Warning } from './compatibility.js';
import { coerceVersion, compareVersions, parseVersion, type SemVer } from './semver.js';
import { parseRange, satisfies } from './semver-range.js';

/** Platform bounds: a bound with no platform version to hold it against blocks (spec §6). */
export function judgePlatform(to: JudgedVersion, platformVersion: string | null): Blocker[] {
  const { minPlatformVersion: min, maxPlatformVersion: max } = to;
  if (min === null && max === null) return [];
  const platform = platformVersion === null ? null : coerceVersion(platformVersion);
  if (platform === null) {
    const bounds = [
      min === null ? null : `at least ${min}`,
      max === null ? null : `at most ${max}`,
    ];
    const wanted = bounds.filter((bound) => bound !== null).join(' and ');
    const message = `version ${to.version} needs a platform of ${wanted}, and the deployment names no platformVersion that could be read`;
    return [{ code: 'PLATFORM_VERSION_UNKNOWN', message }];
  }
  return [
    ...judgeBound(to, { bound: min, side: 'at least', platform, platformVersion }),
    ...judgeBound(to, { bound: max, side: 'at most', platform, platformVersion }),
  ];
}

interface PlatformBound {
  readonly bound: string | null;
  readonly side: 'at least' | 'at most';
  readonly platform: SemVer;
  /** As it was written. */
  readonly platformVersion: string | null;
}

/** A bound that cannot be read is not held, or a slip of the pen would open the door. */
function judgeBound(
  { version }: JudgedVersion,
  { bound, side, platform, platformVersion }: PlatformBound,
): Blocker[] {
  if (bound === null) return [];
  const limit = coerceVersion(bound);
  const needs = `version ${version} needs a platform of ${side} ${bound}`;
  if (limit === null) {
    return [{ code: 'PLATFORM_VERSION_UNKNOWN', message: `${needs}, which cannot be read` }];
  }
  const order = compareVersions(platform, limit);
  const isHeld = side === 'at least' ? order >= 0 : order <= 0;
  if (isHeld) return [];
  const message = `${needs}, the deployment's is ${platformVersion ?? ''}`;
  return [{ code: side === 'at least' ? 'PLATFORM_TOO_OLD' : 'PLATFORM_TOO_NEW', message }];
}

/**
 * `requires` against what is known to run: what the request claims and the tenant's other
 * deployments. Where both know a component, both must fit: one of them is wrong, and which one
 * nobody can say from here.
 */
export function judgeRequirements(to: JudgedVersion, surroundings: Surroundings): Blocker[] {
  return Object.entries(to.requires).flatMap(([name, rangeText]): Blocker[] => {
    const range = parseRange(rangeText);
    const claims = claimsAbout(name, surroundings);
    if (claims.length === 0) {
      const message = `version ${to.version} requires ${name} ${rangeText}, and neither installedComponents nor the tenant's deployments name it`;
      return [{ code: 'REQUIREMENT_MISSING', message }];
    }
    return claims.flatMap(({ version, source, code }) => {
      const parsed = coerceVersion(version);
      if (parsed !== null && range !== null && satisfies(parsed, range)) return [];
      const message = `version ${to.version} requires ${name} ${rangeText}, ${source} has ${version}`;
      return [{ code, message }];
    });
  });
}

/**
 * Others that require this component in a range the new version leaves. A warning: they may be
 * upgraded right after, in an order only people know.
 */
export function judgeDependents(
  componentName: string,
  to: JudgedVersion,
  surroundings: Surroundings,
): Warning[] {
  const version = parseVersion(to.version);
  return surroundings.otherDeployments.flatMap((other) => {
    const rangeText = own(other.requires, componentName);
    if (rangeText === undefined || version === null) return [];
    const range = parseRange(rangeText);
    if (range !== null && satisfies(version, range)) return [];
    const message = `${other.componentName} ${other.version} requires ${componentName} ${rangeText}, which ${to.version} leaves`;
    return [{ code: 'DEPENDENT_NOT_MET' as const, message }];
  });
}

interface Claim {
  readonly version: string;
  readonly source: string;
  /** What it is when the version does not fit. */
  readonly code: 'REQUIREMENT_NOT_MET' | 'NEIGHBOUR_OUT_OF_RANGE';
}

function claimsAbout(
  name: string,
  { installedComponents, otherDeployments }: Surroundings,
): Claim[] {
  const version = own(installedComponents, name);
  const installed: Claim[] =
    version === undefined
      ? []
      : [{ version, source: 'installedComponents', code: 'REQUIREMENT_NOT_MET' }];
  const neighbours = otherDeployments
    .filter((other) => other.componentName === name)
    .map((other): Claim => {
      const source = "the tenant's deployment";
      return { version: other.version, source, code: 'NEIGHBOUR_OUT_OF_RANGE' };
    });
  return [...installed, ...neighbours];
}

/** Names come from requests: `constructor` must not find what every object inherits. */
function own(record: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
