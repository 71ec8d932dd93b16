/** Every strategy by name. Null: it has a name but cannot be asked for yet (422 at create). */
import type { StrategyName } from '../execution/execution.js';
import type { Planner } from './planner.js';
import { rolling } from './rolling.js';

export const PLANNERS: Readonly<Record<StrategyName, Planner | null>> = {
  ROLLING: rolling,
  CANARY: null,
  BLUE_GREEN: null,
  RECREATE: null,
  STAGED: null,
};

export function isAvailable(strategy: StrategyName): boolean {
  return PLANNERS[strategy] !== null;
}

/** The planner of a strategy that was available when its execution was created. */
export function plannerOf(strategy: StrategyName): Planner {
  const planner = PLANNERS[strategy];
  if (planner === null) throw new Error(`strategy ${strategy} has no planner`);
  return planner;
}
