/**
 * `npm run simulate`: the whole saga under seeded faults, in virtual time.
 *
 *   npm run simulate -- --seeds 1000          seeds 1 to 1000; --from 5001 begins elsewhere
 *   npm run simulate -- --seed 42 --trace     one run, line by line
 *   npm run simulate -- --bug dual-write      with a planted bug, which must be caught
 */
import { parseArgs } from 'node:util';
import { GUARDS, ROWS } from '#core/execution/execution-transitions.js';
import { PLANTED_BUGS } from '../test/simulation/planted-bugs.js';
import { HONEST } from '../test/simulation/planted-bugs/planted-bug.js';
import { replayLine, runSeed, type SeedRun } from '../test/simulation/run-seed.js';
import { runCommand, say, type Command } from './command.js';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '300' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    bug: { type: 'string' },
  },
});

function bugOf(name: string | undefined) {
  const bug = name === undefined ? HONEST : PLANTED_BUGS.find((one) => one.name === name);
  if (bug === undefined) {
    const names = PLANTED_BUGS.map((one) => one.name).join(', ');
    throw new Error(`there is no planted bug ${name ?? ''}; there are ${names}`);
  }
  return bug;
}

function show(run: SeedRun): void {
  const { problems, ends, virtualMs, events, traceHash } = run;
  const seconds = (virtualMs / 1_000).toFixed(0);
  say(
    `seed ${String(run.seed)}: ${ends.join(', ')} after ${seconds} s and ${String(events)} events`,
  );
  say(`trace ${traceHash}`);
  for (const problem of problems) say(`  WRONG  ${problem}`);
}

await runCommand(async ({ interrupted }: Command) => {
  const bug = bugOf(values.bug);
  if (values.seed !== undefined) {
    const run = await runSeed(Number(values.seed), bug, values.trace ? say : undefined);
    show(run);
    return run.problems.length === 0 ? 0 : 1;
  }
  const [first, count] = [Number(values.from), Number(values.seeds)];
  const startedMs = performance.now();
  const startedCpu = process.cpuUsage();
  const ends = new Map<string, number>();
  const untaken = new Set([...ROWS, ...GUARDS].map(({ name }) => name));
  let wrong = 0;
  let done = 0;
  for (let seed = first; seed < first + count && !interrupted.aborted; seed += 1) {
    const run = await runSeed(seed, bug);
    done += 1;
    for (const row of run.rowsHit.keys()) untaken.delete(row);
    for (const end of run.ends) ends.set(end, (ends.get(end) ?? 0) + 1);
    if (run.problems.length === 0) continue;
    wrong += 1;
    show(run);
    say(`  again: ${replayLine(run, bug)}`);
  }
  const seconds = (performance.now() - startedMs) / 1_000;
  const { user, system } = process.cpuUsage(startedCpu);
  const perCpuSecond = ((done * 1e6) / (user + system)).toFixed(1);
  say(
    `${String(done)} seeds in ${seconds.toFixed(1)} s, ${perCpuSecond} per second of one core; ` +
      `${String(wrong)} wrong`,
  );
  say([...ends].map(([end, times]) => `${end} ${String(times)}`).join(', '));
  if (untaken.size > 0) say(`rows of the table that no seed took: ${[...untaken].join(', ')}`);
  return wrong === 0 ? 0 : 1;
});
