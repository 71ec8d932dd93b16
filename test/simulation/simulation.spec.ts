import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { GUARDS, ROWS } from '#core/execution/execution-transitions.js';
import { Tally } from '../../tools/simulate/tally.js';
import { INVARIANTS } from './invariants/invariants.js';
import { REGRESSIONS } from './regressions.js';
import { ROWS_OUT_OF_REACH } from './rows-out-of-reach.js';
import { replayLine, runSeed } from './run-seed.js';

const SEEDS = 240;
/** Seeds of one test: few enough that a slow machine says which of them it is busy with. */
const SEEDS_PER_TEST = 20;
const LIMIT_MS = 300_000;

/** Of one I/O at each port, of processes, of parts as a whole, and of people. */
const FAULTS = [
  ...['slow', 'failed', 'answer lost', 'crashed', 'outage'].flatMap((kind) =>
    ['database', 'bus', 'target'].map((port) => `${port}: ${kind}`),
  ),
  ...['database: away', 'broker: away', 'target: away', 'database: connections cut'],
  ...['bus: doubled', 'bus: written in part', 'bus: replayed', 'bus: expelled'],
  ...['target: doubled', 'target: faults changed', 'target: instance falls'],
  ...['target: instance vanishes', 'target: instance appears', 'killed', 'frozen', 'power cut'],
  ...['night', 'operator: doubled', 'operator: answer lost', 'operator: of another tenant'],
];

const ROOT = join(import.meta.dirname, '..', '..');
const LOADER = pathToFileURL(join(ROOT, 'tools', 'typescript.mjs')).href;

const batches = Array.from({ length: SEEDS / SEEDS_PER_TEST }, (_, at) => at * SEEDS_PER_TEST + 1);

/** Of all seeds so far: what each invariant says was looked at, and the faults that struck. */
const seen = new Set<string>();
const rowsTaken = new Set<string>();

async function mustBeSound(seed: number): Promise<void> {
  const run = await runSeed(seed);
  for (const what of [...run.looks.keys(), ...run.struck.keys()]) seen.add(what);
  for (const row of run.rowsHit.keys()) rowsTaken.add(row);
  const again = replayLine(run);
  expect({ problems: run.problems, again }).toEqual({ problems: [], again });
}

/** What the command prints, line by line. */
async function simulate(...args: readonly string[]): Promise<string[]> {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const flags = [
    '--conditions=source',
    `--import=${LOADER}`,
    '--disable-warning=ExperimentalWarning',
  ];
  const command = [...flags, join(ROOT, 'tools', 'simulate.ts'), ...args];
  const options = { env, cwd: ROOT, maxBuffer: 64 * 1_048_576 };
  const { stdout } = await promisify(execFile)(process.execPath, command, options);
  return stdout.trimEnd().split('\n');
}

describe('the saga under seeded faults', () => {
  it.each(batches)(
    'keeps every invariant and ends: seeds from %d',
    async (first) => {
      for (let seed = first; seed < first + SEEDS_PER_TEST; seed += 1) await mustBeSound(seed);
    },
    LIMIT_MS,
  );

  it('has looked at every invariant while every kind of fault struck', () => {
    const says = INVARIANTS.map((one) => one.says);
    expect([...says, ...FAULTS].filter((what) => !seen.has(what))).toEqual([]);
  });

  it('has taken no row that is said to be out of reach', () => {
    const names = [...ROWS, ...GUARDS].map(({ name }) => name);
    const said = [...ROWS_OUT_OF_REACH.keys()];
    expect(said.filter((name) => !names.includes(name) || rowsTaken.has(name))).toEqual([]);
  });

  it.each(REGRESSIONS)('keeps what seed $seed once found: $found', ({ seed }) => mustBeSound(seed));

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

  it(
    'runs the same way in another process, to the byte',
    async () => {
      const lines: string[] = [];
      await runSeed(7, undefined, (line) => lines.push(line));
      const printed = await simulate('--seed', '7', '--trace');
      expect(printed.slice(0, lines.length)).toEqual(lines);
      expect(printed).toHaveLength(lines.length + 1);
    },
    LIMIT_MS,
  );

  it(
    'finds the same on two threads of another process',
    async () => {
      const tally = new Tally();
      for (let seed = 1; seed <= 4; seed += 1) tally.add(await runSeed(seed));
      const printed = await simulate('--seeds', '4', '--jobs', '2');
      // How long it took is another matter.
      expect(printed.filter((line) => !line.includes(' seeds in '))).toEqual(tally.lines());
    },
    LIMIT_MS,
  );
});
