import { describe, expect, it } from '@jest/globals';
import { NO_INSTANCES } from '../execution/execution.js';
import { ROOM_READING_MAX_AGE_MS } from '../limits.js';
import { allowedDown, freshReading, healthyThatFit, readingAsItStands } from './room.js';

describe('U, how many may be down', () => {
  it.each([
    // max(1, floor(N · p / 100))
    [1, 1, 1],
    [1, 100, 1],
    [3, 25, 1],
    [4, 25, 1],
    [7, 25, 1],
    [8, 25, 2],
    [10, 25, 2],
    [10, 33, 3],
    [10, 99, 9],
    [10, 100, 10],
    [100, 29, 29],
    [100, 57, 57],
    [1_000_000, 1, 10_000],
  ])('of %d at %d %%: %d', (listed, percentage, down) => {
    expect(allowedDown(listed, percentage)).toBe(down);
  });
});

describe('how many healthy ones fit', () => {
  const ten = { listed: 10, maxUnavailablePercentage: 50 };

  it.each([
    // others down, ours, how many fit of the five that may be down
    [0, {}, 5],
    [2, {}, 3],
    [5, {}, 0],
    [9, {}, 0],
    [1, { FAILED: 1 }, 3],
    [0, { DRAINING: 1, UPGRADING: 1, HEALTH_CHECKING: 1 }, 2],
    [1, { FAILED: 2, UPGRADING: 2 }, 0],
    [0, { COMPLETED: 5, ROLLED_BACK: 0, PENDING: 5 }, 5],
  ])('%d others down, ours %j: %d', (othersDown, ours, fit) => {
    expect(healthyThatFit(ten, othersDown, { ...NO_INSTANCES, ...ours })).toBe(fit);
  });
});

describe('a reading', () => {
  const room = { othersDown: 2, downPending: [3, 5], countedAtMs: 1_000 };

  it('is believed until it is 5 s old, and never from the future', () => {
    expect(ROOM_READING_MAX_AGE_MS).toBe(5_000);
    expect(freshReading({ room }, 1_000)).toBe(room);
    expect(freshReading({ room }, 6_000)).toBe(room);
    expect(freshReading({ room }, 6_001)).toBeNull();
    expect(freshReading({ room }, 999)).toBeNull();
    expect(freshReading({ room: null }, 1_000)).toBeNull();
  });

  it('does not count twice what has been taken since', () => {
    expect(readingAsItStands(room, new Set([5]))).toEqual({
      othersDown: 1,
      downPending: [5],
      countedAtMs: 1_000,
    });
  });
});
