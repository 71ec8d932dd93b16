/** The conditions that rows and guards name. Pure, cheap, and without a word about what follows. */
import { plannerOf } from '../strategies/strategies.js';
import { sizeOf, type BatchChoice } from '../strategies/planner.js';
import { freshReading } from '../strategies/room.js';
import { deadlineOf } from './deadlines.js';
import {
  touched,
  underWay,
  type CheckResult,
  type Execution,
  type Guarded,
  type RollingBack,
  type Validating,
} from './execution.js';
import type { Action, Report } from './execution-inputs.js';

type ReportOf<Type extends Report['type']> = Extract<Report, { type: Type }>;

/* ------------------------------------------------------------------ of rows */

/** It answers a question that has been superseded by a higher hand-over. */
export function older(execution: Execution, report: { readonly handOver: number }): boolean {
  return report.handOver !== execution.handOver;
}

export function isStopping(execution: Execution): boolean {
  return execution.stopping !== null;
}

/** Not on its way to CANCELLED yet: a stop to FAILED may still be outranked. */
export function notCancelledYet(execution: Execution): boolean {
  return execution.stopping === null || execution.stopping.to === 'FAILED';
}

export function byForce(execution: Execution, action: Action): boolean {
  return action.force && execution.stopping === null;
}

export function pageKnown(execution: Validating, page: ReportOf<'INSTANCES_LISTED'>): boolean {
  return execution.listing.complete || page.cursor !== execution.listing.cursor;
}

/** The last page, and no instance on any of them was to be taken. */
export function nothingToTake(execution: Validating, page: ReportOf<'INSTANCES_LISTED'>): boolean {
  return page.nextCursor === null && execution.total + page.taken === 0;
}

/** Passed only when there is something that passed: silence and emptiness are no pass (I9). */
export function passed(checks: readonly CheckResult[]): boolean {
  return checks.length > 0 && checks.every((check) => check.outcome !== 'FAILED');
}

export function checksFailed(
  _: Execution,
  report: { readonly checks: readonly CheckResult[] },
): boolean {
  return !passed(report.checks);
}

/** A sign of life of checks that the execution does not wait for, or not any more. */
export function checksNotAsked(
  execution: Validating | Guarded,
  report: ReportOf<'CHECKS_PROGRESSED'>,
): boolean {
  if (older(execution, report)) return true;
  if (execution.status === 'VALIDATING') return report.kind !== 'PRE' || execution.checksPassed;
  return report.kind !== 'POST' || execution.postChecksAskedAtMs === null;
}

export function postChecksNotAsked(
  execution: Guarded,
  report: ReportOf<'POST_CHECKS_ENDED'>,
): boolean {
  return older(execution, report) || execution.postChecksAskedAtMs === null;
}

export function deadlineNotReached(execution: Execution, _: unknown, nowMs: number): boolean {
  return nowMs < deadlineOf(execution);
}

/** Nothing this execution did would have to be taken back. */
export function untouched(execution: Execution): boolean {
  return touched(execution) === 0;
}

/** Touched instances that are not back, once what the report brings is taken in. */
export function stillOut(execution: RollingBack, report: ReportOf<'ROLLBACK_PROGRESSED'>): number {
  const restored = report.restored.reduce((sum, group) => sum + group.indices.length, 0);
  return touched(execution) - execution.counters.ROLLED_BACK - restored;
}

export function agentStopped(
  execution: RollingBack,
  report: ReportOf<'ROLLBACK_PROGRESSED'>,
): boolean {
  return report.done && execution.stopping !== null;
}

export function allBack(execution: RollingBack, report: ReportOf<'ROLLBACK_PROGRESSED'>): boolean {
  return report.done && stillOut(execution, report) === 0;
}

export function agentDone(_: RollingBack, report: ReportOf<'ROLLBACK_PROGRESSED'>): boolean {
  return report.done;
}

export function notAskedAgain(execution: RollingBack): boolean {
  return !execution.rollback.askedAgain;
}

/* ------------------------------------------------------------------ of guards */

export function settled(execution: Execution): boolean {
  return underWay(execution.counters) === 0;
}

export function stopped(execution: Execution): boolean {
  return execution.stopping !== null && settled(execution);
}

export function validated(execution: Validating): boolean {
  return execution.checksPassed && execution.listing.complete;
}

export function thresholdReached(execution: Guarded): boolean {
  return execution.counters.FAILED >= execution.plan.failureThreshold;
}

/** FAILED ones that have used up their attempts. */
export function failedAgain(execution: Guarded): number {
  return execution.counters.FAILED - execution.failedOnce;
}

/** What the next batch would take by the room as it was counted last; nothing on an old count. */
export function nextBatch(execution: Guarded, nowMs: number): BatchChoice {
  const room = freshReading(execution, nowMs);
  if (room === null) return { down: [], healthy: 0 };
  return plannerOf(execution.plan.strategy).nextBatch(execution, room);
}

/** Time alone would let a batch begin: none was before it, or the batch delay is over. */
export function delayIsOver(execution: Guarded, nowMs: number): boolean {
  if (execution.batch === null || execution.plan.batchDelaySeconds === 0) return true;
  return execution.nextBatchAtMs !== null && execution.nextBatchAtMs <= nowMs;
}

/**
 * Something hangs on the room now and no fresh count of it is there: a batch may begin, or failed
 * instances are to be tried again if nothing else fits.
 */
export function roomUnknown(execution: Guarded, nowMs: number): boolean {
  return (
    settled(execution) &&
    execution.counters.PENDING > 0 &&
    !execution.roomWanted &&
    (delayIsOver(execution, nowMs) || execution.failedOnce > 0) &&
    freshReading(execution, nowMs) === null
  );
}

/**
 * The phase has come to its end: everything has settled, or nothing is under way and by a fresh
 * count not even one more fits the room.
 */
export function phaseAtEnd(execution: Guarded, nowMs: number): boolean {
  if (!settled(execution)) return false;
  if (execution.counters.PENDING === 0) return true;
  return freshReading(execution, nowMs) !== null && sizeOf(nextBatch(execution, nowMs)) === 0;
}

export function retryDue(execution: Guarded, nowMs: number): boolean {
  return execution.failedOnce > 0 && phaseAtEnd(execution, nowMs);
}

export function triedTwice(execution: Guarded): boolean {
  return failedAgain(execution) > 0;
}

/** Others' down instances fill the room; judged anew with each count, so one is always wanted. */
export function noRoom(execution: Guarded, nowMs: number): boolean {
  return (
    execution.counters.PENDING > 0 &&
    delayIsOver(execution, nowMs) &&
    phaseAtEnd(execution, nowMs) &&
    !(execution.waitingFor?.kind === 'ROOM' && execution.roomWanted)
  );
}

/** A batch has settled, another follows, and the delay between them has not begun. */
export function delayDue(execution: Guarded): boolean {
  return (
    settled(execution) &&
    execution.counters.PENDING > 0 &&
    execution.batch !== null &&
    execution.nextBatchAtMs === null &&
    execution.plan.batchDelaySeconds > 0
  );
}

export function batchFits(execution: Guarded, nowMs: number): boolean {
  return (
    settled(execution) &&
    execution.counters.PENDING > 0 &&
    delayIsOver(execution, nowMs) &&
    sizeOf(nextBatch(execution, nowMs)) > 0
  );
}

export function allCompleted(execution: Guarded): boolean {
  return (
    execution.total > 0 &&
    execution.counters.COMPLETED === execution.total &&
    execution.postChecksAskedAtMs === null
  );
}
