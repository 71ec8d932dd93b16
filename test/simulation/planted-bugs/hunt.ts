/** Looks for a planted bug, seed by seed, and says how it went. */
import { runSeed } from '../run-seed.js';
import { caughtAmong, type PlantedBug } from './planted-bug.js';

export interface Hunt {
  readonly bug: PlantedBug;
  /** The first seed at which one of the bug's own invariants found it; null: none within its seeds. */
  readonly seed: number | null;
  /** What that invariant said; else what others said, if any. */
  readonly problems: readonly string[];
  readonly tookMs: number;
}

/** Runs seeds from 1 until the bug is found, at most `seedsMax` of them. */
export async function hunt(bug: PlantedBug, seedsMax = bug.seedsMax): Promise<Hunt> {
  const startedMs = performance.now();
  const others = new Set<string>();
  for (let seed = 1; seed <= seedsMax; seed += 1) {
    const { problems } = await runSeed(seed, bug);
    const caught = caughtAmong(problems, bug);
    if (caught.length > 0) {
      return { bug, seed, problems: caught, tookMs: performance.now() - startedMs };
    }
    for (const problem of problems) others.add(problem);
  }
  return { bug, seed: null, problems: [...others], tookMs: performance.now() - startedMs };
}

/** One line of the table: the bug, after how many seeds it was found and of how many, by what. */
export function lineOf({ bug, seed, problems, tookMs }: Hunt): string {
  const found = seed === null ? 'NOT FOUND' : `seed ${String(seed)}`;
  const by = problems[0]?.slice(0, 90) ?? 'nothing';
  const seconds = (tookMs / 1_000).toFixed(1);
  const bound = `of ${String(bug.seedsMax)}`;
  return `${bug.name.padEnd(32)} ${found.padEnd(9)} ${bound.padEnd(6)} ${seconds.padStart(5)} s  ${by}`;
}
