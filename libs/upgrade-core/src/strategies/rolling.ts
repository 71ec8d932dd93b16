/**
 * ROLLING: batches of `min(batchSize, what fits)`. The batch is the barrier: a slow member delays
 * the next batch, never the other members' transitions (spec §5).
 */
import type { Guarded, RoomReading } from '../execution/execution.js';
import { pendingInPhase } from './phase.js';
import { NOTHING, type BatchChoice, type Planner } from './planner.js';
import { healthyThatFit } from './room.js';

export const rolling: Planner = {
  needsRoom: true,
  firstStep: 'DRAINING',
  firstPhase: 'IN_PROGRESS',
  staged: false,
  nextBatch(execution: Guarded, room: RoomReading | null): BatchChoice {
    if (room === null) return NOTHING;
    const { plan, counters, listed } = execution;
    const most = Math.min(plan.batchSize, pendingInPhase(execution));
    // Taking one that is down moves it from "others' down" to "under way": the sum stays.
    const down = room.downPending.slice(0, most);
    const fit = healthyThatFit(
      { listed, maxUnavailablePercentage: plan.maxUnavailablePercentage },
      room.othersDown,
      counters,
    );
    const healthyPending = counters.PENDING - room.downPending.length;
    return { down, healthy: Math.max(0, Math.min(most - down.length, fit, healthyPending)) };
  },
};
