/** CANARY_MONITORING: the watch, its verdicts, and what follows from them (spec §3, §6). */
import { STEP_LIMITS } from '../limits.js';
import { clipped } from '../texts.js';
import { MONITOR } from './actors.js';
import { workSinceAfter } from './batch-work.js';
import { verdictAfter } from './row-conditions.js';
import { armDeadline } from './deadlines.js';
import { ask, change, note, set, type Effect } from './effects.js';
import { endWatch } from './ends.js';
import { ANYBODY, type Canary, type CanaryMonitoring, type Guarded } from './execution.js';
import type { Action, Report } from './execution-inputs.js';
import { waitForPerson, waitNoMore } from './pauses.js';
import { rollBack } from './way-back.js';

type Watched = Extract<Report, { type: 'CANARY_WATCHED' }>;

export function monitor(execution: Guarded, nowMs: number): Effect[] {
  const { plan, counters, handOver } = execution;
  const canary: Canary = {
    beganAtMs: nowMs,
    endsAtMs: nowMs + plan.canaryDurationSeconds * 1_000,
    verdict: null,
    reason: 'no sample yet',
    durationOver: false,
    totals: { PASS: 0, FAIL: 0, NO_DATA: 0, ERROR: 0 },
    samples: [],
    lastHeardAtMs: nowMs,
  };
  const why = `${String(counters.COMPLETED)} canaries are on ${plan.to.version}: they are watched`;
  return [
    set({ canary, nextBatchAtMs: null }),
    change('CANARY_MONITORING', why),
    ask({ type: 'WATCH_CANARIES', handOver }),
    armDeadline({ ...execution, canary, status: 'CANARY_MONITORING' }),
    // Automation waits for the duration to be over; without it a person may promote from now on.
    ...(plan.autoPromote ? [] : waitForPerson('PROMOTION', ANYBODY, nowMs)),
  ];
}

function heard(execution: CanaryMonitoring, report: Watched, nowMs: number): Effect[] {
  const { canary } = execution;
  if (canary === null) return [];
  const verdict = verdictAfter(execution, report);
  const isNews = verdict !== canary.verdict;
  const reason =
    canary.verdict === 'UNHEALTHY'
      ? canary.reason
      : clipped(report.reason, STEP_LIMITS.reasonMaxChars);
  const { totals, samples } = report;
  const durationOver = canary.durationOver || report.durationOver;
  const next = { ...canary, verdict, reason, totals, samples, durationOver, lastHeardAtMs: nowMs };
  return [
    set({ canary: next, lastProgressAtMs: nowMs }),
    ...(isNews ? [note('CANARY_VERDICT', `${verdict ?? 'no verdict'}: ${reason}`)] : []),
  ];
}

/** A verdict without consequences, or none yet: recorded. */
export function takeInWatch(execution: CanaryMonitoring, report: Watched, nowMs: number): Effect[] {
  const verdict = verdictAfter(execution, report);
  const needsPerson = verdict === 'UNHEALTHY' || report.durationOver;
  const effects = heard(execution, report, nowMs);
  if (!needsPerson || execution.waitingFor !== null || execution.stopping !== null) return effects;
  return [...effects, ...waitForPerson('PROMOTION', ANYBODY, nowMs)];
}

export function rollBackUnhealthy(
  execution: CanaryMonitoring,
  report: Watched,
  nowMs: number,
): Effect[] {
  const reason = `canaries are UNHEALTHY: ${clipped(report.reason, STEP_LIMITS.reasonMaxChars)}`;
  return [...heard(execution, report, nowMs), ...rollBack(execution, reason, MONITOR, nowMs)];
}

export function promoteByItself(
  execution: CanaryMonitoring,
  report: Watched,
  nowMs: number,
): Effect[] {
  const why = `promoted by autoPromote: HEALTHY after ${String(execution.plan.canaryDurationSeconds)} s`;
  return [...heard(execution, report, nowMs), ...promote(execution, why, 'autoPromote', nowMs)];
}

/** What was missing for a promotion without a person is recorded in its why. */
export function promoteAsAsked(
  execution: CanaryMonitoring,
  action: Action,
  nowMs: number,
): Effect[] {
  const verdict = execution.canary?.verdict ?? 'no verdict yet';
  const forced = verdict === 'UNHEALTHY' ? ' by force' : '';
  const said = action.reason === null ? '' : ` (${action.reason})`;
  return promote(execution, `promoted${forced}: ${verdict}${said}`, action.by, nowMs);
}

/** The rest follows by ROLLING, its first batch at once. */
function promote(execution: CanaryMonitoring, why: string, by: string, nowMs: number): Effect[] {
  const watchedMs = nowMs - (execution.canary?.beganAtMs ?? nowMs);
  const going = {
    ...{ nextBatchAtMs: nowMs, roomWanted: false, lastProgressAtMs: nowMs },
    workSinceMs: workSinceAfter(execution, watchedMs),
  };
  return [
    ...endWatch(execution),
    ...waitNoMore(),
    set(going),
    change('IN_PROGRESS', why, by),
    armDeadline({ ...execution, ...going, status: 'IN_PROGRESS' }),
  ];
}

/** The monitor is silent: no data is no verdict, and its watch is asked for again. */
export function askWatchAgain(execution: CanaryMonitoring, _: unknown, nowMs: number): Effect[] {
  const { canary, handOver } = execution;
  if (canary === null) return [];
  const isLatched = canary.verdict === 'UNHEALTHY';
  const silent = 'the canary monitor is silent';
  const next: Canary = {
    ...canary,
    verdict: isLatched ? 'UNHEALTHY' : 'INCONCLUSIVE',
    reason: isLatched ? canary.reason : silent,
    lastHeardAtMs: nowMs,
  };
  const isStill = execution.waitingFor === null && execution.stopping === null;
  const isOver = nowMs >= canary.endsAtMs && isStill;
  return [
    set({ canary: next }),
    note('ASKED_AGAIN', `${silent}: asked again, the verdict is ${String(next.verdict)}`),
    ask({ type: 'WATCH_CANARIES', handOver }),
    armDeadline({ ...execution, canary: next }),
    ...(isOver ? waitForPerson('PROMOTION', ANYBODY, nowMs) : []),
  ];
}
