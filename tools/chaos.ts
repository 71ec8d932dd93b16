/**
 * `npm run chaos`: the product as it is built, two replicas of each service on real servers and
 * real processes, upgraded over and over under a nemesis; then a history is held against what must
 * hold.
 *
 *   npm run chaos -- --minutes 10             everything there is, for so long
 *   npm run chaos -- --kills 50               kills alone, while fleets of 200 are upgraded
 *   npm run chaos -- --seed 7                 what is asked for and struck; else drawn
 *   npm run chaos -- --keep                   the history and the logs stay in any case
 *   npm run chaos -- --check history.jsonl    judges a history that was kept
 *
 * A seed gives the same plan again, not the same run: when things happen is up to the machine.
 */
import type { ChaosPlan } from '../test/chaos/chaos-run.js';
import { killsPlan, longPlan } from '../test/chaos/chaos-plans.js';
import { checkHistory } from '../test/chaos/checks/checks.js';
import { readHistory } from '../test/chaos/history.js';
import { judgeRun } from '../test/chaos/judged-run.js';
import { summaryOf, type Summary } from '../test/chaos/summary.js';
import { optionsOf, runCommand, say, type Command } from './command.js';

const SEEDS = 1_000_000;

const values = optionsOf({
  minutes: { type: 'string', default: '2' },
  kills: { type: 'string' },
  seed: { type: 'string' },
  keep: { type: 'boolean', default: false },
  check: { type: 'string' },
});

function numberOf(name: string, text: string): number {
  const number = Number(text);
  if (Number.isFinite(number) && number > 0) return number;
  throw new Error(`--${name}: expected a number above 0, not ${text}`);
}

function plan(): ChaosPlan {
  const { minutes, kills, seed } = values;
  const drawn = seed === undefined ? 1 + Math.floor(Math.random() * SEEDS) : numberOf('seed', seed);
  if (kills !== undefined) return killsPlan(drawn, numberOf('kills', kills));
  return longPlan(drawn, numberOf('minutes', minutes));
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
  if (values.check !== undefined) {
    const history = readHistory(values.check);
    return show(summaryOf(history, checkHistory(history)));
  }
  const running = run(command);
  // Whoever interrupts a run still learns what it has found, and nothing of it stays.
  command.onEnd(async () => {
    await running.catch(() => undefined);
  });
  return running;
});
