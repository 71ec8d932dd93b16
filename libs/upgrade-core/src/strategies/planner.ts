/** What a strategy decides; all else is the same for all of them and stands in the table. */
import type { Guarded, RoomReading } from '../execution/execution.js';

/** The instances a batch takes: down ones by name, healthy ones as the next by index. */
export interface BatchChoice {
  /** PENDING instances that are down already, by index: they need no room. */
  readonly down: readonly number[];
  /** How many healthy PENDING ones besides. */
  readonly healthy: number;
}

export const NOTHING: BatchChoice = { down: [], healthy: 0 };

export interface Planner {
  /** False: it takes what it takes whatever the room is, and nobody counts it. */
  readonly needsRoom: boolean;
  /** What an instance begins with: those of a new set have nothing to drain. */
  readonly firstStep: 'DRAINING' | 'UPGRADING';
  readonly firstPhase: 'CANARY_RUNNING' | 'IN_PROGRESS';
  /** A person approves each further batch. */
  readonly staged: boolean;
  /**
   * What the next batch takes now; nothing when not even one fits.
   *
   * @param room a fresh count; null only for a planner that needs none
   */
  nextBatch(execution: Guarded, room: RoomReading | null): BatchChoice;
}

export function sizeOf(choice: BatchChoice): number {
  return choice.down.length + choice.healthy;
}
