/** What must have held, once all is over. */
import type { SimulatedWorld } from './simulated-world.js';

/** Answers what was wrong at any time, a sentence each. */
export function checkAll(world: SimulatedWorld): Promise<readonly string[]> {
  return world.judge();
}
