/** Planted bugs: after how many seeds each was found, and by what. */
import { PLANTED_BUGS } from '../../test/simulation/planted-bugs.js';
import { hunt, lineOf } from '../../test/simulation/planted-bugs/hunt.js';
import type { PlantedBug } from '../../test/simulation/planted-bugs/planted-bug.js';
import { replayLine } from '../../test/simulation/run-seed.js';
import { say, type Command } from '../command.js';

/** Answers 1 when it was not found within so many seeds. */
export async function huntOne(bug: PlantedBug, seedsMax: number): Promise<number> {
  say(`${bug.name}: ${bug.what}; to be caught by ${bug.caughtBy.join(' or ')}`);
  const { seed, problems } = await hunt(bug, seedsMax);
  if (seed === null) say(`not caught within ${String(seedsMax)} seeds`);
  else say(`caught by seed ${String(seed)}; again: ${replayLine({ seed }, bug)}`);
  for (const problem of problems) say(`  ${problem}`);
  return seed === null ? 1 : 0;
}

/** Answers 1 when one of them was not found within its seeds. */
export async function huntAll({ interrupted }: Pick<Command, 'interrupted'>): Promise<number> {
  let missed = 0;
  for (const bug of PLANTED_BUGS) {
    if (interrupted.aborted) break;
    const found = await hunt(bug);
    if (found.seed === null) missed += 1;
    say(lineOf(found));
  }
  say(`${String(PLANTED_BUGS.length)} planted bugs, ${String(missed)} not found`);
  return missed === 0 ? 0 : 1;
}
