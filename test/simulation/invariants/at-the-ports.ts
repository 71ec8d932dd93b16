/** What can be seen where a service meets its ports: it goes by what it was really told there. */
import type { Invariant } from './invariant.js';
import { oncePerAttempt } from './i01-once-per-attempt.js';
import { allTakenIn } from './i02-taken-in.js';
import { byTheCount } from './i04-by-the-count.js';
import { byAFreshCount } from './i04-fresh-count.js';
import { delaysKept } from './i06-delays.js';
import { nothingNeedless } from './i07-needless.js';
import { answersAreTheirs } from './i08-answers.js';
import { passesWereSaid } from './i09-evidence.js';
import { oneWins } from './i10-one-wins.js';
import { ownersProve } from './i11-belief.js';

export const AT_THE_PORTS: readonly Invariant[] = [
  ...[oncePerAttempt, allTakenIn, byTheCount, byAFreshCount, delaysKept],
  ...[nothingNeedless, answersAreTheirs, passesWereSaid, oneWins, ownersProve],
];
