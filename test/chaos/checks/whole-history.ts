/** Whether a history is one that can be judged: of what is not in it, no other check has a word. */
import { linesOf } from '../history.js';
import type { Checked, Finding, Ledger } from './ledger.js';

/** It goes to its end, something was upgraded, and all there was in the end was looked at. */
export function historyIsWhole({ run, lines, executions }: Ledger): Checked {
  const findings: Finding[] = [];
  const last = lines.at(-1)?.line ?? 0;
  const wrong = (what: string): void => void findings.push({ what, lines: [last] });
  if (!linesOf(lines, 'PHASE').some(({ phase }) => phase === 'CENSUS')) {
    wrong('it ends before all was over');
  }
  if (executions.size === 0) wrong('no upgrade is in it');
  const standing = linesOf(lines, 'STANDING').map(({ fleet }) => fleet);
  for (const { fleet } of run.fleets) {
    if (!standing.includes(fleet)) wrong(`nobody has looked at ${fleet} in the end`);
  }
  // Told last of all.
  if (linesOf(lines, 'DEAD_LETTERS').length === 0) wrong('nobody has looked for dead letters');
  return { looked: lines.length, findings };
}
