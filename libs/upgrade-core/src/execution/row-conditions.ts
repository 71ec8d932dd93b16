/** The conditions that rows name. Pure, cheap, and without a word about what follows. */
import { deadlineOf } from './deadlines.js';
import {
  touched,
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
