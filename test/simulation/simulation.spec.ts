import { describe, expect, it } from '@jest/globals';
import { replayLine, runSeed } from './run-seed.js';

const SEEDS = 240;
/** Seeds of one test: few enough that a slow machine says which of them it is busy with. */
const SEEDS_PER_TEST = 20;
const LIMIT_MS = 120_000;

const batches = Array.from({ length: SEEDS / SEEDS_PER_TEST }, (_, at) => at * SEEDS_PER_TEST + 1);

describe('the saga under seeded faults', () => {
  it.each(batches)(
    'keeps every invariant and ends: seeds from %d',
    async (first) => {
      for (let seed = first; seed < first + SEEDS_PER_TEST; seed += 1) {
        const run = await runSeed(seed);
        expect({ problems: run.problems, again: replayLine(run) }).toEqual({
          problems: [],
          again: replayLine(run),
        });
      }
    },
    LIMIT_MS,
  );

  it(
    'runs the same way twice from the same seed, and another way from another',
    async () => {
      for (const seed of [3, 11]) {
        const lines: string[][] = [[], []];
        const runs = [
          await runSeed(seed, undefined, (line) => lines[0]?.push(line)),
          await runSeed(seed, undefined, (line) => lines[1]?.push(line)),
        ];
        expect(lines[1]).toEqual(lines[0]);
        expect(runs[1]?.traceHash).toBe(runs[0]?.traceHash);
        expect((await runSeed(seed + 1)).traceHash).not.toBe(runs[0]?.traceHash);
      }
    },
    LIMIT_MS,
  );
});
