import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { REQUEST_LIMITS } from '../limits.js';
import { callOf, judgeNoAddress, judgeSmoke, urlOf } from './smoke-tests.js';

describe('where a smoke test calls', () => {
  test.each([
    ['http://edge:8080', '/health', 'http://edge:8080/health'],
    ['http://edge:8080/', '/health', 'http://edge:8080/health'],
    ['https://edge/base/', '/a/../b?x=1#frag', 'https://edge/base/b?x=1'],
    ['http://[::1]:8080', '/a b', 'http://[::1]:8080/a%20b'],
    ['http://edge', '/http://evil/', 'http://edge/http://evil/'],
    ['http://edge', '/@evil', 'http://edge/@evil'],
  ])('%s and %s: %s', (address, path, url) => {
    expect(urlOf(address, path)).toEqual({ url });
  });

  test.each([
    ['http://edge', '//evil/'],
    ['http://edge', '/\\evil/'],
    ['http://edge', 'http://evil/'],
    ['http://edge', '@evil/'],
    ['http://edge', ':99/'],
    ['http://edge', '.evil.example/'],
    ['http://edge', ''],
    ['http://edge/base', '/../admin'],
    ['http://edge/base', '/%2e%2e/admin'],
    ['http://edge/base', '/..\\admin'],
    ['file:///etc', '/passwd'],
    ['gopher://edge', '/'],
    ['edge:8080', '/'],
    ['not a URL', '/'],
  ])('%s and %s: nowhere', (address, path) => {
    expect(urlOf(address, path)).toHaveProperty('problem');
  });

  test('is below the address, whatever the path', () => {
    const piece = fc.constantFrom(
      '/',
      '\\',
      '..',
      '.',
      '@',
      ':',
      '?',
      '#',
      '%2e',
      '%2f',
      'a',
      '\t',
    );
    const path = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(path, (one) => {
        const found = urlOf('http://edge:8080/base', one);
        if ('problem' in found) return;
        expect(found.url).toMatch(/^http:\/\/edge:8080\/base\//);
      }),
      { numRuns: 3_000 },
    );
  });
});

describe('a call', () => {
  const aTest = { method: 'GET', path: '/', expectedStatus: 200, body: null, timeoutSeconds: 3 };

  test('is made at once, and again only after a pause', () => {
    expect(callOf(aTest, 'http://edge/', 1)).toMatchObject({ timeoutMs: 3_000, pauseMs: 0 });
    expect(callOf(aTest, 'http://edge/', 2).pauseMs).toBeGreaterThan(0);
  });

  test('is not waited for longer than any test may ask', () => {
    const maxMs = REQUEST_LIMITS.smokeTestTimeoutMaxSeconds * 1_000;
    expect(callOf({ ...aTest, timeoutSeconds: 1e9 }, 'http://edge/', 1).timeoutMs).toBe(maxMs);
  });
});

describe('what smoke tests come to', () => {
  test('without any it is no pass', () => {
    expect(judgeSmoke([]).outcome).toBe('FAILED');
  });

  test('without an address it is no pass, and says how many could not be made', () => {
    expect(judgeNoAddress(3)).toMatchObject({ outcome: 'FAILED', evidence: { tests: 3 } });
  });
});
