/** Runs many seeds on all cores: what becomes of a seed hangs on nothing but its number. */
import { Worker } from 'node:worker_threads';
import type { SeedRun } from '../../test/simulation/run-seed.js';

export interface SeedsAsked {
  readonly first: number;
  readonly count: number;
  /** How many threads. */
  readonly jobs: number;
  /** Told of each, as they end: not in the order of their numbers. */
  readonly done: (run: SeedRun) => void;
  readonly interrupted: AbortSignal;
}

const THREAD = new URL('./seeds.main.ts', import.meta.url);

/** Resolves when all have been run, or when it is interrupted. */
export async function runSeeds({ first, count, jobs, ...asked }: SeedsAsked): Promise<void> {
  const end = first + count;
  let next = first;
  const take = (): number | null => {
    if (next >= end || asked.interrupted.aborted) return null;
    next += 1;
    return next - 1;
  };
  const threads = Array.from({ length: Math.max(1, Math.min(jobs, count)) }, () =>
    runThread(take, asked),
  );
  await Promise.all(threads);
}

/** One thread, from its first seed until there are no more. An error of its own ends everything. */
function runThread(
  take: () => number | null,
  { done, interrupted }: Pick<SeedsAsked, 'done' | 'interrupted'>,
): Promise<void> {
  const worker = new Worker(THREAD);
  return new Promise((resolve, reject) => {
    const goOn = (): void => {
      const seed = take();
      if (seed === null)
        void worker.terminate().then(() => {
          resolve();
        });
      else worker.postMessage(seed);
    };
    worker.on('message', (run: SeedRun) => {
      done(run);
      goOn();
    });
    worker.on('error', reject);
    interrupted.addEventListener(
      'abort',
      () =>
        void worker.terminate().then(() => {
          resolve();
        }),
    );
    goOn();
  });
}
