/** @stack own */
import { describe, expect, it } from '@jest/globals';
import { shortPlan } from './chaos-plans.js';
import { judgeRun } from './judged-run.js';

/** A quiet machine needs less than a minute; a busy one takes many times as long to start it all. */
const LIMIT_MS = 420_000;
/** Begins with STAGED, CANARY and BLUE_GREEN, and with people who roll back. */
const SEED = 5;

describe('the product under a nemesis', () => {
  it(
    'loses nothing and does nothing twice while its parts are killed, frozen and cut off',
    async () => {
      const told: string[] = [];
      const { interrupted, keep } = { interrupted: new AbortController().signal, keep: false };
      const report = (line: string): unknown => told.push(line);
      const { isClean, lines } = await judgeRun(shortPlan(SEED), { report, interrupted, keep });
      // Where its history lies, and what is wrong with it.
      if (!isClean) throw new Error([...told, ...lines].join('\n'));
      expect(lines).toContainEqual(expect.stringMatching(/^blows: (1\d|[2-9]\d):/));
      // Nobody looked on and saw nothing, but for what may not come in a run as short as this.
      const unseen = lines.filter((line) => line.startsWith('  –') && !/ I(7|9|10) /.test(line));
      expect(unseen).toEqual([]);
    },
    LIMIT_MS,
  );
});
