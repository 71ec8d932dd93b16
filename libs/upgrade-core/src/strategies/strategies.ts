/** Every strategy by name. */
import type { StrategyName } from '../execution/execution.js';
import { blueGreen } from './blue-green.js';
import { canary } from './canary.js';
import type { Planner } from './planner.js';
import { recreate } from './recreate.js';
import { rolling } from './rolling.js';
import { staged } from './staged.js';

export const PLANNERS: Readonly<Record<StrategyName, Planner>> = {
  ROLLING: rolling,
  CANARY: canary,
  BLUE_GREEN: blueGreen,
  RECREATE: recreate,
  STAGED: staged,
};
