/** STAGED: ROLLING, and a stage is one batch: a person approves each that follows (spec §5). */
import type { Planner } from './planner.js';
import { rolling } from './rolling.js';

export const staged: Planner = { ...rolling, staged: true };
