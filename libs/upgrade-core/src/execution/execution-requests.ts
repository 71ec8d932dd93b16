/**
 * What a decision asks of the world. Operations on instances are not among them: an instance's row
 * says what is to be done with it, so the engine needs no second word (and a restart none either).
 */
import type { LeftOver } from './execution.js';

/**
 * The last two outlive their execution: the kept set of a BLUE_GREEN upgrade goes then, and traffic
 * that was weighed for canaries goes by the number of instances again.
 */
export type TimerKind = 'BATCH_DELAY' | 'DEADLINE' | 'REMINDER' | 'RETIRE_STANDBY' | 'EVEN_TRAFFIC';

/** The set that a BLUE_GREEN upgrade has left, kept for a while so that it can be gone back to. */
export interface StandbySet {
  readonly set: string;
  readonly versionId: string;
  readonly retireAtMs: number;
}

export type Request =
  /** Page the target's instances into rows. */
  | { readonly type: 'LIST_INSTANCES' }
  /** Ask the validator for the checks before. */
  | { readonly type: 'RUN_PRE_CHECKS'; readonly handOver: number }
  /** Ask the validator for the checks after, over all instances taken. */
  | {
      readonly type: 'RUN_POST_CHECKS';
      readonly handOver: number;
      /** No listed instance was left out: whoever else is listed by now is to be told. */
      readonly takesAll: boolean;
    }
  /** Count the target's room: the reading in the execution is missing or too old. */
  | { readonly type: 'COUNT_ROOM' }
  /** Ask the canary monitor to watch the canaries: all instances touched so far. */
  | { readonly type: 'WATCH_CANARIES'; readonly handOver: number }
  | { readonly type: 'END_WATCH'; readonly handOver: number }
  /** Hand all touched instances, or the new set, to the rollback agent. */
  | { readonly type: 'ROLL_BACK'; readonly handOver: number }
  /** Tell the rollback agent to stop: its fence is superseded. */
  | { readonly type: 'STOP_ROLLBACK'; readonly handOver: number }
  | { readonly type: 'ARM_TIMER'; readonly timer: TimerKind; readonly atMs: number }
  | { readonly type: 'DISARM_TIMER'; readonly timer: TimerKind }
  /** The execution ended: write what runs now into the tenant's deployment. */
  | {
      readonly type: 'RECORD_DEPLOYMENT';
      /** All listed instances are on the target version: it becomes the current one. */
      readonly currentVersionId: string | null;
      readonly leftOver: readonly LeftOver[];
    }
  /** Traffic that was weighed for canaries goes by the number of instances again. */
  | { readonly type: 'EVEN_TRAFFIC' }
  /** Which set is kept beside the live one; null: none any more. */
  | { readonly type: 'RECORD_STANDBY'; readonly standby: StandbySet | null };

export type RequestType = Request['type'];
