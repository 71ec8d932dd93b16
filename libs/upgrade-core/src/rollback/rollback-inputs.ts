/** What comes in to a rollback, and what a decision about it may be. */
import type { SettledSteps } from '../execution/execution-inputs.js';
import type { SetOperationEnded, SetsAsked } from './sets-back.js';
import type { RollbackKey, RollbackMove, RollbackSaying, RollbackWork, Sight } from './rollback.js';

/** One page of a question. */
export interface RollbackAsked extends RollbackKey {
  readonly type: 'ROLLBACK_ASKED';
  readonly kind: RollbackWork['kind'];
  readonly commandId: string;
  /** Of `pages`, from 1. */
  readonly page: number;
  readonly pages: number;
  /** How many instances the page names. */
  readonly instances: number;
  readonly listed: number;
  readonly maxUnavailablePercentage: number;
  readonly batchSize: number;
  readonly ignoresRoom: boolean;
  /** Then the question is one page and names no instances. */
  readonly sets: SetsAsked | null;
  /** The newest work of the execution, when it is of an older or newer hand-over; else null. */
  readonly other: Pick<RollbackWork, 'handOver' | 'reported' | 'settled'> | null;
}

/** Instances that ended the same step in the same way. */
export interface SettledRollbackSteps extends Pick<
  SettledSteps,
  'step' | 'attempt' | 'outcome' | 'failure' | 'indices'
> {
  /** For each index in its place, in a sentence; null where nothing failed. */
  readonly reasons: readonly (string | null)[];
}

export type RollbackInput =
  | RollbackAsked
  | {
      readonly type: 'INSTANCES_LOOKED_AT';
      /** The status in which the store holds all of them. */
      readonly from: 'UNSEEN' | 'DOWN';
      /** Before the target was asked. */
      readonly lookedAtMs: number;
      readonly seen: Readonly<Record<Sight, readonly number[]>>;
    }
  /** Indices are those that the store holds in exactly this step and attempt. */
  | { readonly type: 'STEPS_SETTLED'; readonly settled: readonly SettledRollbackSteps[] }
  | {
      readonly type: 'ROOM_COUNTED';
      /** Down instances of the target that are not under way here. */
      readonly othersDown: number;
      /** UP ones of ours that are down by now: they need no room any more. */
      readonly fallen: readonly number[];
      readonly countedAtMs: number;
    }
  | SetOperationEnded
  /** No driver can open the target by these settings: nothing can be done, now or later. */
  | { readonly type: 'TARGET_REFUSED'; readonly reason: string }
  | { readonly type: 'TIME_PASSED' };

export type RollbackDecision =
  | {
      readonly kind: 'DECIDED';
      readonly next: RollbackWork;
      /** To be applied in this order, each to what the ones before have left. */
      readonly moves: readonly RollbackMove[];
      readonly says: readonly RollbackSaying[];
      /** The page of the question is new: its instances are to be stored as UNSEEN. */
      readonly storesPage: boolean;
      /** Older hand-overs of the execution are STOPPED. */
      readonly stopsOlder: boolean;
    }
  /** Acknowledged and counted; nothing changes. */
  | { readonly kind: 'ABSORBED'; readonly why: string }
  /** An error of whoever asked: a dead letter. */
  | { readonly kind: 'IMPOSSIBLE'; readonly why: string };
