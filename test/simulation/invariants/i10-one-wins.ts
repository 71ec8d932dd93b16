import type { Invariant } from './invariant.js';

/** The guard behind the lock never has to speak: nobody decides by a row that another one holds. */
export const oneWins: Invariant = {
  id: 'I10',
  says: 'of two at once one decides after the other, by what that one has left',
  watch: ({ must }) => ({
    overtaken: (owner, found) => {
      must(found === null, () => `a decision of ${owner} was overtaken: ${String(found)}`);
    },
  }),
};
