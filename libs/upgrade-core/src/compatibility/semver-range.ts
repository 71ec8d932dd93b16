/**
 * Ranges of versions as `requires` writes them: the grammar of npm's semver package (`^1.2`, `~1.2`,
 * `1.x`, `>=1.2 <2`, `1.2 - 2.3`, alternatives by `||`). Properties in the tests hold it against
 * that package.
 */
import { REQUEST_LIMITS } from '../limits.js';
import {
  compareCores,
  compareVersions,
  isPreRelease,
  parseVersion,
  type SemVer,
} from './semver.js';

type Operator = '<' | '<=' | '>' | '>=' | '=';

interface Comparator {
  readonly operator: Operator;
  readonly version: SemVer;
}

/** One of the alternatives must hold; in it all comparators. An empty one is any release. */
export type VersionRange = readonly (readonly Comparator[])[];

/** A version with parts left open: null stands for `x`, `*` or nothing. */
interface Partial {
  readonly major: number | null;
  readonly minor: number | null;
  readonly patch: number | null;
  readonly prerelease: readonly (string | number)[];
}

/** Below every version: the comparator that nothing satisfies. */
const NOTHING: Comparator = { operator: '<', version: at(0, 0, 0, [0]) };

/** Build metadata may stand behind an open version too; it never decides anything. */
const PARTIAL =
  /^[v=\s]*(x|X|\*|\d{1,15})(?:\.(x|X|\*|\d{1,15})(?:\.(x|X|\*|\d{1,15})(?:-([0-9A-Za-z.-]+))?)?)?(?:\+[0-9A-Za-z.-]+)?$/;

/** Reads a range; null when it is none. */
export function parseRange(text: string): VersionRange | null {
  if (text.length > REQUEST_LIMITS.rangeMaxChars) return null;
  const alternatives: Comparator[][] = [];
  for (const part of text.split('||')) {
    const comparators = parseAlternative(part.trim());
    if (comparators === null) return null;
    alternatives.push(comparators);
  }
  // Any release is all there is to ask for: a pre-release another alternative named is not taken.
  const open = alternatives.find((comparators) => comparators.length === 0);
  return open === undefined ? alternatives : [open];
}

/**
 * Whether the version lies in the range. A pre-release does only when a comparator of the same
 * alternative names a pre-release of the same x.y.z: who asks for `>=1.2` has not asked for betas.
 */
export function satisfies(version: SemVer, range: VersionRange): boolean {
  return range.some(
    (comparators) =>
      comparators.every((comparator) => holds(version, comparator)) &&
      (!isPreRelease(version) || comparators.some((one) => namesPrerelease(one, version))),
  );
}

function namesPrerelease(comparator: Comparator, version: SemVer): boolean {
  const { prerelease } = comparator.version;
  return prerelease.length > 0 && compareCores(comparator.version, version) === 0;
}

function holds(version: SemVer, comparator: Comparator): boolean {
  const order = compareVersions(version, comparator.version);
  switch (comparator.operator) {
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
    case '=':
      return order === 0;
  }
}

function parseAlternative(text: string): Comparator[] | null {
  if (text === '') return [];
  const hyphen = /^(\S+)\s+-\s+(\S+)$/.exec(text);
  if (hyphen !== null) return hyphenRange(hyphen[1] ?? '', hyphen[2] ?? '');
  // An operator may stand apart from its version.
  const parts = text.replace(/([<>]=?|=|[~^])\s+/g, '$1').split(/\s+/);
  const comparators: Comparator[] = [];
  for (const part of parts) {
    const match = /^(\^|~>?|[<>]=?|=)?(.*)$/.exec(part);
    const partial = parsePartial(match?.[2] ?? '');
    if (partial === null) return null;
    comparators.push(...comparatorsOf(match?.[1] ?? '', partial));
  }
  return comparators;
}

function hyphenRange(fromText: string, toText: string): Comparator[] | null {
  const [from, to] = [parsePartial(fromText), parsePartial(toText)];
  if (from === null || to === null) return null;
  return [...comparatorsOf('>=', from), ...comparatorsOf('<=', to)];
}

function comparatorsOf(operator: string, partial: Partial): Comparator[] {
  switch (operator) {
    case '^':
      return between(partial, caretEnd(partial));
    case '~':
    case '~>':
      return between(partial, nextOf(partial, partial.minor === null ? 'major' : 'minor'));
    case '':
    case '=':
      return isOpen(partial) ? between(partial, openEnd(partial)) : [same('=', partial)];
    case '>':
    case '<=':
      return openAbove(operator, partial);
    default:
      // An open `<1.2` or `>=1.2` means its lowest member.
      if (partial.major === null) return operator === '<' ? [NOTHING] : [];
      return [openLower(operator as Operator, partial)];
  }
}

/** `>1.2` begins after all of 1.2, `<=1.2` ends after all of it. */
function openAbove(operator: '>' | '<=', partial: Partial): Comparator[] {
  if (!isOpen(partial)) return [same(operator, partial)];
  const end = openEnd(partial);
  if (end === null) return operator === '>' ? [NOTHING] : [];
  if (operator === '>') return [{ operator: '>=', version: { ...end, prerelease: [] } }];
  return [{ operator: '<', version: end }];
}

/** `<1.2` leaves out the pre-releases of 1.2.0 too. */
function openLower(operator: Operator, partial: Partial): Comparator {
  const lowest = lowestOf(partial);
  if (operator === '<' && isOpen(partial)) {
    return { operator, version: { ...lowest, prerelease: [0] } };
  }
  return { operator, version: lowest };
}

function between(from: Partial, end: SemVer | null): Comparator[] {
  if (end === null) return [];
  return [
    { operator: '>=', version: lowestOf(from) },
    { operator: '<', version: end },
  ];
}

/** `^` lets everything grow right of the first number that is not 0. */
function caretEnd(partial: Partial): SemVer | null {
  const { major, minor, patch } = partial;
  if (major === null) return null;
  if (major > 0 || minor === null) return nextOf(partial, 'major');
  if (minor > 0 || patch === null) return nextOf(partial, 'minor');
  return at(0, 0, patch + 1, [0]);
}

function openEnd(partial: Partial): SemVer | null {
  if (partial.major === null) return null;
  return nextOf(partial, partial.minor === null ? 'major' : 'minor');
}

/** The first version, its pre-releases included, of the next major or minor. */
function nextOf(partial: Partial, part: 'major' | 'minor'): SemVer | null {
  const { major, minor } = partial;
  if (major === null) return null;
  return part === 'major' ? at(major + 1, 0, 0, [0]) : at(major, (minor ?? 0) + 1, 0, [0]);
}

function same(operator: Operator, partial: Partial): Comparator {
  return { operator, version: lowestOf(partial) };
}

function lowestOf(partial: Partial): SemVer {
  const { major, minor, patch, prerelease } = partial;
  return at(major ?? 0, minor ?? 0, patch ?? 0, prerelease);
}

function isOpen(partial: Partial): boolean {
  return partial.major === null || partial.minor === null || partial.patch === null;
}

function parsePartial(text: string): Partial | null {
  const exact = parseVersion(text);
  if (exact !== null) return exact;
  const match = PARTIAL.exec(text);
  if (match === null) return null;
  const [major, minor, patch] = [numberOf(match[1]), numberOf(match[2]), numberOf(match[3])];
  const known = [major, minor, patch];
  if (known.some((part) => part !== null && Number.isNaN(part))) return null;
  // `x.1` says nothing that could be meant.
  if ((major === null && minor !== null) || (minor === null && patch !== null)) return null;
  if (patch === null || match[4] === undefined) return { major, minor, patch, prerelease: [] };
  return parseVersion(`${major}.${minor}.${patch}-${match[4]}`);
}

/** Null for an open part; NaN for a number semver does not allow (a leading zero). */
function numberOf(text: string | undefined): number | null {
  if (text === undefined || /^[xX*]$/.test(text)) return null;
  return /^(0|[1-9]\d*)$/.test(text) ? Number(text) : Number.NaN;
}

function at(
  major: number,
  minor: number,
  patch: number,
  prerelease: readonly (string | number)[],
): SemVer {
  return { major, minor, patch, prerelease };
}
