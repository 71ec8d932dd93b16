/**
 * What comes in: an *action* is what a person asks, a *report* is what a target, a service or a
 * clock says. Conditions are not inputs: they are the guards, judged after every input (spec §3).
 */
import type { CanarySample, CanaryVerdict, SampleTotals } from '../canary/canary-samples.js';
import type { CheckResult, InstanceStatus, LeftOver, RoomReading, Step } from './execution.js';

export const ACTION_TYPES = [
  'START',
  'PAUSE',
  'RESUME',
  'APPROVE',
  'PROMOTE_CANARY',
  'ROLLBACK',
  'CANCEL',
  'REVERT',
] as const;
export type ActionType = (typeof ACTION_TYPES)[number];

export interface Action {
  readonly type: ActionType;
  /** Who claims to ask (`X-Actor`), at most 200 characters. */
  readonly by: string;
  readonly reason: string | null;
  readonly force: boolean;
}

/** Why an instance failed; the sentence beside it says more. */
export const FAILURE_KINDS = [
  'DRAIN_FAILED',
  'BRING_FAILED',
  'UNHEALTHY',
  'WRONG_VERSION',
  'READMIT_FAILED',
  'VANISHED',
  'TIMEOUT',
] as const;
export type FailureKind = (typeof FAILURE_KINDS)[number];

/**
 * Instances that ended the same step in the same way. The indices are those that the store holds
 * in exactly this step and attempt: what came late or twice has been taken out before.
 */
export interface SettledSteps {
  readonly step: Step;
  readonly attempt: number;
  readonly outcome: 'DONE' | 'FAILED';
  readonly failure: FailureKind | null;
  readonly reason: string | null;
  /** Ascending, without doubles. */
  readonly indices: readonly number[];
  /** Connections that were closed at the end of the drain, summed over the instances. */
  readonly closedConnections: number;
}

/** Restored instances, by the status in which the store held them. */
export interface RestoredInstances {
  readonly from: InstanceStatus;
  readonly indices: readonly number[];
}

export const REPORT_TYPES = [
  'INSTANCES_LISTED',
  'LISTING_FAILED',
  'PRE_CHECKS_ENDED',
  'CHECKS_PROGRESSED',
  'STEPS_SETTLED',
  'ROOM_COUNTED',
  'BATCH_DELAY_OVER',
  'DEADLINE_PASSED',
  'POST_CHECKS_ENDED',
  'FLEET_COMPARED',
  'SET_OPERATION_ENDED',
  'SET_LISTED',
  'CANARY_WATCHED',
  'REMINDER_DUE',
  'ROLLBACK_PROGRESSED',
] as const;
export type ReportType = (typeof REPORT_TYPES)[number];

export type Report =
  | {
      readonly type: 'INSTANCES_LISTED';
      /** How many the page held, and how many of them are taken / were on the version already. */
      readonly listed: number;
      readonly taken: number;
      readonly alreadyThere: number;
      /** Null on the last page. */
      readonly nextCursor: string | null;
      /** The cursor this page was asked with: tells a repeated page. */
      readonly cursor: string | null;
    }
  | { readonly type: 'LISTING_FAILED'; readonly reason: string }
  | {
      readonly type: 'PRE_CHECKS_ENDED';
      readonly handOver: number;
      readonly checks: readonly CheckResult[];
    }
  /** Checks are under way and live: long work says so at least every 30 s. */
  | {
      readonly type: 'CHECKS_PROGRESSED';
      readonly handOver: number;
      readonly kind: 'PRE' | 'POST';
    }
  | {
      readonly type: 'STEPS_SETTLED';
      readonly handOver: number;
      readonly settled: readonly SettledSteps[];
      /** The latest count, when there is a newer one than the execution holds. */
      readonly room: RoomReading | null;
    }
  | { readonly type: 'ROOM_COUNTED'; readonly room: RoomReading }
  | { readonly type: 'BATCH_DELAY_OVER' }
  | { readonly type: 'DEADLINE_PASSED' }
  | {
      readonly type: 'POST_CHECKS_ENDED';
      readonly handOver: number;
      readonly checks: readonly CheckResult[];
    }
  /** The target lists other instances than those that were taken in. */
  | {
      readonly type: 'FLEET_COMPARED';
      readonly handOver: number;
      /** PENDING ones that are gone, by index, ascending. */
      readonly vanished: readonly number[];
      /** Some of those that nobody knew, by id. They are reported and not taken. */
      readonly appeared: readonly string[];
    }
  | {
      readonly type: 'SET_OPERATION_ENDED';
      readonly handOver: number;
      readonly number: number;
      readonly outcome: 'DONE' | 'FAILED';
      /** FAILED: why. DONE: null, or why there was nothing to do. */
      readonly reason: string | null;
      /** CREATE: the set that is live meanwhile. */
      readonly liveSet: string | null;
    }
  /** A page of the new set's instances, in the order of their ids. */
  | {
      readonly type: 'SET_LISTED';
      readonly handOver: number;
      /** The cursor it was asked with: tells a repeated page. */
      readonly cursor: string | null;
      readonly nextCursor: string | null;
      readonly count: number;
    }
  | {
      readonly type: 'CANARY_WATCHED';
      readonly handOver: number;
      readonly verdict: CanaryVerdict | null;
      readonly reason: string;
      readonly durationOver: boolean;
      readonly totals: SampleTotals;
      readonly samples: readonly CanarySample[];
    }
  | { readonly type: 'REMINDER_DUE' }
  | {
      readonly type: 'ROLLBACK_PROGRESSED';
      readonly handOver: number;
      /** BLUE_GREEN: traffic is where it was and the new set is gone. */
      readonly setsRestored: boolean;
      readonly restored: readonly RestoredInstances[];
      readonly leftOver: readonly LeftOver[];
      /** All pages are done with: nothing is under way at the agent. */
      readonly done: boolean;
    };

export type Input = Action | Report;

export function isAction(input: Input): input is Action {
  return (ACTION_TYPES as readonly string[]).includes(input.type);
}
