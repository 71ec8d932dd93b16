/** How an execution ends, whichever way. */
import { ask, change, note, set, type Effect } from './effects.js';
import type { Execution, TerminalStatus } from './execution.js';
import type { Action } from './execution-inputs.js';

/** What every end has in common: timers go, the deployment is told. */
export function farewell(currentVersionId: string | null): Effect[] {
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

export function cancelReason(action: Action): string {
  return action.reason ?? 'cancelled';
}

export function stopToCancelled(_: Execution, action: Action): Effect[] {
  const reason = cancelReason(action);
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
