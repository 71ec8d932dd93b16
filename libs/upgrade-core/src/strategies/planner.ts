/** What a strategy decides; all else is the same for all of them and stands in the table. */
import type { Guarded, RoomReading } from '../execution/execution.js';

/** The instances a batch takes: down ones by name, healthy ones as the next by index. */
export interface BatchChoice {
  /** PENDING instances that are down already, by index: they need no room. */
  readonly down: readonly number[];
  /** How many healthy PENDING ones besides. */
  readonly healthy: number;
}

export interface Planner {
  /** What the next batch takes now; nothing when not even one fits. */
  nextBatch(execution: Guarded, room: RoomReading): BatchChoice;
}

export function sizeOf(choice: BatchChoice): number {
  return choice.down.length + choice.healthy;
}
