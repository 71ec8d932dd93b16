/** Giving up, and the way back. */
import { STATUS_DEADLINES } from '../limits.js';
import { ORCHESTRATOR } from './actors.js';
import { isUntouched, stillOut } from './row-conditions.js';
import { ask, change, move, note, set, type Effect } from './effects.js';
import { cancelReason, endWatch, evenTraffic, farewell, goneWithTheirSet } from './ends.js';
import { touched, type Guarded, type RollingBack, type Stepping } from './execution.js';
import type { Action, Report } from './execution-inputs.js';

type Progressed = Extract<Report, { type: 'ROLLBACK_PROGRESSED' }>;

/** Too much has gone wrong: back at once if that was asked for, else stop where it stands. */
export function giveUp(execution: Guarded, reason: string, nowMs: number): Effect[] {
  if (execution.plan.autoRollbackEnabled) return rollBack(execution, reason, ORCHESTRATOR, nowMs);
  return [
    set({ stopping: { to: 'FAILED', reason, by: ORCHESTRATOR } }),
    note('STOPPING', `failing: ${reason}`, { by: ORCHESTRATOR }),
  ];
}

export function giveUpSilent(execution: Guarded, _: unknown, nowMs: number): Effect[] {
  const waited = execution.postChecksAskedAtMs === null ? 'no progress' : 'no post-upgrade checks';
  return giveUp(execution, `${waited} before the deadline`, nowMs);
}

export function rollBackAsAsked(execution: Stepping, action: Action, nowMs: number): Effect[] {
  return rollBack(execution, action.reason ?? 'asked for', action.by, nowMs);
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
  const fields = { handOver, rollback, failureReason: reason, failedOnce: 0 };
  // Whether it got through is not known: that it may have is enough to take it back in the end.
  const { setOperation } = execution;
  const weighed = setOperation?.verb === 'WEIGH' ? setOperation.percentage : execution.weighed;
  const begun: Effect[] = [
    ...endWatch(execution),
    set({ ...fields, stopping: null, waitingFor: null, weighed: weighed ?? execution.weighed }),
    change('ROLLING_BACK', reason, by),
  ];
  if (isUntouched(execution)) {
    return [...begun, change('ROLLED_BACK', 'no instance had been touched'), ...farewell(null)];
  }
  return [
    ...begun,
    ask({ type: 'DISARM_TIMER', timer: 'BATCH_DELAY' }),
    ask({ type: 'DISARM_TIMER', timer: 'REMINDER' }),
    ask({ type: 'ROLL_BACK', handOver }),
    ask({ type: 'ARM_TIMER', timer: 'DEADLINE', atMs: nowMs + STATUS_DEADLINES.rollbackSilenceMs }),
  ];
}

/** Takes in what is back and what will not be; signs of life count as progress. */
export function takeInRollback(
  execution: RollingBack,
  report: Progressed,
  nowMs: number,
): Effect[] {
  const moves = report.setsRestored
    ? goneWithTheirSet(execution, 'its set is retired, traffic goes to the one before')
    : report.restored.map(({ from, indices }) =>
        move({
          ...{ from, to: 'ROLLED_BACK', fromAttempt: null, attempt: 1 },
          select: { by: 'INDICES', indices },
          why: 'back on the version it had and admitted to traffic',
        }),
      );
  const rollback = {
    ...execution.rollback,
    leftOver: allLeftOver(execution, report),
    agentDone: report.done,
  };
  return [
    ...moves,
    ...withoutNewSet(execution, report),
    set({ rollback, lastProgressAtMs: nowMs }),
  ];
}

/** What was live until then is gone: nobody may take it for what runs now. */
function withoutNewSet({ newSet }: RollingBack, { setsRestored }: Progressed): Effect[] {
  return setsRestored && newSet !== null ? [set({ newSet: { ...newSet, state: 'RETIRED' } })] : [];
}

function allLeftOver({ rollback }: RollingBack, report: Progressed) {
  const known = new Set(rollback.leftOver.map((left) => left.instanceId));
  return [...rollback.leftOver, ...report.leftOver.filter((left) => !known.has(left.instanceId))];
}

export function finishRollback(
  execution: RollingBack,
  report: Progressed,
  nowMs: number,
): Effect[] {
  const why = report.setsRestored
    ? 'traffic goes to the set it came from, the new one is gone'
    : `all ${String(touched(execution))} touched instances are back`;
  return [
    ...takeInRollback(execution, report, nowMs),
    change('ROLLED_BACK', why),
    ...evenTraffic(execution),
    ...farewell(null),
  ];
}

/** An agent that ends without accounting for every instance has not succeeded. */
export function failRollback(execution: RollingBack, report: Progressed, nowMs: number): Effect[] {
  const missing = stillOut(execution, report);
  const leftOver = allLeftOver(execution, report);
  const unnamed = missing - leftOver.length;
  const why =
    execution.newSet !== null
      ? 'the rollback could not bring the sets back to what they were'
      : `rollback left ${String(missing)} instances over` +
        (unnamed > 0 ? `, ${String(unnamed)} of them unaccounted for` : '');
  const taken = takeInRollback(execution, report, nowMs);
  return [
    ...taken,
    ...endRollback({ ...execution, rollback: { ...execution.rollback, leftOver } }, 'FAILED', why),
  ];
}

export function cancelStoppedRollback(
  execution: RollingBack,
  report: Progressed,
  nowMs: number,
): Effect[] {
  const leftOver = allLeftOver(execution, report);
  const after = { ...execution, rollback: { ...execution.rollback, leftOver } };
  const out = String(stillOut(execution, report));
  const why = `the rollback was stopped, ${out} instances are not back`;
  return [...takeInRollback(execution, report, nowMs), ...endRollback(after, 'CANCELLED', why)];
}

/** Ends a rollback that did not restore everything: what is left over is named in `rollback`. */
function endRollback(execution: RollingBack, to: 'FAILED' | 'CANCELLED', why: string): Effect[] {
  const { leftOver } = execution.rollback;
  const { newSet } = execution;
  // Of a set that still stands the orchestrator disposes: the target must not take it for the agent's.
  const handOver = execution.handOver + 1;
  return [
    set({ failureReason: `${execution.rollback.reason}; ${why}`, stopping: null }),
    ...(newSet === null ? [] : [set({ newSet: { ...newSet, state: 'UNKNOWN' }, handOver })]),
    change(to, why, execution.stopping?.by ?? null),
    ...evenTraffic(execution),
    ...farewell(null, leftOver),
  ];
}

export function stopRollback(execution: RollingBack, action: Action, nowMs: number): Effect[] {
  const handOver = execution.handOver + 1;
  const reason = cancelReason(action);
  const stopping = { to: 'CANCELLED', reason, by: action.by } as const;
  return [
    set({ handOver, stopping, lastProgressAtMs: nowMs }),
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
  const out = String(touched(execution) - execution.counters.ROLLED_BACK);
  const why = `the rollback agent was silent past its deadline, ${out} instances are not back`;
  const handOver = execution.handOver + 1;
  return [
    set({ handOver }),
    // No operation carries the new fence to the target: the agent, when it is back, must hear of it.
    ask({ type: 'STOP_ROLLBACK', handOver }),
    ...endRollback(execution, 'FAILED', why),
  ];
}

export function cancelSilentRollback(execution: RollingBack): Effect[] {
  return endRollback(execution, 'CANCELLED', 'the agent did not answer that it stopped');
}
