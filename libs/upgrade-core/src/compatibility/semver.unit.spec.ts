import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import semver from 'semver';
import { coerceVersion, compareVersions, formatVersion, parseVersion } from './semver.js';
import { parseRange, satisfies } from './semver-range.js';

const number = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 1_000_000 }));
const identifier = fc.constantFrom('0', '1', '2', '10', 'a', 'alpha', 'beta', 'rc', '1a', '-', 'Z');
const prerelease = fc.oneof(
  fc.constant(''),
  fc.array(identifier, { minLength: 1, maxLength: 3 }).map((ids) => `-${ids.join('.')}`),
);
const version = fc
  .tuple(number, number, number, prerelease)
  .map(([major, minor, patch, pre]) => `${major}.${minor}.${patch}${pre}`);

const part = fc.oneof(fc.constantFrom('0', '1', '2', '3', 'x', '*'), number.map(String));
/** A number right of an open part is no range to us; the package lets a few of them pass. */
const partial = fc.oneof(
  version,
  fc
    .array(part, { minLength: 1, maxLength: 3 })
    .filter((parts) => !/[x*]\.\d/.test(parts.join('.')))
    .map((parts) => parts.join('.')),
);
const operator = fc.constantFrom('', '^', '~', '>', '<', '>=', '<=', '=', '>= ', '~>');
const simple = fc.tuple(operator, partial).map((parts) => parts.join(''));
const alternative = fc.oneof(
  fc.array(simple, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(' ')),
  fc.tuple(partial, partial).map((ends) => ends.join(' - ')),
);
const range = fc.array(alternative, { minLength: 1, maxLength: 2 }).map((all) => all.join(' || '));

/** Every kind of range the package documents, and its edges. */
const RANGES = [
  ...['', '*', 'x', '||', '1', '1.x', '1.2', '1.2.x', '1.x.x', '2.*.*', '=0.7.x', '1.x+build'],
  ...['1.2.3', '=1.2.3', 'v1.2.3', '1.2.3+build', '1.2.3-rc.1', '=1.2.3-rc.1'],
  ...['^1.2.3', '^1.2', '^1', '^0.1.2', '^0.1', '^0.0.1', '^0.0', '^0', '^x', '^ 1.2'],
  ...['^1.2.3-rc.1', '^0.0.1-alpha', '^0.1.1-alpha', '^1.2.3+build', '^1.x+build'],
  ...['~1.2.3', '~1.2', '~1', '~0.0.1', '~x', '~>1.2.3', '~> 1', '~v0.5.4-pre', '~1.2.3-rc.1'],
  ...['1.0.0 - 2.0.0', '1.2 - 2', '1.2.3 - 2.3', 'x - 1.0.0', '1.x - x', '1.2.3-rc.1 - 1.2.4-rc'],
  ...['>1', '>1.2', '>1.2.3', '>=1.2.3', '>=1', '<1', '<1.2', '<1.2.3', '<=1.2', '<=1.2.3'],
  ...['>*', '<*', '>=*', '<=*', '>=1.2.3-rc.1', '<1.2.3-rc.1', '>1.2.3-rc.1', '<= 2.0.0'],
  ...['>=1.2 <2', '>1.2.3 <=2.0.0-rc.1', '~1.2.1 1.2.3', '^1.2 ^1', '>=1.2.3 >=1.2.1'],
  ...['0.1.20 || 1.2.4', '>=0.2.3 || <0.0.1', '1.2.x || 2.x', '^1 || ^2.0.0-rc.1', '>2 <1'],
  ...['1.2.3-rc.1 - x || x', '* || ^2.0.0-rc.1', '<0.0.0-0 || >=1.2.3-rc.1'],
  ...['blerg', '1.2.3.4', '>>1', '1.2.3 foo', '~1.y', '>01.02.03', 'git+https://x', '^'],
];
const VERSIONS = [
  ...['0.0.0', '0.0.1-alpha', '0.0.1-beta', '0.0.1', '0.0.2', '0.1.1-beta', '0.1.2', '0.1.20'],
  ...['0.2.3', '0.5.4-pre', '0.5.5', '0.7.2', '1.0.0-rc.1', '1.0.0', '1.2.0', '1.2.3-rc.0'],
  ...['1.2.3-rc.1', '1.2.3-rc.2', '1.2.3', '1.2.4-rc', '1.2.4', '1.3.0-rc.1', '1.3.0', '1.9.9'],
  ...['2.0.0-rc.1', '2.0.0-rc.2', '2.0.0', '2.1.3', '2.3.9', '3.0.0-0', '3.0.0', '10.20.30'],
];

function read(text: string) {
  const parsed = parseVersion(text);
  if (parsed === null) throw new Error(`${text} is no version`);
  return parsed;
}

describe('versions, held against the semver package', () => {
  it('read the same texts as versions', () => {
    const text = fc.oneof(version, fc.string({ maxLength: 20 }), partial);
    fc.assert(
      fc.property(text, (one) => {
        // The package also takes a leading v and blanks, which semver 2.0.0 does not.
        const strict = one === one.trim() && !/^[v=]/i.test(one);
        expect(parseVersion(one) !== null).toBe(strict && semver.valid(one) !== null);
      }),
      { numRuns: 2_000 },
    );
  });

  it('order the same', () => {
    fc.assert(
      fc.property(version, version, (a, b) => {
        expect(Math.sign(compareVersions(read(a), read(b)))).toBe(semver.compare(a, b));
      }),
      { numRuns: 3_000 },
    );
  });

  it('write what they read', () => {
    fc.assert(
      fc.property(version, (one) => {
        expect(formatVersion(read(one))).toBe(one);
      }),
    );
  });

  it('lie in the same ranges', () => {
    fc.assert(
      fc.property(range, version, (text, one) => {
        const ours = parseRange(text);
        expect(ours !== null).toBe(semver.validRange(text) !== null);
        if (ours !== null) expect(satisfies(read(one), ours)).toBe(semver.satisfies(one, text));
      }),
      { numRuns: 10_000 },
    );
  });

  it('lie in the same ranges, one by one', () => {
    for (const text of RANGES) {
      const ours = parseRange(text);
      expect([text, ours !== null]).toEqual([text, semver.validRange(text) !== null]);
      for (const one of VERSIONS) {
        const isIn = ours !== null && satisfies(read(one), ours);
        expect([text, one, isIn]).toEqual([text, one, semver.satisfies(one, text)]);
      }
    }
  });

  it('refuse what is no range', () => {
    for (const text of [
      'abc',
      '>=',
      '1.2.3.4',
      '^-1',
      '>=1.02',
      '1.2.3 -',
      'x.1',
      '1.x.2',
      '1'.repeat(300),
    ]) {
      expect([text, parseRange(text)]).toEqual([text, null]);
    }
  });

  it('are coerced from what people write', () => {
    const written = (text: string) => {
      const coerced = coerceVersion(text);
      return coerced === null ? null : formatVersion(coerced);
    };
    expect(written('16.1')).toBe('16.1.0');
    expect(written('v3.6.0')).toBe('3.6.0');
    expect(written('3')).toBe('3.0.0');
    expect(written('3.6.0-rc.1')).toBe('3.6.0-rc.1');
    expect(written('latest')).toBeNull();
    expect(written('')).toBeNull();
  });
});
