/** `npm run simulate`: the whole saga under seeded faults, in virtual time. */
import { availableParallelism } from 'node:os';
import { replayLine, runSeed, type SeedRun } from '../test/simulation/run-seed.js';
import { argumentsOf, countOf, runCommand, say, UsageError, type Command } from './command.js';
import { bugOf } from './simulate/bugs.js';
import { huntAll, huntOne } from './simulate/planted-bugs.js';
import { ProgressLine } from './simulate/progress-line.js';
import { runSeeds } from './simulate/seed-threads.js';
import { Tally } from './simulate/tally.js';

const HELP = `npm run simulate -- [--seeds <count>] [--from <seed>] [--jobs <count>]
                    --seed <seed> [--trace] [--bug <name>]
                    --bug <name> [--seeds <count>]
                    --bugs

Runs the services' own code under seeded faults, in virtual time, and looks at what must hold.

  --seeds <count>  that many seeds, from 1 on; 300 when left out
  --from <seed>    the first of them
  --jobs <count>   on so many cores; all when left out
  --seed <seed>    one run
  --trace          of one run every line of what happened
  --bug <name>     with a bug planted behind a port: looks for the first seed that catches it
  --bugs           the same with each planted bug, one after the other

Ends with 0 when nothing was wrong (with a planted bug: when it was caught), else with 1; with 2 when
it was asked for something else.`;

const { values } = argumentsOf(
  {
    options: {
      seeds: { type: 'string' },
      from: { type: 'string' },
      jobs: { type: 'string' },
      seed: { type: 'string' },
      trace: { type: 'boolean', default: false },
      bug: { type: 'string' },
      bugs: { type: 'boolean', default: false },
    },
  },
  HELP,
);

const SEEDS_DEFAULT = 300;

function countAsked(name: 'seeds' | 'from' | 'jobs', otherwise: number): number {
  const text = values[name];
  return text === undefined ? otherwise : countOf(`--${name}`, text);
}

function refuseWhatPlaysNoPart(): void {
  const { seed, seeds, from, jobs, trace, bug, bugs } = values;
  if (trace && seed === undefined) {
    throw new UsageError('--trace: expected with --seed, the one run whose lines it prints');
  }
  const ofMany = { seeds, from, jobs };
  for (const [name, text] of Object.entries(ofMany)) {
    const isIdle = seed !== undefined || bugs || (bug !== undefined && name !== 'seeds');
    if (text === undefined || !isIdle) continue;
    throw new UsageError(
      `--${name}: expected without --seed, --bug and --bugs, which say what is run`,
    );
  }
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
  const first = countAsked('from', 1);
  const count = countAsked('seeds', SEEDS_DEFAULT);
  const jobs = countAsked('jobs', availableParallelism());
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
  await runSeeds({ first, count, jobs, done, interrupted });
  return tally.wrong === 0 ? 0 : 1;
}

await runCommand(async (command: Command) => {
  refuseWhatPlaysNoPart();
  if (values.bugs) return huntAll(command);
  const bug = bugOf(values.bug);
  if (values.seed === undefined) {
    if (values.bug === undefined) return runMany(command);
    return huntOne(bug, countAsked('seeds', bug.seedsMax));
  }
  const run = await runSeed(countOf('--seed', values.seed), bug, values.trace ? say : undefined);
  show(run);
  return run.problems.length === 0 ? 0 : 1;
});
