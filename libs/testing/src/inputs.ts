/** Inputs of an execution, each with what a test does not care about filled in. */
import type { CanaryVerdict } from '#core/canary/canary-samples.js';
import type { CheckOutcome, InstanceStatus, LeftOver, Step } from '#core/execution/execution.js';
import type {
  Action,
  ActionType,
  FailureKind,
  Report,
  ReportType,
  SettledSteps,
} from '#core/execution/execution-inputs.js';
import { T0 } from './an-execution.js';

type ReportOf<Type extends ReportType> = Extract<Report, { type: Type }>;

export function action(type: ActionType, over: Partial<Omit<Action, 'type'>> = {}): Action {
  return { type, by: 'ann', reason: null, force: false, ...over };
}

export function listed(
  taken: number,
  over: Partial<ReportOf<'INSTANCES_LISTED'>> = {},
): ReportOf<'INSTANCES_LISTED'> {
  const page = { listed: taken, taken, alreadyThere: 0, nextCursor: null, cursor: null };
  return { type: 'INSTANCES_LISTED', ...page, ...over };
}

export function checks(...outcomes: CheckOutcome[]) {
  return outcomes.map((outcome, at) => ({
    check: `CHECK_${String(at + 1)}`,
    outcome,
    summary: outcome.toLowerCase(),
    evidence: {},
    durationMs: 5,
  }));
}

export function preChecks(...outcomes: CheckOutcome[]): ReportOf<'PRE_CHECKS_ENDED'> {
  return { type: 'PRE_CHECKS_ENDED', handOver: 1, checks: checks(...outcomes) };
}

export function postChecks(...outcomes: CheckOutcome[]): ReportOf<'POST_CHECKS_ENDED'> {
  return { type: 'POST_CHECKS_ENDED', handOver: 1, checks: checks(...outcomes) };
}

export function checksAlive(kind: 'PRE' | 'POST', handOver = 1): ReportOf<'CHECKS_PROGRESSED'> {
  return { type: 'CHECKS_PROGRESSED', kind, handOver };
}

/** Steps that were done, or with a failure: that failed. */
export function settled(
  step: Step,
  indices: readonly number[],
  over: Partial<SettledSteps> = {},
): ReportOf<'STEPS_SETTLED'> {
  const group: SettledSteps = {
    step,
    attempt: 1,
    outcome: over.failure === undefined ? 'DONE' : 'FAILED',
    failure: null,
    reason: null,
    closedConnections: 0,
    ...over,
    indices,
  };
  return { type: 'STEPS_SETTLED', handOver: 1, settled: [group], room: null };
}

export function failed(
  step: Step,
  indices: readonly number[],
  failure: FailureKind = 'UNHEALTHY',
  attempt = 1,
): ReportOf<'STEPS_SETTLED'> {
  return settled(step, indices, { failure, attempt, reason: 'it does not answer' });
}

export function roomCounted(
  othersDown: number,
  over: Partial<ReportOf<'ROOM_COUNTED'>['room']> = {},
): ReportOf<'ROOM_COUNTED'> {
  return { type: 'ROOM_COUNTED', room: { othersDown, downPending: [], countedAtMs: T0, ...over } };
}

export function restored(
  groups: Partial<Record<InstanceStatus, readonly number[]>>,
  over: Partial<ReportOf<'ROLLBACK_PROGRESSED'>> = {},
): ReportOf<'ROLLBACK_PROGRESSED'> {
  return {
    type: 'ROLLBACK_PROGRESSED',
    handOver: 2,
    restored: Object.entries(groups).map(([from, indices]) => {
      return { from: from as InstanceStatus, indices };
    }),
    leftOver: [],
    setsRestored: false,
    done: false,
    ...over,
  };
}

/** The operation on a set that was asked for first is done; with a reason it failed. */
export function setOperationEnded(
  over: Partial<ReportOf<'SET_OPERATION_ENDED'>> = {},
): ReportOf<'SET_OPERATION_ENDED'> {
  const outcome = (over.reason ?? null) === null ? 'DONE' : 'FAILED';
  const ended = { handOver: 1, number: 1, outcome, reason: null, liveSet: 'blue' } as const;
  return { type: 'SET_OPERATION_ENDED', ...ended, ...over };
}

export function setListed(
  count: number,
  over: Partial<ReportOf<'SET_LISTED'>> = {},
): ReportOf<'SET_LISTED'> {
  return { type: 'SET_LISTED', handOver: 1, cursor: null, nextCursor: null, count, ...over };
}

export function fleetCompared(
  vanished: readonly number[],
  appeared: readonly string[] = [],
): ReportOf<'FLEET_COMPARED'> {
  return { type: 'FLEET_COMPARED', handOver: 1, vanished, appeared };
}

/** What the canary monitor says of its watch. */
export function watched(
  verdict: CanaryVerdict | null,
  over: Partial<ReportOf<'CANARY_WATCHED'>> = {},
): ReportOf<'CANARY_WATCHED'> {
  const totals = { PASS: 0, FAIL: 0, NO_DATA: 0, ERROR: 0 };
  const said = { handOver: 1, reason: 'as the samples say', durationOver: false };
  return { type: 'CANARY_WATCHED', ...said, verdict, totals, samples: [], ...over };
}

export function leftOver(...instanceIds: string[]): LeftOver[] {
  return instanceIds.map((instanceId) => ({ instanceId, reason: 'it does not come back' }));
}

export const delayOver: Report = { type: 'BATCH_DELAY_OVER' };
export const deadlinePassed: Report = { type: 'DEADLINE_PASSED' };
export const reminderDue: Report = { type: 'REMINDER_DUE' };
