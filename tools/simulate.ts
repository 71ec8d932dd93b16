/**
 * `npm run simulate`: the whole saga under seeded faults, in virtual time.
 *
 *   npm run simulate -- --seeds 10000         seeds 1 to 10000 on all cores; --from 5001 begins
 *                                             elsewhere, --jobs 1 leaves the other cores alone
 *   npm run simulate -- --seed 42 --trace     one run, line by line
 *   npm run simulate -- --bug dual-write      with a planted bug, which must be caught
 *   npm run simulate -- --bugs                each planted bug, and after how many seeds it was
 */
import { availableParallelism } from 'node:os';
import { replayLine, runSeed, type SeedRun } from '../test/simulation/run-seed.js';
import { optionsOf, runCommand, say, type Command } from './command.js';
import { bugOf } from './simulate/bugs.js';
import { huntAll } from './simulate/planted-bugs.js';
import { ProgressLine } from './simulate/progress-line.js';
import { runSeeds } from './simulate/seed-threads.js';
import { Tally } from './simulate/tally.js';

const values = optionsOf({
  seeds: { type: 'string', default: '300' },
  from: { type: 'string', default: '1' },
  jobs: { type: 'string', default: String(availableParallelism()) },
  seed: { type: 'string' },
  trace: { type: 'boolean', default: false },
  bug: { type: 'string' },
  bugs: { type: 'boolean', default: false },
});

/** A whole number of at least 1, as it was typed. */
function countOf(name: 'seeds' | 'from' | 'jobs' | 'seed'): number {
  const text = values[name] ?? '';
  const count = Number(text);
  if (Number.isSafeInteger(count) && count >= 1) return count;
  throw new Error(`--${name} is a whole number from 1, not ${text}`);
}

function show(run: SeedRun): void {
  const { problems, ends, virtualMs, events, traceHash } = run;
  const seconds = (virtualMs / 1_000).toFixed(0);
  const after = `${seconds} s and ${String(events)} events`;
  say(`seed ${String(run.seed)}: ${ends.join(', ')} after ${after}; trace ${traceHash}`);
  for (const problem of problems) say(`  WRONG  ${problem}`);
  if (problems.length > 0) say(`  again: ${replayLine(run, bugOf(values.bug))}`);
}

/** How fast: seeds for each second that passed, and for each second of one core. */
class Pace {
  readonly #startedMs = performance.now();
  readonly #startedCpu = process.cpuUsage();

  of(seeds: number): string {
    const seconds = (performance.now() - this.#startedMs) / 1_000;
    const { user, system } = process.cpuUsage(this.#startedCpu);
    const [perSecond, perCore] = [seeds / seconds, (seeds * 1e6) / (user + system)];
    const pace = `${perSecond.toFixed(1)} per second, ${perCore.toFixed(1)} of one core`;
    return `${String(seeds)} seeds in ${seconds.toFixed(1)} s (${pace})`;
  }
}

async function runMany(command: Command): Promise<number> {
  const [first, count, jobs] = [countOf('from'), countOf('seeds'), countOf('jobs')];
  const tally = new Tally();
  const pace = new Pace();
  const progress = new ProgressLine(process.stdout, () => performance.now());
  const stand = (): string => `${pace.of(tally.done)}, ${String(tally.wrong)} wrong`;
  command.onEnd(() => {
    progress.clear();
    for (const line of tally.lines()) say(line);
    const left = count - tally.done;
    say(left === 0 ? stand() : `${stand()}; ${String(left)} were not run`);
  });
  const done = (run: SeedRun): void => {
    tally.add(run);
    if (run.problems.length > 0) {
      progress.clear();
      show(run);
    }
    progress.show(() => `${stand()}; ${String(count - tally.done)} to go`);
  };
  const { interrupted } = command;
  await runSeeds({ first, count, jobs, bug: values.bug, done, interrupted });
  return tally.wrong === 0 ? 0 : 1;
}

await runCommand(async (command: Command) => {
  if (values.bugs) return huntAll(command);
  const bug = bugOf(values.bug);
  if (values.seed === undefined) return runMany(command);
  const run = await runSeed(countOf('seed'), bug, values.trace ? say : undefined);
  show(run);
  return run.problems.length === 0 ? 0 : 1;
});
