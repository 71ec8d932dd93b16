/**
 * What was decided and committed. Facts become progress events, one for each instance that moved
 * and one for each change of the execution itself; an event exists if and only if its fact does.
 */
import type { ExecutionStatus, InstanceStatus, WaitingKind } from './execution.js';
import type { FailureKind } from './execution-inputs.js';

/** Progress as an event shows it (spec §7); `percentage` is floor(100 · completed / total). */
export interface Progress {
  readonly total: number;
  readonly completed: number;
  readonly failed: number;
  readonly rolledBack: number;
  readonly percentage: number;
}

/** Which instances a move takes: named ones, or the next by index that stand in `from`. */
export type Selection =
  | { readonly by: 'INDICES'; readonly indices: readonly number[] }
  /** `start`: no instance with a lower index can stand in `from`, so the search begins there. */
  | { readonly by: 'NEXT'; readonly count: number; readonly start: number };

interface FactHead {
  /** Sequence of its first event. */
  readonly sequence: number;
  readonly revision: number;
  readonly atMs: number;
  readonly executionStatus: ExecutionStatus;
  /** Why, in a sentence: the row of the table, with what made it fire. */
  readonly why: string;
  /** Progress before its first event. */
  readonly before: Progress;
}

/** Instances moved from one status to another: one event each. */
export interface InstancesMoved extends FactHead {
  readonly type: 'INSTANCES_MOVED';
  readonly from: InstanceStatus;
  readonly to: InstanceStatus;
  /** The attempt the instances stand in before, and after. */
  readonly fromAttempt: number | null;
  readonly attempt: number;
  readonly count: number;
  readonly select: Selection;
  readonly failure: FailureKind | null;
  readonly closedConnections: number;
}

/** The execution went from one status to another: one event. */
export interface StatusChanged extends FactHead {
  readonly type: 'STATUS_CHANGED';
  readonly from: ExecutionStatus | null;
  readonly to: ExecutionStatus;
  readonly by: string | null;
}

/** What an {@link ExecutionNoted} speaks of. */
export const NOTES = [
  'STOPPING',
  'WAITING',
  'RETRY_ROUND',
  'ASKED_AGAIN',
  'REMINDER',
  'APPEARED',
  'CANARY_VERDICT',
  'SET_CREATED',
  'SET_SWITCHED',
  'SET_RETIRED',
  'TRAFFIC_WEIGHED',
  'SET_OPERATION_FAILED',
  'RESTORED',
] as const;
export type NoteKind = (typeof NOTES)[number];

/** Something a watcher needs to know that moves no status: one event. */
export interface ExecutionNoted extends FactHead {
  readonly type: 'NOTED';
  readonly note: NoteKind;
  readonly by: string | null;
  readonly waitingKind: WaitingKind | null;
}

export type Fact = InstancesMoved | StatusChanged | ExecutionNoted;

/** How many events a fact becomes. */
export function eventsOf(fact: Fact): number {
  return fact.type === 'INSTANCES_MOVED' ? fact.count : 1;
}
