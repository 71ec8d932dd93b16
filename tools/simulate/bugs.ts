import { PLANTED_BUGS } from '../../test/simulation/planted-bugs.js';
import { HONEST, type PlantedBug } from '../../test/simulation/planted-bugs/planted-bug.js';
import { UsageError } from '../command.js';

/** The planted bug of this name; no bug at all when there is no name. Throws for one there is not. */
export function bugOf(name: string | undefined): PlantedBug {
  const bug = name === undefined ? HONEST : PLANTED_BUGS.find((one) => one.name === name);
  if (bug !== undefined) return bug;
  const names = PLANTED_BUGS.map((one) => one.name).join(', ');
  throw new UsageError(`--bug: expected one of ${names}, not ${name ?? ''}`);
}
