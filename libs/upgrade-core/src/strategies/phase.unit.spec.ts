import { describe, expect, it } from '@jest/globals';
import { anExecution } from '#testing/an-execution.js';
import { canariesOf, pendingInPhase } from './phase.js';

describe('how many canaries go first', () => {
  it.each([
    // listed, taken, percentage, canaries: ceil(N · p / 100), at least one
    [1, 1, 1, 1],
    [1, 1, 100, 1],
    [3, 3, 10, 1],
    [10, 10, 10, 1],
    [11, 11, 10, 2],
    [10, 10, 1, 1],
    [10, 10, 33, 4],
    [3, 3, 34, 2],
    [100, 100, 7, 7],
    [100, 100, 29, 29],
    [200, 200, 7, 14],
    [1_000_000, 1_000_000, 1, 10_000],
    [999_999, 999_999, 33, 330_000],
    [7, 7, 100, 7],
    // N is all that are listed, and no more go than are taken.
    [100, 20, 10, 10],
    [100, 4, 10, 4],
  ])('of %d listed and %d taken at %d %%: %d', (listed, total, percentage, canaries) => {
    expect(canariesOf(listed, total, percentage)).toBe(canaries);
  });

  it('counts those that are on their way: the phase ends with the last of them', () => {
    const running = anExecution()
      .canaryRunning()
      .withPlan({ canaryPercentage: 30 })
      .withBatch(1, 2);
    const of = (touched: number): number =>
      pendingInPhase(running.withCounters({ PENDING: 10 - touched, UPGRADING: touched }).build());
    expect([0, 1, 2, 3, 4].map(of)).toEqual([3, 2, 1, 0, 0]);
  });

  it('in every other phase all that are PENDING are meant', () => {
    const rest = anExecution().inProgress().withPlan({ strategy: 'CANARY' });
    expect(pendingInPhase(rest.withCounters({ PENDING: 7, COMPLETED: 3 }).build())).toBe(7);
  });
});
