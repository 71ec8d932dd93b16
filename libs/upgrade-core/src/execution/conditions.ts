/** The conditions that rows and guards name. Pure, cheap, and without a word about what follows. */
import { pendingInPhase } from '../strategies/phase.js';
import { NOTHING, sizeOf, type BatchChoice, type Planner } from '../strategies/planner.js';
import { freshReading } from '../strategies/room.js';
import { PLANNERS } from '../strategies/strategies.js';
import { deadlineOf } from './deadlines.js';
import {
  touched,
  underWay,
  type CanaryMonitoring,
  type CheckResult,
  type Execution,
  type Guarded,
  type Paused,
  type RollingBack,
  type Stepping,
  type Validating,
} from './execution.js';
import type { Action, Report } from './execution-inputs.js';

/** `X-Actor` was not sent (spec §2). */
const ANONYMOUS = 'anonymous';

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
  execution: Stepping,
  report: ReportOf<'POST_CHECKS_ENDED'>,
): boolean {
  const { postChecksAskedAtMs, postChecksAnswered } = execution;
  return older(execution, report) || postChecksAskedAtMs === null || postChecksAnswered;
}

export function pausedByOperator(execution: Paused): boolean {
  return execution.pauseReason === 'OPERATOR';
}

export function awaitsApproval(execution: Paused): boolean {
  return execution.pauseReason === 'STAGE_APPROVAL';
}

/** Four eyes: who began the upgrade, or will not say who he is, cannot approve its stages. */
export function approvedByNoOther(execution: Paused, action: Action): boolean {
  const said = (name: string): string => name.trim().toLowerCase();
  const initiatedBy = execution.plan.initiatedBy ?? '';
  const isNamed = !['', ANONYMOUS].includes(said(action.by));
  return awaitsApproval(execution) && (!isNamed || said(action.by) === said(initiatedBy));
}

/** A person may promote unless the canaries are UNHEALTHY; then only by force, and saying why. */
export function promotable(execution: CanaryMonitoring, action: Action): boolean {
  if (execution.canary?.verdict !== 'UNHEALTHY') return true;
  return action.force && (action.reason ?? '').trim() !== '';
}

/** UNHEALTHY is latched: what a later result says does not take it back. */
export function verdictAfter(execution: CanaryMonitoring, report: ReportOf<'CANARY_WATCHED'>) {
  return execution.canary?.verdict === 'UNHEALTHY' ? 'UNHEALTHY' : report.verdict;
}

export function unhealthyForAutoRollback(
  execution: CanaryMonitoring,
  report: ReportOf<'CANARY_WATCHED'>,
): boolean {
  const isUnhealthy = verdictAfter(execution, report) === 'UNHEALTHY';
  return isUnhealthy && execution.plan.autoRollbackEnabled && execution.stopping === null;
}

export function promotesItself(
  execution: CanaryMonitoring,
  report: ReportOf<'CANARY_WATCHED'>,
): boolean {
  const isHealthy = verdictAfter(execution, report) === 'HEALTHY';
  const { plan, stopping } = execution;
  return isHealthy && report.durationOver && plan.autoPromote && stopping === null;
}

export function waitsForNobody(execution: Execution): boolean {
  return execution.waitingFor === null;
}

/** Not the operation that is under way. */
export function notThisOperation(
  execution: Stepping,
  report: ReportOf<'SET_OPERATION_ENDED'>,
): boolean {
  return older(execution, report) || execution.setOperation?.number !== report.number;
}

export function setPageKnown(execution: Stepping, page: ReportOf<'SET_LISTED'>): boolean {
  const { newSet, total, stopping, setFailure } = execution;
  if (newSet?.state !== 'STANDING' || older(execution, page)) return true;
  // A set that is given up, too small for one, takes no more names: its pages would begin anew.
  if (stopping !== null || setFailure !== null) return true;
  return newSet.named === total || newSet.cursor !== page.cursor;
}

export function deadlineNotReached(execution: Execution, _: unknown, nowMs: number): boolean {
  return nowMs < deadlineOf(execution);
}

/** Nothing this execution did would have to be taken back. */
export function isUntouched(execution: Execution): boolean {
  const { newSet } = execution;
  return touched(execution) === 0 && (newSet === null || newSet.state === 'RETIRED');
}

/** Touched instances that are not back, once what the report brings is taken in. */
export function stillOut(execution: RollingBack, report: ReportOf<'ROLLBACK_PROGRESSED'>): number {
  if (report.setsRestored) return 0;
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
  if (execution.newSet !== null) return report.done && report.setsRestored;
  return report.done && stillOut(execution, report) === 0;
}

export function agentDone(_: RollingBack, report: ReportOf<'ROLLBACK_PROGRESSED'>): boolean {
  return report.done;
}

export function notAskedAgain(execution: RollingBack): boolean {
  return !execution.rollback.askedAgain;
}

/* ------------------------------------------------------------------ of guards */

/** Neither an instance nor a set is under way. */
export function settled(execution: Execution): boolean {
  const isOperating = 'setOperation' in execution && execution.setOperation !== null;
  return underWay(execution.counters) === 0 && !isOperating;
}

/** It stops, and the set that was to take over stands beside the live one. */
export function newSetToRetire(execution: Stepping): boolean {
  const { stopping, newSet } = execution;
  if (stopping === null || newSet === null || newSet.leftBehind !== null) return false;
  return settled(execution) && (newSet.state === 'CREATING' || newSet.state === 'STANDING');
}

/** It stops, and the canaries still get their share instead of what they are. */
export function stopsWeighed(execution: Stepping): boolean {
  const { stopping, weighed, setFailure } = execution;
  return stopping !== null && weighed !== null && setFailure === null && settled(execution);
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

function plannerOf(execution: Execution): Planner {
  return PLANNERS[execution.plan.strategy];
}

/** What the next batch would take by the room as it was counted last; nothing on an old count. */
export function nextBatch(execution: Guarded, nowMs: number): BatchChoice {
  const planner = plannerOf(execution);
  const room = freshReading(execution, nowMs);
  if (planner.needsRoom && room === null) return NOTHING;
  return planner.nextBatch(execution, room);
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
    plannerOf(execution).needsRoom &&
    settled(execution) &&
    pendingInPhase(execution) > 0 &&
    !execution.roomWanted &&
    !isForApproval(execution) &&
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
  if (pendingInPhase(execution) === 0) return true;
  if (!plannerOf(execution).needsRoom || freshReading(execution, nowMs) === null) return false;
  return sizeOf(nextBatch(execution, nowMs)) === 0;
}

/** Not when another has failed twice already: nothing begins that is given up at once. */
export function retryDue(execution: Guarded, nowMs: number): boolean {
  return execution.failedOnce > 0 && !triedTwice(execution) && phaseAtEnd(execution, nowMs);
}

export function triedTwice(execution: Guarded): boolean {
  return failedAgain(execution) > 0;
}

/** Others' down instances fill the room; judged anew with each count, so one is always wanted. */
export function noRoom(execution: Guarded, nowMs: number): boolean {
  return (
    pendingInPhase(execution) > 0 &&
    !isForApproval(execution) &&
    delayIsOver(execution, nowMs) &&
    phaseAtEnd(execution, nowMs) &&
    !(execution.waitingFor?.kind === 'ROOM' && execution.roomWanted)
  );
}

/** CANARY: all of them are on the new version and healthy. */
function canariesDone(execution: Guarded): boolean {
  const { status, counters } = execution;
  const isPhaseOver = status === 'CANARY_RUNNING' && pendingInPhase(execution) === 0;
  return isPhaseOver && settled(execution) && counters.COMPLETED === touched(execution);
}

/** The share of the traffic that the new version is to have now. */
export function isToBeWeighed(execution: Guarded): boolean {
  return canariesDone(execution) && execution.weighed !== execution.plan.canaryPercentage;
}

/** Promoted: the rest is on its way, and the canaries' share would overload what remains. */
export function isToBeUnweighed(execution: Guarded): boolean {
  const { status, weighed } = execution;
  return status === 'IN_PROGRESS' && weighed !== null && settled(execution);
}

export function canariesCompleted(execution: Guarded): boolean {
  return canariesDone(execution);
}

/** STAGED: a stage has settled, another follows, and nobody has approved that. */
export function isForApproval(execution: Guarded): boolean {
  const { batch, counters, approvedStage } = execution;
  if (!plannerOf(execution).staged || batch === null) return false;
  return settled(execution) && counters.PENDING > 0 && approvedStage < batch.number;
}

export function hasStaleSet(execution: Guarded): boolean {
  return execution.staleSet !== null && settled(execution);
}

export function lacksNewSet(execution: Guarded): boolean {
  const { plan, newSet } = execution;
  return plan.strategy === 'BLUE_GREEN' && newSet === null && settled(execution);
}

export function setFailed(execution: Guarded): boolean {
  return execution.setFailure !== null;
}

export function isToBeSwitched(execution: Guarded): boolean {
  const { newSet, counters, total } = execution;
  return newSet?.state === 'STANDING' && counters.COMPLETED === total && settled(execution);
}

/** A batch has settled, another follows, and the delay between them has not begun. */
export function delayDue(execution: Guarded): boolean {
  return (
    settled(execution) &&
    pendingInPhase(execution) > 0 &&
    execution.batch !== null &&
    execution.nextBatchAtMs === null &&
    execution.plan.batchDelaySeconds > 0
  );
}

export function batchFits(execution: Guarded, nowMs: number): boolean {
  return (
    settled(execution) &&
    pendingInPhase(execution) > 0 &&
    delayIsOver(execution, nowMs) &&
    sizeOf(nextBatch(execution, nowMs)) > 0
  );
}

/** Also of the sets: while traffic is being weighed or switched, nothing is at its end. */
export function allCompleted(execution: Guarded): boolean {
  const { newSet, total, counters, postChecksAskedAtMs } = execution;
  const isServing = newSet === null || newSet.state === 'LIVE';
  const isAll = total > 0 && counters.COMPLETED === total && isServing;
  return isAll && settled(execution) && postChecksAskedAtMs === null;
}

export function postChecksFailed(execution: Guarded): boolean {
  return execution.postChecksAnswered && !passed(execution.postChecks);
}

export function postChecksPassed(execution: Guarded): boolean {
  return execution.postChecksAnswered && passed(execution.postChecks);
}
