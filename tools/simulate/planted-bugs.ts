/** `npm run simulate -- --bugs`: every planted bug, after how many seeds it was found, by what. */
import { hunt, lineOf } from '../../test/simulation/planted-bugs/hunt.js';
import { PLANTED_BUGS } from '../../test/simulation/planted-bugs.js';
import { say, type Command } from '../command.js';

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
