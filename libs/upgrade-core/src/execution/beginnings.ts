/** From PENDING to the first batch: instances are listed, checks run, nothing is touched. */
import { STATUS_DEADLINES, STEP_LIMITS } from '../limits.js';
import { clipped } from '../texts.js';
import { armDeadline } from './deadlines.js';
import { ask, change, set, type Effect } from './effects.js';
import { endAs } from './ends.js';
import { PLANNERS } from '../strategies/strategies.js';
import type { CheckResult, Execution, Guarded, Validating } from './execution.js';
import type { Action, Report } from './execution-inputs.js';
import { waitNoMore } from './pauses.js';

type ReportOf<Type extends Report['type']> = Extract<Report, { type: Type }>;

export function start(execution: Execution, action: Action, nowMs: number): Effect[] {
  const handOver = execution.handOver + 1;
  return [
    set({
      handOver,
      startedAtMs: nowMs,
      listing: { cursor: null, complete: false, alreadyThere: 0 },
      checksPassed: false,
    }),
    ...waitNoMore(),
    change('VALIDATING', 'started', action.by),
    ask({ type: 'LIST_INSTANCES' }),
    ask({ type: 'RUN_PRE_CHECKS', handOver }),
    ask({ type: 'ARM_TIMER', timer: 'DEADLINE', atMs: nowMs + STATUS_DEADLINES.validatingMs }),
  ];
}

export function takeInPage(
  execution: Validating,
  page: ReportOf<'INSTANCES_LISTED'>,
  nowMs: number,
): Effect[] {
  const complete = page.nextCursor === null;
  const alreadyThere = execution.listing.alreadyThere + page.alreadyThere;
  const effects: Effect[] = [
    { do: 'ADD_PENDING', count: page.taken },
    set({
      listed: execution.listed + page.listed,
      listing: { cursor: page.nextCursor, complete, alreadyThere },
      lastProgressAtMs: nowMs,
    }),
  ];
  return complete ? effects : [...effects, ask({ type: 'LIST_INSTANCES' })];
}

export function failWithNothingToTake(
  execution: Validating,
  page: ReportOf<'INSTANCES_LISTED'>,
  nowMs: number,
): Effect[] {
  const listed = execution.listed + page.listed;
  const alreadyThere = execution.listing.alreadyThere + page.alreadyThere;
  const why = `nothing to take: ${whyNothing(listed, alreadyThere)}`;
  return [...takeInPage(execution, page, nowMs), ...endAs('FAILED', why)];
}

/** Only a REVERT leaves instances that are not on the target version where they are. */
function whyNothing(listed: number, alreadyThere: number): string {
  if (listed === 0) return 'the target lists no instances';
  if (alreadyThere === listed) return `all ${String(listed)} instances are on the target version`;
  return (
    `none of the ${String(listed)} instances is where the reverted upgrade has taken it, ` +
    `${String(alreadyThere)} are on the target version`
  );
}

export function failListing(_: Validating, report: ReportOf<'LISTING_FAILED'>): Effect[] {
  const reason = clipped(report.reason, STEP_LIMITS.reasonMaxChars);
  return endAs('FAILED', `instances could not be listed: ${reason}`);
}

export function failValidation(): Effect[] {
  return endAs('FAILED', 'checks or listing were silent past their deadline');
}

export function whatFailed(checks: readonly CheckResult[]): string {
  if (checks.length === 0) return 'no check was answered';
  const failed = checks.filter((check) => check.outcome === 'FAILED');
  return failed.map((check) => `${check.check}: ${check.summary}`).join('; ');
}

export function failPreChecks(_: Validating, report: ReportOf<'PRE_CHECKS_ENDED'>): Effect[] {
  return [set({ preChecks: report.checks }), ...endAs('FAILED', whatFailed(report.checks))];
}

export function passPreChecks(
  _: Validating,
  report: ReportOf<'PRE_CHECKS_ENDED'>,
  nowMs: number,
): Effect[] {
  return [set({ preChecks: report.checks, checksPassed: true, lastProgressAtMs: nowMs })];
}

/** A sign of life of long checks counts as progress, and as nothing else. */
export function noteProgress(
  _: Validating | Guarded,
  __: ReportOf<'CHECKS_PROGRESSED'>,
  nowMs: number,
): Effect[] {
  return [set({ lastProgressAtMs: nowMs })];
}

export function begin(execution: Validating, nowMs: number): Effect[] {
  const { plan, total } = execution;
  const status = PLANNERS[plan.strategy].firstPhase;
  const batches = { room: null, roomWanted: false, batch: null, nextBatchAtMs: null };
  const checks = { postChecksAskedAtMs: null, postChecksAnswered: false };
  const sets = { setOperation: null, setFailure: null, staleSet: plan.staleSet };
  const since = { workSinceMs: nowMs, lastProgressAtMs: nowMs };
  const begun = { ...batches, ...checks, ...sets, approvedStage: 0, ...since };
  return [
    set(begun),
    change(status, `checks passed, ${String(total)} instances to take`),
    armDeadline({ ...execution, ...begun, status }),
  ];
}
