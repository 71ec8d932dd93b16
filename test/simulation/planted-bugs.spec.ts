import { afterAll, describe, expect, it } from '@jest/globals';
import { hunt, lineOf, type Hunt } from './planted-bugs/hunt.js';
import { NO_BUG_IN_EACH_PORT } from './planted-bugs/no-bug.js';
import { PLANTED_BUGS } from './planted-bugs.js';
import { replayLine, runSeed } from './run-seed.js';

/** Of the wrappers without a bug. */
const SEEDS = 6;
const LIMIT_MS = 240_000;

describe('a planted bug is caught by what speaks of it', () => {
  const hunts: Hunt[] = [];

  it.each(PLANTED_BUGS.map((bug) => [bug.name, bug] as const))(
    '%s',
    async (_, bug) => {
      const found = await hunt(bug);
      hunts.push(found);
      const otherwise = `not within ${String(bug.seedsMax)} seeds; others said: ${found.problems.join('\n')}`;
      expect(found.seed ?? otherwise).toBe(found.seed);
    },
    LIMIT_MS,
  );

  afterAll(() => {
    process.stdout.write(`${hunts.map(lineOf).join('\n')}\n`);
  });
});

it(
  'what bugs are planted with finds nothing where there is no bug',
  async () => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const { problems } = await runSeed(seed, NO_BUG_IN_EACH_PORT);
      expect({ problems, again: replayLine({ seed }) }).toMatchObject({ problems: [] });
    }
  },
  LIMIT_MS,
);
