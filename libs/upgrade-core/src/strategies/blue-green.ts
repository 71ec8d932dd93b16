/**
 * BLUE_GREEN: a whole new set beside the old one, all of it at once: it takes nothing from the
 * traffic, so there is no room to keep. Begun when every row knows its instance (spec §5).
 */
import type { Guarded } from '../execution/execution.js';
import { NOTHING, type BatchChoice, type Planner } from './planner.js';

export const blueGreen: Planner = {
  needsRoom: false,
  firstStep: 'UPGRADING',
  firstPhase: 'IN_PROGRESS',
  staged: false,
  nextBatch(execution: Guarded): BatchChoice {
    if (execution.newSet?.named !== execution.total) return NOTHING;
    return { down: [], healthy: execution.counters.PENDING };
  },
};
