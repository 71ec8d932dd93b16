/** RECREATE: all at once. It ignores the room: there is downtime, and it was asked for (spec §5). */
import type { Guarded } from '../execution/execution.js';
import type { BatchChoice, Planner } from './planner.js';

export const recreate: Planner = {
  needsRoom: false,
  firstStep: 'DRAINING',
  firstPhase: 'IN_PROGRESS',
  staged: false,
  nextBatch(execution: Guarded): BatchChoice {
    return { down: [], healthy: execution.counters.PENDING };
  },
};
