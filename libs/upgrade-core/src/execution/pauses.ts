/** A pause, its end, and what waits for a person. Timers that count stand still meanwhile. */
import { REMINDER_EVERY_MS } from '../limits.js';
import { workSinceAfter } from './batch-work.js';
import { armDeadline } from './deadlines.js';
import { ask, change, note, set, type Effect } from './effects.js';
import {
  ANYBODY,
  type Execution,
  type Guarded,
  type Paused,
  type PauseReason,
  type WaitingKind,
} from './execution.js';
import type { Action } from './execution-inputs.js';

/** From now on a person is waited for, and reminded of it each hour. */
export function waitForPerson(kind: WaitingKind, who: string, nowMs: number): Effect[] {
  return [set({ waitingFor: { kind, who, sinceMs: nowMs } }), remindAfter(nowMs)];
}

/** Whoever was waited for has acted, or nobody needs to any more. */
export function waitNoMore(): Effect[] {
  return [set({ waitingFor: null }), ask({ type: 'DISARM_TIMER', timer: 'REMINDER' })];
}

export function remind(execution: Execution, _: unknown, nowMs: number): Effect[] {
  const { waitingFor } = execution;
  if (waitingFor === null) return [];
  const hours = String(Math.floor((nowMs - waitingFor.sinceMs) / REMINDER_EVERY_MS));
  const why = `has been waiting for ${waitingFor.who} (${waitingFor.kind}) for ${hours} h`;
  return [note('REMINDER', why, { waitingKind: waitingFor.kind }), remindAfter(nowMs)];
}

function remindAfter(nowMs: number): Effect {
  return ask({ type: 'ARM_TIMER', timer: 'REMINDER', atMs: nowMs + REMINDER_EVERY_MS });
}

export function pauseAsAsked(execution: Guarded, action: Action, nowMs: number): Effect[] {
  const why = action.reason ?? 'asked for';
  return pause(execution, { why, by: action.by, pauseReason: 'OPERATOR' }, nowMs);
}

export function pauseForApproval(execution: Guarded, nowMs: number): Effect[] {
  const { FAILED, PENDING } = execution.counters;
  const stage = String(execution.batch?.number ?? 0);
  const why = `stage ${stage} has settled, ${String(FAILED)} failed, ${String(PENDING)} to go`;
  return pause(execution, { why, by: null, pauseReason: 'STAGE_APPROVAL' }, nowMs);
}

function pause(
  execution: Guarded,
  { why, by, pauseReason }: { why: string; by: string | null; pauseReason: PauseReason },
  nowMs: number,
): Effect[] {
  const isStage = pauseReason === 'STAGE_APPROVAL';
  const who = isStage ? `anybody but ${execution.plan.initiatedBy ?? ANYBODY}` : ANYBODY;
  return [
    set({ pausedFrom: execution.status, pauseReason, pausedAtMs: nowMs }),
    ...waitForPerson(isStage ? 'APPROVAL' : 'RESUME', who, nowMs),
    change('PAUSED', why, by),
    ask({ type: 'DISARM_TIMER', timer: 'BATCH_DELAY' }),
    ask({ type: 'DISARM_TIMER', timer: 'DEADLINE' }),
  ];
}

/** A batch delay goes on with what was left of it. */
export function resume(execution: Paused, action: Action, nowMs: number): Effect[] {
  const { nextBatchAtMs, pausedAtMs } = execution;
  const leftMs = nextBatchAtMs === null ? null : Math.max(0, nextBatchAtMs - pausedAtMs);
  return goOn(execution, leftMs === null ? null : nowMs + leftMs, action, nowMs);
}

/** The next stage starts without delay, once it fits. */
export function approve(execution: Paused, action: Action, nowMs: number): Effect[] {
  const approvedStage = execution.batch?.number ?? 0;
  return [set({ approvedStage }), ...goOn(execution, nowMs, action, nowMs)];
}

function goOn(
  execution: Paused,
  nextBatchAtMs: number | null,
  action: Action,
  nowMs: number,
): Effect[] {
  const { pausedFrom, pauseReason, pausedAtMs } = execution;
  const what = pauseReason === 'OPERATOR' ? 'resumed' : 'stage approved';
  const why = action.reason === null ? what : `${what}: ${action.reason}`;
  // A count of the room that was wanted before the pause may never have been taken.
  const going = {
    ...{ nextBatchAtMs, roomWanted: false, lastProgressAtMs: nowMs },
    workSinceMs: pauseReason === 'OPERATOR' ? null : workSinceAfter(execution, nowMs - pausedAtMs),
  };
  const effects: Effect[] = [...waitNoMore(), set(going), change(pausedFrom, why, action.by)];
  if (nextBatchAtMs !== null && nextBatchAtMs > nowMs) {
    effects.push(ask({ type: 'ARM_TIMER', timer: 'BATCH_DELAY', atMs: nextBatchAtMs }));
  }
  return [...effects, armDeadline({ ...execution, ...going, status: pausedFrom })];
}
