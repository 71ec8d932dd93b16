/**
 * How each check comes to its outcome: it says what it wants to see next, is shown it, and in the
 * end says what it found. Whoever carries it out knows targets and no rules; the rules are here.
 *
 * A new check is a name in CHECK_NAMES, its kind and deadline in CHECKS, and one entry below.
 */
import type { CheckName } from './checks.js';
import { judgeBackups, judgeStateless, type SeenBackups } from './backup-check.js';
import { judgeDependencies } from './dependency-check.js';
import {
  judgeHealth,
  judgeState,
  NOBODY_LISTED,
  NOTHING_COMPARED,
  NOTHING_SEEN,
  tallyHealth,
  tallyOutsiders,
  tallyState,
  type ExpectedInstance,
  type SeenInstance,
  type StateTally,
} from './instance-checks.js';
import { judgeSkipped, type Judgement } from './judgement.js';
import { judgeRoom, judgeSpare, type CountedRoom, type CountedSets } from './room-check.js';
import {
  callOf,
  judgeNoAddress,
  judgeNoTests,
  judgeSmoke,
  mayCallAgain,
  outcomeOf,
  urlOf,
  type SmokeAnswer,
  type SmokeCall,
  type SmokeOutcome,
  type SmokeTest,
} from './smoke-tests.js';
import { judgeCompatibility, type Compatibility } from './version-check.js';

/** What was asked, as far as checks need it; frozen when the execution was created. */
export interface ValidationQuestion {
  readonly compatibility: Compatibility;
  readonly strategy: string;
  /** The component keeps nothing that would have to be backed up. */
  readonly stateless: boolean;
  readonly maxUnavailablePercentage: number;
  /** How many instances the target should have at least; null when nobody knows. */
  readonly expectedInstances: number | null;
  /** Component → semver range that the target version needs. */
  readonly requires: Readonly<Record<string, string>>;
  /** Component → version as people write it. */
  readonly installedComponents: Readonly<Record<string, string>>;
  readonly smokeTests: readonly SmokeTest[];
  /** Pages of instances that are stored with the question. */
  readonly pages: number;
  /** The version that the upgrade leads to (semver). */
  readonly targetVersion: string;
  /** No listed instance was left out at the start: whoever is listed is to be on that version. */
  readonly takesAll: boolean;
  readonly skipChecks: readonly {
    readonly check: string;
    readonly reason: string;
    readonly by: string;
  }[];
}

/** What a check wants to see; each is one look that can be made again, but for a CALL. */
export type Want =
  | { readonly want: 'ROOM' }
  | { readonly want: 'SETS' }
  | { readonly want: 'BACKUPS' }
  /** The target's own list, page by page; null: from the first. */
  | { readonly want: 'LISTING'; readonly cursor: string | null }
  /** A stored page of the question, and what the target says of exactly those instances. */
  | { readonly want: 'PAGE'; readonly page: number }
  /** Where the live set answers. */
  | { readonly want: 'ADDRESS' }
  | { readonly want: 'CALL'; readonly call: SmokeCall };

export type Sight =
  | { readonly want: 'ROOM'; readonly room: CountedRoom }
  | ({ readonly want: 'SETS' } & CountedSets)
  | ({ readonly want: 'BACKUPS' } & SeenBackups)
  | {
      readonly want: 'LISTING';
      readonly instances: readonly SeenInstance[];
      readonly nextCursor: string | null;
    }
  | {
      readonly want: 'PAGE';
      readonly expected: readonly ExpectedInstance[];
      readonly instances: readonly SeenInstance[];
    }
  | { readonly want: 'ADDRESS'; readonly address: string | null }
  | { readonly want: 'CALL'; readonly answer: SmokeAnswer };

/** A check under way; a value, so that a look that failed can be made again from where it stood. */
export type Examination =
  | { readonly judgement: Judgement }
  | {
      readonly judgement: null;
      readonly want: Want;
      /** What it comes to when its time is up; left out: it could not be carried out. */
      readonly ifCut?: () => Judgement;
      /** Throws when shown something else than it wanted. */
      readonly see: (sight: Sight) => Examination;
    };

const EXAMINE: Readonly<Record<CheckName, (question: ValidationQuestion) => Examination>> = {
  VERSION_COMPATIBILITY: ({ compatibility }) => found(judgeCompatibility(compatibility)),
  RESOURCE_AVAILABILITY: (question) =>
    wanting({ want: 'ROOM' }, ({ room }) =>
      question.strategy === 'BLUE_GREEN'
        ? wanting({ want: 'SETS' }, (sets) => found(judgeSpare(room, sets, question)))
        : found(judgeRoom(room, question)),
    ),
  // A target is not asked for what does not matter.
  BACKUP_VERIFICATION: ({ stateless }) =>
    stateless
      ? found(judgeStateless())
      : wanting({ want: 'BACKUPS' }, (seen) => found(judgeBackups(seen))),
  HEALTH_ENDPOINTS: ({ expectedInstances }) => {
    const from = (cursor: string | null, tally: typeof NOTHING_SEEN): Examination =>
      wanting({ want: 'LISTING', cursor }, ({ instances, nextCursor }) => {
        const next = tallyHealth(tally, instances);
        if (nextCursor === null) return found(judgeHealth(next, expectedInstances));
        return from(nextCursor, next);
      });
    return from(null, NOTHING_SEEN);
  },
  DEPENDENCY_CHECK: (question) => found(judgeDependencies(question)),
  POST_UPGRADE_STATE: (question) => {
    const from = (page: number, tally: StateTally): Examination =>
      wanting({ want: 'PAGE', page }, ({ expected, instances }) => {
        const next = tallyState(tally, expected, instances);
        if (page < question.pages) return from(page + 1, next);
        const isAsExpected = next.asExpected === next.expected && next.expected > 0;
        return isAsExpected && question.takesAll
          ? lookForOutsiders(next, question)
          : found(judgeState(next));
      });
    return from(1, NOTHING_COMPARED);
  },
  SMOKE_TESTS: ({ smokeTests }) => {
    if (smokeTests.length === 0) return found(judgeNoTests());
    return wanting({ want: 'ADDRESS' }, ({ address }) =>
      address === null
        ? found(judgeNoAddress(smokeTests.length))
        : smokeTest(smokeTests, address, []),
    );
  },
};

/**
 * All taken ones are as they should be: who else is there by now? The list is read again, to its
 * end or as far as time allows.
 */
function lookForOutsiders(state: StateTally, { targetVersion }: ValidationQuestion): Examination {
  const from = (cursor: string | null, tally: typeof NOBODY_LISTED): Examination => ({
    ...wanting({ want: 'LISTING', cursor }, ({ instances, nextCursor }) => {
      const next = tallyOutsiders(tally, instances, targetVersion);
      if (nextCursor !== null) return from(nextCursor, next);
      return found(judgeState(state, { ...next, isComplete: true }));
    }),
    ifCut: () => judgeState(state, tally),
  });
  return from(null, NOBODY_LISTED);
}

/** The next of the tests, in their order; one after the other, whatever the ones before came to. */
function smokeTest(
  tests: readonly SmokeTest[],
  address: string,
  over: readonly SmokeOutcome[],
): Examination {
  const [test, ...rest] = tests;
  if (test === undefined) return found(judgeSmoke(over));
  const goOn = (answer: SmokeAnswer): Examination =>
    smokeTest(rest, address, [...over, outcomeOf(test, answer)]);
  const where = urlOf(address, test.path);
  if ('problem' in where) return goOn({ kind: 'NO_ANSWER', problem: where.problem });
  const ifCut = (): Judgement => {
    return judgeSmoke([...over, ...[test, ...rest].map((left) => outcomeOf(left, CUT))]);
  };
  const call = (attempt: number): Examination => {
    const next = wanting({ want: 'CALL', call: callOf(test, where.url, attempt) }, ({ answer }) =>
      mayCallAgain(answer, attempt) ? call(attempt + 1) : goOn(answer),
    );
    return { ...next, ifCut };
  };
  return call(1);
}

const CUT: SmokeAnswer = { kind: 'NO_ANSWER', problem: 'the time of all tests was up' };

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
): Extract<Examination, { judgement: null }> {
  return {
    judgement: null,
    want,
    see: (sight) => {
      if (sight.want === want.want) return see(sight as Extract<Sight, { want: W['want'] }>);
      throw new Error(`wanted to see ${want.want}, was shown ${sight.want}`);
    },
  };
}
