import { expect, test } from '@jest/globals';
import { gridMomentMs, momentDue } from './canary-grid.js';

const GRID = { beganAtMs: 1_000, intervalMs: 30_000 };

test.each([
  // [since the watch began, last sample's moment, due]
  [0, 0, null],
  [29_999, 0, null],
  [30_000, 0, 1],
  [30_000, 1, null],
  [59_999, 0, 1],
  [60_000, 0, 2],
  [60_000, 1, 2],
  [299_999, 2, 9],
  [300_000, 9, 10],
  [-500_000, 0, null],
  // A clock that was put back takes no moment twice.
  [60_000, 7, null],
])('after %i ms, with a sample of moment %i, moment %j is due', (sinceMs, last, due) => {
  expect(momentDue(GRID, last, GRID.beganAtMs + sinceMs)).toBe(due);
});

test('moments lie on the grid, however late the ones before them were taken', () => {
  expect([1, 2, 20_160].map((number) => gridMomentMs(GRID, number) - GRID.beganAtMs)).toEqual([
    30_000, 60_000, 604_800_000,
  ]);
});
