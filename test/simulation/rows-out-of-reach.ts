/**
 * Rows that nothing in the simulated world can lead to, with the reason: they stand in the table for
 * what must not be taken in if it ever came. Each is hit by the scenarios of the rules themselves.
 */

/** Whoever goes back, or gives the way back up, supersedes: on the way forward nobody does. */
const ONE_HAND_OVER =
  'from the start to the way back there is one hand-over, so no report is under an older one';

export const ROWS_OUT_OF_REACH: ReadonlyMap<string, string> = new Map([
  ['pre-checks-of-older-hand-over', ONE_HAND_OVER],
  ['steps-of-older-hand-over', ONE_HAND_OVER],
  ['fleet-of-older-hand-over', ONE_HAND_OVER],
  ['watch-of-older-hand-over', ONE_HAND_OVER],
  [
    'late-listing-failed',
    'one process at a time lists, page after page: who has failed to has not listed all',
  ],
]);
