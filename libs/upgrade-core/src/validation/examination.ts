/**
 * How each check comes to its outcome: it says what it wants to see next, is shown it, and in the
 * end says what it found. Whoever carries it out knows targets and no rules; the rules are here.
 *
 * A new check is a name in CHECK_NAMES, its kind and deadline in CHECKS, and one entry below.
 */
import {
  judgeCompatibility,
  judgeHealth,
  judgeRoom,
  judgeSkipped,
  judgeState,
  NOTHING_COMPARED,
  NOTHING_SEEN,
  tallyHealth,
  tallyState,
  type CheckName,
  type Compatibility,
  type CountedRoom,
  type ExpectedInstance,
  type Judgement,
  type SeenInstance,
} from './checks.js';

/** What was asked, as far as checks need it; frozen when the execution was created. */
export interface ValidationQuestion {
  readonly compatibility: Compatibility;
  readonly maxUnavailablePercentage: number;
  /** How many instances the target should have at least; null when nobody knows. */
  readonly expectedInstances: number | null;
  /** Pages of instances that are stored with the question. */
  readonly pages: number;
  readonly skipChecks: readonly {
    readonly check: string;
    readonly reason: string;
    readonly by: string;
  }[];
}

/** What a check wants to see; each is one look that can be made again. */
export type Want =
  | { readonly want: 'ROOM' }
  /** The target's own list, page by page; null: from the first. */
  | { readonly want: 'LISTING'; readonly cursor: string | null }
  /** A stored page of the question, and what the target says of exactly those instances. */
  | { readonly want: 'PAGE'; readonly page: number };

export type Sight =
  | { readonly want: 'ROOM'; readonly room: CountedRoom }
  | {
      readonly want: 'LISTING';
      readonly instances: readonly SeenInstance[];
      readonly nextCursor: string | null;
    }
  | {
      readonly want: 'PAGE';
      readonly expected: readonly ExpectedInstance[];
      readonly instances: readonly SeenInstance[];
    };

/** A check under way; a value, so that a look that failed can be made again from where it stood. */
export type Examination =
  | { readonly judgement: Judgement }
  | {
      readonly judgement: null;
      readonly want: Want;
      /** Throws when shown something else than it wanted. */
      readonly see: (sight: Sight) => Examination;
    };

const EXAMINE: Readonly<Record<CheckName, (question: ValidationQuestion) => Examination>> = {
  VERSION_COMPATIBILITY: ({ compatibility }) => found(judgeCompatibility(compatibility)),
  RESOURCE_AVAILABILITY: ({ maxUnavailablePercentage }) =>
    wanting({ want: 'ROOM' }, ({ room }) => found(judgeRoom(room, maxUnavailablePercentage))),
  HEALTH_ENDPOINTS: ({ expectedInstances }) => {
    const from = (cursor: string | null, tally: typeof NOTHING_SEEN): Examination =>
      wanting({ want: 'LISTING', cursor }, ({ instances, nextCursor }) => {
        const next = tallyHealth(tally, instances);
        if (nextCursor === null) return found(judgeHealth(next, expectedInstances));
        return from(nextCursor, next);
      });
    return from(null, NOTHING_SEEN);
  },
  POST_UPGRADE_STATE: ({ pages }) => {
    const from = (page: number, tally: typeof NOTHING_COMPARED): Examination =>
      wanting({ want: 'PAGE', page }, ({ expected, instances }) => {
        const next = tallyState(tally, expected, instances);
        return page < pages ? from(page + 1, next) : found(judgeState(next));
      });
    return from(1, NOTHING_COMPARED);
  },
};

/** Begins a check; one that is skipped ends at once, SKIPPED. */
export function examine(check: CheckName, question: ValidationQuestion): Examination {
  const skip = question.skipChecks.find((one) => one.check === check);
  return skip === undefined ? EXAMINE[check](question) : found(judgeSkipped(skip));
}

function found(judgement: Judgement): Examination {
  return { judgement };
}

function wanting<W extends Want>(
  want: W,
  see: (sight: Extract<Sight, { want: W['want'] }>) => Examination,
): Examination {
  return {
    judgement: null,
    want,
    see: (sight) => {
      if (sight.want === want.want) return see(sight as Extract<Sight, { want: W['want'] }>);
      throw new Error(`wanted to see ${want.want}, was shown ${sight.want}`);
    },
  };
}
