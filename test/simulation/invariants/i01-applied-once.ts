import { executionOf, type Invariant } from './invariant.js';

/** Begun anew all the same: it was cut short, or the target says itself that it has forgotten it. */
const NOT_BEGUN: readonly string[] = ['SUPERSEDED', 'NO_DATA'];

/** An operation's id names the attempt: the target begins it once, however often it is asked. */
export const appliedOnce: Invariant = {
  id: 'I1',
  says: 'an instance is taken to a version once per attempt',
  watch: ({ must }) => {
    const begun = new Set<string>();
    return {
      acted: (fleet, { operationId, outcome }) => {
        if (NOT_BEGUN.includes(outcome)) return;
        const key = `${fleet} ${operationId}`;
        must(!begun.has(key), () => `${executionOf(operationId)}: ${operationId} was begun twice`);
        begun.add(key);
      },
    };
  },
};
