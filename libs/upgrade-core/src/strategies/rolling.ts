/**
 * ROLLING: batches of `min(batchSize, what fits)`. The batch is the barrier: a slow member delays
 * the next batch, never the other members' transitions (spec §5).
 */
import type { Guarded, RoomReading } from '../execution/execution.js';
import type { BatchChoice, Planner } from './planner.js';
import { healthyThatFit } from './room.js';

export const rolling: Planner = {
  nextBatch(execution: Guarded, room: RoomReading): BatchChoice {
    const { plan, counters, listed } = execution;
    // Taking one that is down moves it from "others' down" to "under way": the sum stays.
    const down = room.downPending.slice(0, plan.batchSize);
    const fit = healthyThatFit(
      { listed, maxUnavailablePercentage: plan.maxUnavailablePercentage },
      room.othersDown,
      counters,
    );
    const healthyPending = counters.PENDING - room.downPending.length;
    return {
      down,
      healthy: Math.max(0, Math.min(plan.batchSize - down.length, fit, healthyPending)),
    };
  },
};
