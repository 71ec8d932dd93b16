/** What the rows and guards do: pure planners that answer with effects. */
import { ATTEMPTS_MAX, STATUS_DEADLINES, STEP_LIMITS } from '../limits.js';
import { plannerOf } from '../strategies/strategies.js';
import { sizeOf } from '../strategies/planner.js';
import { freshReading } from '../strategies/room.js';
import { ask, change, move, note, set, type Effect } from './effects.js';
import {
  touched,
  underWay,
  type CanaryMonitoring,
  type CheckResult,
  type Execution,
  type Guarded,
  type InstanceStatus,
  type Paused,
  type RollingBack,
  type Step,
  type TerminalStatus,
  type Validating,
} from './execution.js';
import type { Action, Report, SettledSteps } from './execution-inputs.js';

type ReportOf<Type extends Report['type']> = Extract<Report, { type: Type }>;
type Stepping = Guarded | CanaryMonitoring | Paused;

/** Who acts when nobody asked. */
const ORCHESTRATOR = 'orchestrator';

/* ------------------------------------------------------------------ deadlines */

/** When the status has waited too long, counted from the last progress. */
export function deadlineOf(execution: Execution): number {
  const since = execution.lastProgressAtMs;
  switch (execution.status) {
    case 'VALIDATING':
      return since + STATUS_DEADLINES.validatingMs;
    case 'ROLLING_BACK':
      return since + STATUS_DEADLINES.rollbackSilenceMs;
    case 'IN_PROGRESS':
    case 'CANARY_RUNNING':
      // The clock stands still during a batch delay: it is the operator's time, not silence.
      return Math.max(since, execution.nextBatchAtMs ?? since) + progressDeadlineMs(execution);
    default:
      return Number.POSITIVE_INFINITY;
  }
}

function progressDeadlineMs(execution: Guarded): number {
  if (execution.postChecksAskedAtMs !== null) return STATUS_DEADLINES.postChecksMs;
  const { drainTimeoutSeconds, healthCheckTimeoutSeconds } = execution.plan;
  const oneInstanceMs =
    drainTimeoutSeconds * 1_000 +
    STEP_LIMITS.drainGraceMs +
    STEP_LIMITS.bringMs +
    healthCheckTimeoutSeconds * 1_000 +
    STEP_LIMITS.healthGraceMs;
  return oneInstanceMs + STATUS_DEADLINES.progressGraceMs;
}

export function armDeadline(execution: Execution): Effect {
  return ask({ type: 'ARM_TIMER', timer: 'DEADLINE', atMs: deadlineOf(execution) });
}

/* ------------------------------------------------------------------ before */

export function start(execution: Execution, action: Action, nowMs: number): Effect[] {
  const handOver = execution.handOver + 1;
  return [
    set({
      handOver,
      startedAtMs: nowMs,
      listing: { cursor: null, complete: false, alreadyThere: 0 },
      checksPassed: false,
    }),
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
  if (!complete) return [...effects, ask({ type: 'LIST_INSTANCES' })];
  if (execution.total + page.taken > 0) return effects;
  const why =
    alreadyThere > 0
      ? `nothing to take: all ${String(alreadyThere)} instances are on the target version`
      : 'nothing to take: the target lists no instances';
  return [...effects, ...endAs('FAILED', why)];
}

/** Passed only when there is something that passed: silence and emptiness are no pass (I9). */
export function passed(checks: readonly CheckResult[]): boolean {
  return checks.length > 0 && checks.every((check) => check.outcome !== 'FAILED');
}

function failedChecks(checks: readonly CheckResult[]): string {
  if (checks.length === 0) return 'no check was answered';
  const failed = checks.filter((check) => check.outcome === 'FAILED');
  return failed.map((check) => `${check.check}: ${check.summary}`).join('; ');
}

export function failPreChecks(checks: readonly CheckResult[]): Effect[] {
  return [set({ preChecks: checks }), ...endAs('FAILED', failedChecks(checks))];
}

export function passPreChecks(
  _: Validating,
  report: ReportOf<'PRE_CHECKS_ENDED'>,
  nowMs: number,
): Effect[] {
  return [set({ preChecks: report.checks, checksPassed: true, lastProgressAtMs: nowMs })];
}

export function begin(execution: Validating, nowMs: number): Effect[] {
  const begun = { room: null, roomWanted: false, batch: null, nextBatchAtMs: null };
  const why = `checks passed, ${String(execution.total)} instances to take`;
  return [
    set({ ...begun, postChecksAskedAtMs: null }),
    change('IN_PROGRESS', why),
    ask({ type: 'ARM_TIMER', timer: 'DEADLINE', atMs: nowMs + STATUS_DEADLINES.progressGraceMs }),
  ];
}

/* ------------------------------------------------------------------ instances on their way */

const AFTER: Readonly<Record<Step, InstanceStatus>> = {
  DRAINING: 'UPGRADING',
  UPGRADING: 'HEALTH_CHECKING',
  HEALTH_CHECKING: 'COMPLETED',
};

export function settleSteps(execution: Stepping, report: ReportOf<'STEPS_SETTLED'>): Effect[] {
  const moves = report.settled.map((group) =>
    move({
      from: group.step,
      to: group.outcome === 'DONE' ? AFTER[group.step] : 'FAILED',
      attempt: group.attempt,
      select: { by: 'INDICES', indices: group.indices },
      failure: group.outcome === 'DONE' ? null : (group.failure ?? 'TIMEOUT'),
      closedConnections: group.closedConnections,
      why: whySettled(execution, group),
    }),
  );
  return report.room === null ? moves : [...moves, set({ room: report.room, roomWanted: false })];
}

function whySettled(execution: Execution, group: SettledSteps): string {
  if (group.outcome === 'FAILED') {
    return `${group.failure ?? 'TIMEOUT'}: ${group.reason ?? 'no reason given'}`;
  }
  switch (group.step) {
    case 'DRAINING':
      return group.closedConnections > 0
        ? `drain timed out, ${String(group.closedConnections)} connections closed`
        : 'drained';
    case 'UPGRADING':
      return `brought to ${execution.plan.to.version}`;
    case 'HEALTH_CHECKING':
      return `healthy on ${execution.plan.to.version} and admitted to traffic`;
  }
}

export function takeInRoom(_: Stepping, report: ReportOf<'ROOM_COUNTED'>): Effect[] {
  return [set({ room: report.room, roomWanted: false })];
}

/* ------------------------------------------------------------------ batches */

/** A batch could be begun by its time: none before it, or its delay is over. */
export function mayBegin(execution: Guarded, nowMs: number): boolean {
  if (execution.counters.PENDING === 0) return false;
  if (execution.batch === null || execution.plan.batchDelaySeconds === 0) return true;
  return execution.nextBatchAtMs !== null && execution.nextBatchAtMs <= nowMs;
}

export function roomIsKnown(execution: Guarded, nowMs: number): boolean {
  return freshReading(execution, nowMs) !== null;
}

function nextBatch(
  execution: Guarded,
  nowMs: number,
): { down: readonly number[]; healthy: number } {
  const room = freshReading(execution, nowMs);
  if (room === null) return { down: [], healthy: 0 };
  return plannerOf(execution.plan.strategy).nextBatch(execution, room);
}

export function batchFits(execution: Guarded, nowMs: number): boolean {
  return mayBegin(execution, nowMs) && sizeOf(nextBatch(execution, nowMs)) > 0;
}

/**
 * The phase has come to its end: everything has settled, or nothing is under way and by a fresh
 * count not even one more fits the room.
 */
export function phaseAtEnd(execution: Guarded, nowMs: number): boolean {
  if (underWay(execution.counters) > 0) return false;
  if (execution.counters.PENDING === 0) return true;
  if (!mayBegin(execution, nowMs) || !roomIsKnown(execution, nowMs)) return false;
  return sizeOf(nextBatch(execution, nowMs)) === 0;
}

export function wantRoom(): Effect[] {
  return [set({ roomWanted: true }), ask({ type: 'COUNT_ROOM' })];
}

export function delayNextBatch(execution: Guarded, nowMs: number): Effect[] {
  const atMs = nowMs + execution.plan.batchDelaySeconds * 1_000;
  return [set({ nextBatchAtMs: atMs }), ask({ type: 'ARM_TIMER', timer: 'BATCH_DELAY', atMs })];
}

/** The lowest index at which an instance can still be PENDING. */
function cursorOf({ total, counters, takenByName }: Execution): number {
  return Math.max(0, total - counters.PENDING - takenByName);
}

export function beginBatch(execution: Guarded, nowMs: number): Effect[] {
  const { down, healthy } = nextBatch(execution, nowMs);
  const number = (execution.batch?.number ?? 0) + 1;
  const size = down.length + healthy;
  const why = `batch ${String(number)}`;
  const begin = { from: 'PENDING', to: 'DRAINING', attempt: 1 } as const;
  const effects: Effect[] = [
    set({ batch: { number, size }, nextBatchAtMs: null, waitingFor: null }),
    move({
      ...begin,
      select: { by: 'INDICES', indices: down },
      why: `${why}: down already, goes first`,
    }),
    move({ ...begin, select: { by: 'NEXT', count: healthy, start: cursorOf(execution) }, why }),
  ];
  const { room } = execution;
  if (room !== null && down.length > 0) {
    // They count as under way from here on, and must not be counted a second time.
    const downPending = room.downPending.slice(down.length);
    const left = { ...room, downPending, othersDown: room.othersDown - down.length };
    effects.push(set({ room: left }));
  }
  return effects;
}

export function retry(execution: Guarded): Effect[] {
  const count = execution.failedOnce;
  const why = `${String(count)} failed instances are tried again`;
  return [
    note('RETRY_ROUND', why),
    move({
      from: 'FAILED',
      to: 'DRAINING',
      fromAttempt: 1,
      attempt: ATTEMPTS_MAX,
      select: { by: 'NEXT', count, start: 0 },
      why: 'retry round',
    }),
  ];
}

export function waitForRoom(execution: Guarded, nowMs: number): Effect[] {
  const down = execution.room?.othersDown ?? 0;
  return [
    set({ waitingFor: { kind: 'ROOM', who: 'target', sinceMs: nowMs } }),
    note('WAITING', `${String(down)} instances are down for other causes: no room`, {
      waitingKind: 'ROOM',
    }),
  ];
}

/* ------------------------------------------------------------------ after */

export function askPostChecks(execution: Guarded, nowMs: number): Effect[] {
  return [
    set({ postChecksAskedAtMs: nowMs }),
    ask({ type: 'RUN_POST_CHECKS', handOver: execution.handOver }),
    ask({ type: 'ARM_TIMER', timer: 'DEADLINE', atMs: nowMs + STATUS_DEADLINES.postChecksMs }),
  ];
}

export function failPostChecks(
  execution: Guarded,
  report: ReportOf<'POST_CHECKS_ENDED'>,
  nowMs: number,
): Effect[] {
  const why = `post-upgrade checks failed: ${failedChecks(report.checks)}`;
  return [set({ postChecks: report.checks }), ...giveUp(execution, why, nowMs)];
}

export function complete(execution: Guarded, report: ReportOf<'POST_CHECKS_ENDED'>): Effect[] {
  const everyone = execution.listing.alreadyThere + execution.total === execution.listed;
  return [
    set({ postChecks: report.checks, stopping: null, waitingFor: null }),
    change(
      'COMPLETED',
      `all ${String(execution.total)} instances are on ${execution.plan.to.version}`,
    ),
    ...farewell(everyone ? execution.plan.to.id : null),
  ];
}

/* ------------------------------------------------------------------ ends */

/** What every end has in common: timers go, the deployment is told. */
function farewell(currentVersionId: string | null): Effect[] {
  return [
    ask({ type: 'DISARM_TIMER', timer: 'DEADLINE' }),
    ask({ type: 'DISARM_TIMER', timer: 'BATCH_DELAY' }),
    ask({ type: 'RECORD_DEPLOYMENT', currentVersionId, leftOver: [] }),
  ];
}

export function endAs(to: TerminalStatus, why: string, by: string | null = null): Effect[] {
  return [
    set({ failureReason: why, waitingFor: null, stopping: null }),
    change(to, why, by),
    ...farewell(null),
  ];
}

export function cancelled(action: Action): string {
  return action.reason ?? 'cancelled';
}

export function stopToCancelled(_: Execution, action: Action): Effect[] {
  const reason = cancelled(action);
  return [
    set({ stopping: { to: 'CANCELLED', reason, by: action.by } }),
    note('STOPPING', `cancel: nothing new starts, what is under way ends (${reason})`, {
      by: action.by,
    }),
  ];
}

export function endStopped(execution: Execution): Effect[] {
  const { stopping } = execution;
  return stopping === null ? [] : endAs(stopping.to, stopping.reason, stopping.by);
}

/* ------------------------------------------------------------------ back */

/** Too much has gone wrong: back at once if that was asked for, else stop where it stands. */
export function giveUp(execution: Guarded, reason: string, nowMs: number): Effect[] {
  if (execution.plan.autoRollbackEnabled) return rollBack(execution, reason, ORCHESTRATOR, nowMs);
  return [
    set({ stopping: { to: 'FAILED', reason, by: ORCHESTRATOR } }),
    note('STOPPING', `failing: ${reason}`, { by: ORCHESTRATOR }),
  ];
}

export function rollBack(execution: Stepping, reason: string, by: string, nowMs: number): Effect[] {
  const handOver = execution.handOver + 1;
  const rollback = {
    reason,
    initiatedAtMs: nowMs,
    initiatedBy: by,
    askedAgain: false,
    agentDone: false,
    leftOver: [],
  };
  const begun: Effect[] = [
    set({
      handOver,
      rollback,
      stopping: null,
      waitingFor: null,
      failureReason: reason,
      failedOnce: 0,
    }),
    change('ROLLING_BACK', reason, by),
  ];
  if (touched(execution) === 0) {
    return [...begun, change('ROLLED_BACK', 'no instance had been touched'), ...farewell(null)];
  }
  return [
    ...begun,
    ask({ type: 'DISARM_TIMER', timer: 'BATCH_DELAY' }),
    ask({ type: 'ROLL_BACK', handOver }),
    ask({ type: 'ARM_TIMER', timer: 'DEADLINE', atMs: nowMs + STATUS_DEADLINES.rollbackSilenceMs }),
  ];
}

export function takeInRollback(
  execution: RollingBack,
  report: ReportOf<'ROLLBACK_PROGRESSED'>,
  nowMs: number,
): Effect[] {
  const moves = report.restored.map(({ from, indices }) =>
    move({
      from,
      to: 'ROLLED_BACK',
      fromAttempt: null,
      attempt: 1,
      select: { by: 'INDICES', indices },
      why: 'back on the version it had and admitted to traffic',
    }),
  );
  const restored = report.restored.reduce((sum, group) => sum + group.indices.length, 0);
  const known = new Set(execution.rollback.leftOver.map((left) => left.instanceId));
  const leftOver = [
    ...execution.rollback.leftOver,
    ...report.leftOver.filter((left) => !known.has(left.instanceId)),
  ];
  const rollback = { ...execution.rollback, leftOver, agentDone: report.done };
  const effects: Effect[] = [...moves, set({ rollback, lastProgressAtMs: nowMs })];
  const after = { ...execution, rollback };
  if (report.done) return [...effects, ...endOfRollback(after, restored)];
  return effects;
}

function endOfRollback(execution: RollingBack, restoredNow: number): Effect[] {
  if (execution.stopping !== null) {
    return endRollback(execution, 'CANCELLED', 'the rollback was stopped');
  }
  const missing = touched(execution) - execution.counters.ROLLED_BACK - restoredNow;
  if (missing === 0) {
    return [
      change('ROLLED_BACK', `all ${String(touched(execution))} touched instances are back`),
      ...farewell(null),
    ];
  }
  const named = execution.rollback.leftOver.length;
  // An agent that ends without accounting for every instance has not succeeded.
  const why =
    `rollback left ${String(missing)} instances over` +
    (named < missing ? `, ${String(missing - named)} of them unaccounted for` : '');
  return endRollback(execution, 'FAILED', why);
}

/** Ends a rollback that did not restore everything: what is left over is named in `rollback`. */
export function endRollback(
  execution: RollingBack,
  to: 'FAILED' | 'CANCELLED',
  why: string,
): Effect[] {
  const { leftOver } = execution.rollback;
  return [
    set({ failureReason: `${execution.rollback.reason}; ${why}`, stopping: null }),
    change(to, why, execution.stopping?.by ?? null),
    ask({ type: 'DISARM_TIMER', timer: 'DEADLINE' }),
    ask({ type: 'RECORD_DEPLOYMENT', currentVersionId: null, leftOver }),
  ];
}

export function stopRollback(execution: RollingBack, action: Action, nowMs: number): Effect[] {
  const handOver = execution.handOver + 1;
  const reason = cancelled(action);
  return [
    set({
      handOver,
      stopping: { to: 'CANCELLED', reason, by: action.by },
      lastProgressAtMs: nowMs,
    }),
    note('STOPPING', `the rollback is stopped by force: ${reason}`, { by: action.by }),
    ask({ type: 'STOP_ROLLBACK', handOver }),
    ask({ type: 'ARM_TIMER', timer: 'DEADLINE', atMs: nowMs + STATUS_DEADLINES.rollbackSilenceMs }),
  ];
}

export function askRollbackAgain(execution: RollingBack, _: unknown, nowMs: number): Effect[] {
  return [
    set({ rollback: { ...execution.rollback, askedAgain: true }, lastProgressAtMs: nowMs }),
    note('ASKED_AGAIN', 'the rollback agent was silent past its deadline: asked again'),
    ask({ type: 'ROLL_BACK', handOver: execution.handOver }),
    ask({ type: 'ARM_TIMER', timer: 'DEADLINE', atMs: nowMs + STATUS_DEADLINES.rollbackSilenceMs }),
  ];
}

export function giveUpRollback(execution: RollingBack): Effect[] {
  return [
    set({ handOver: execution.handOver + 1 }),
    ...endRollback(execution, 'FAILED', 'the rollback agent was silent past its deadline'),
  ];
}
