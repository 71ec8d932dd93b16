/**
 * `npm run chaos`: the product as it is built, two replicas of each service on real servers and
 * real processes, upgraded over and over under a nemesis; then a history is held against what must
 * hold.
 */
import type { ChaosPlan } from '../test/chaos/chaos-run.js';
import { killsPlan, longPlan } from '../test/chaos/chaos-plans.js';
import { checkHistory } from '../test/chaos/checks/checks.js';
import { readHistory } from '../test/chaos/history.js';
import { judgeRun } from '../test/chaos/judged-run.js';
import { summaryOf, type Summary } from '../test/chaos/summary.js';
import { argumentsOf, countOf, runCommand, say, UsageError, type Command } from './command.js';

const HELP = `npm run chaos -- [--minutes <minutes> | --kills <count>] [--seed <seed>] [--keep]
                 --check <history.jsonl>

Upgrades fleets over and over on real servers, two replicas of each service, under a nemesis; then
heals everything, waits until everything has ended, and holds its history against what must hold.

  --minutes <minutes>  everything the nemesis can do, for so long; 2 when left out
  --kills <count>      kills alone, so many and some at moments that hurt, while fleets of 200 are
                       upgraded
  --seed <seed>        what is asked for and struck; drawn when left out. It gives the same plan
                       again, not the same run: when things happen is up to the machine
  --keep               the history and the logs stay in any case; else only where something is wrong
  --check <file>       judges a history that was kept, and runs nothing

Ends with 0 when nothing is wrong, with 1 when something is, with 2 when it was asked for something
else.`;

const SEEDS = 1_000_000;
const MINUTES_DEFAULT = 2;

const { values } = argumentsOf(
  {
    options: {
      minutes: { type: 'string' },
      kills: { type: 'string' },
      seed: { type: 'string' },
      keep: { type: 'boolean', default: false },
      check: { type: 'string' },
    },
  },
  HELP,
);

function minutesOf(text: string): number {
  const minutes = Number(text);
  if (Number.isFinite(minutes) && minutes > 0) return minutes;
  throw new UsageError(`--minutes: expected a number above 0, not ${text}`);
}

function plan(): ChaosPlan {
  const { minutes, kills, seed } = values;
  if (minutes !== undefined && kills !== undefined) {
    throw new UsageError('--minutes: expected without --kills, which says how long it lasts');
  }
  const isDrawn = seed === undefined;
  const drawn = isDrawn ? 1 + Math.floor(Math.random() * SEEDS) : countOf('--seed', seed);
  if (kills !== undefined) return killsPlan(drawn, countOf('--kills', kills));
  return longPlan(drawn, minutes === undefined ? MINUTES_DEFAULT : minutesOf(minutes));
}

/** A history from before. */
function judge(path: string): Summary {
  try {
    const history = readHistory(path);
    return summaryOf(history, checkHistory(history));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UsageError(`--check: expected the history.jsonl of a run: ${why}`);
  }
}

function show({ lines, isClean }: Summary): number {
  for (const line of lines) say(line);
  say(isClean ? '✓ nothing is wrong' : '✗ something is wrong');
  return isClean ? 0 : 1;
}

async function run({ interrupted }: Command): Promise<number> {
  const chosen = plan();
  say(`seed ${String(chosen.seed)}: the same plan again by --seed ${String(chosen.seed)}`);
  return show(await judgeRun(chosen, { report: say, interrupted, keep: values.keep }));
}

await runCommand(async (command) => {
  if (values.check !== undefined) return show(judge(values.check));
  const running = run(command);
  // Whoever interrupts a run still learns what it has found, and nothing of it stays.
  command.onEnd(async () => {
    await running.catch(() => undefined);
  });
  return running;
});
