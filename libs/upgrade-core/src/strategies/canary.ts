/**
 * CANARY: the canaries first, by the rules of ROLLING and within the room; they are watched, and
 * after the promotion the rest follows by ROLLING (spec §5).
 */
import type { Planner } from './planner.js';
import { rolling } from './rolling.js';

export const canary: Planner = { ...rolling, firstPhase: 'CANARY_RUNNING' };
