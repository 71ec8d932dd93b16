import { describe, expect, it } from '@jest/globals';
import { withSequence } from './topics-reading.js';

describe('what is kept of an execution’s events', () => {
  it.each([
    ['one after the other', [1, 2, 3], [[1, 3]]],
    ['twice, and late', [1, 2, 1, 3, 2, 3], [[1, 3]]],
    [
      'with a hole',
      [1, 2, 5, 6],
      [
        [1, 2],
        [5, 6],
      ],
    ],
    ['a hole that is filled later', [1, 5, 3, 2, 4], [[1, 5]]],
    ['told again behind what came first', [6, 7, 1, 2, 3, 4, 5, 6, 7], [[1, 7]]],
  ])('%s', (_, heard, runs) => {
    const none: [number, number][] = [];
    expect(heard.reduce((kept, sequence) => withSequence(kept, sequence), none)).toEqual(runs);
  });
});
