import { describe, expect, test } from '@jest/globals';
import { clipped } from './texts.js';

describe('text of others', () => {
  test.each([
    ['short', 10, 'short'],
    ['exactly ten', 11, 'exactly ten'],
    ['much too long', 5, 'much…'],
    ['a\u0000b', 10, 'ab'],
    ['half a \ud83d', 20, 'half a \ufffd'],
    ['cut in 😀', 9, 'cut in 😀'],
    ['cut in 😀 two', 9, 'cut in \ufffd…'],
  ])('%j to at most %d characters', (text, maxChars, expected) => {
    expect(clipped(text, maxChars)).toBe(expected);
  });
});
