/**
 * Versions as semver 2.0.0 orders them. Our own, because core imports nothing outside itself and
 * needs a twentieth of the package; properties in the tests hold it against that package.
 */
import { REQUEST_LIMITS } from '../limits.js';

/** A longer text is no version. */
const { versionMaxChars } = REQUEST_LIMITS;

/** A parsed version. Build metadata is read and dropped: it never decides an order. */
export interface SemVer {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** Empty for a release; numeric identifiers as numbers. */
  readonly prerelease: readonly (string | number)[];
}

const NUMBER = '(0|[1-9]\\d*)';
const PRERELEASE_ID = '(?:0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*)';
const VERSION = new RegExp(
  `^${NUMBER}\\.${NUMBER}\\.${NUMBER}` +
    `(?:-(${PRERELEASE_ID}(?:\\.${PRERELEASE_ID})*))?(?:\\+[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*)?$`,
);

/** Reads a version exactly as semver 2.0.0 writes it (no leading `v`); null when it is none. */
export function parseVersion(text: string): SemVer | null {
  if (text.length > versionMaxChars) return null;
  const match = VERSION.exec(text);
  if (match === null) return null;
  const [major, minor, patch] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (![major, minor, patch].every(Number.isSafeInteger)) return null;
  return { major, minor, patch, prerelease: parsePrerelease(match[4]) };
}

/** Identifiers of a pre-release text; numeric ones as numbers, or they would sort as texts. */
function parsePrerelease(text: string | undefined): (string | number)[] {
  if (text === undefined) return [];
  return text.split('.').map((id) => (/^\d+$/.test(id) ? Number(id) : id));
}

/**
 * Reads what people write for a version: `v3.6`, `16.1`, `3.6.0-rc.1`; what is left out is 0.
 * Null when no number leads. (spec §6: `installedComponents` are coerced.)
 */
export function coerceVersion(text: string): SemVer | null {
  const trimmed = text.trim().replace(/^[vV=]\s*/, '');
  const exact = parseVersion(trimmed);
  if (exact !== null || text.length > versionMaxChars) return exact;
  const match = /^(\d{1,15})(?:\.(\d{1,15}))?(?:\.(\d{1,15}))?(?![\d])/.exec(trimmed);
  if (match === null) return null;
  return {
    major: Number(match[1]),
    minor: Number(match[2] ?? 0),
    patch: Number(match[3] ?? 0),
    prerelease: [],
  };
}

/** Precedence of semver 2.0.0 §11: negative when `a` comes first, 0 when neither does. */
export function compareVersions(a: SemVer, b: SemVer): number {
  return compareCores(a, b) || comparePrereleases(a.prerelease, b.prerelease);
}

/** As {@link compareVersions}, without regard to pre-releases. */
export function compareCores(a: SemVer, b: SemVer): number {
  return a.major - b.major || a.minor - b.minor || a.patch - b.patch;
}

function comparePrereleases(
  a: readonly (string | number)[],
  b: readonly (string | number)[],
): number {
  // A release comes after all its pre-releases.
  if (a.length === 0 || b.length === 0) return b.length - a.length;
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const [left, right] = [a[index], b[index]];
    if (left === undefined) return -1;
    if (right === undefined) return 1;
    const order = compareIdentifiers(left, right);
    if (order !== 0) return order;
  }
  return 0;
}

/** Numbers before texts; numbers by size, texts by their ASCII characters. */
function compareIdentifiers(a: string | number, b: string | number): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'number') return -1;
  if (typeof b === 'number') return 1;
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Whether it comes before the release it is named after. */
export function isPreRelease({ prerelease }: SemVer): boolean {
  return prerelease.length > 0;
}

export function formatVersion(version: SemVer): string {
  const { major, minor, patch, prerelease } = version;
  const core = `${major}.${minor}.${patch}`;
  return prerelease.length === 0 ? core : `${core}-${prerelease.join('.')}`;
}
