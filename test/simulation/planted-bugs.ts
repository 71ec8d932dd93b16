/**
 * Bugs planted behind the ports, one at a time. A simulation that does not find them is worth
 * nothing: each has to be caught within its seeds, by an invariant that speaks of it.
 */
import { BUS_BUGS } from './planted-bugs/bus-bugs.js';
import { DATABASE_BUGS } from './planted-bugs/database-bugs.js';
import { LEASE_BUGS } from './planted-bugs/lease-bugs.js';
import { SILENCE_BUGS } from './planted-bugs/silence-bugs.js';
import type { PlantedBug } from './planted-bugs/planted-bug.js';
import { STORE_BUGS } from './planted-bugs/store-bugs.js';
import { TARGET_BUGS } from './planted-bugs/target-bugs.js';

export const PLANTED_BUGS: readonly PlantedBug[] = [
  ...DATABASE_BUGS,
  ...STORE_BUGS,
  ...LEASE_BUGS,
  ...BUS_BUGS,
  ...TARGET_BUGS,
  ...SILENCE_BUGS,
];
