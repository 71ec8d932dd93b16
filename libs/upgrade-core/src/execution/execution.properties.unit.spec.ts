import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RandomWalk } from '#testing/random-walk.js';
import { SeededRandom } from '#testing/seeded-random.js';
import { eventsOf } from './execution-facts.js';

describe('an execution in any world', () => {
  it('keeps its books, its room and its word, and ends when the world answers', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 31 - 1 }), (seed) => {
        const { world } = new RandomWalk(new SeededRandom(seed)).run();
        expect(world.problems).toEqual([]);
        const events = world.facts.reduce((sum, fact) => sum + eventsOf(fact), 0);
        expect(world.execution.sequence).toBe(events);
      }),
      { numRuns: 1_000 },
    );
  });
});
