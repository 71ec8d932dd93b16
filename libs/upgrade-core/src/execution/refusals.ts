/** What an action that the status does not allow would have needed, for whoever asked. */
import type { Execution } from './execution.js';
import type { Action } from './execution-inputs.js';

/** In a sentence; null when the status alone says it. */
export function whatItTakes(execution: Execution, { type }: Action): string | null {
  const { status, stopping } = execution;
  if (stopping !== null && status === 'ROLLING_BACK') {
    return 'Its rollback is being stopped: it is CANCELLED as soon as the agent has let go.';
  }
  if (stopping !== null) {
    const does = stopping.to === 'FAILED' ? 'rollback and cancel do' : 'rollback does';
    return `While it is stopping to ${stopping.to} only ${does}.`;
  }
  if (type === 'PROMOTE_CANARY' && status === 'CANARY_MONITORING') {
    return 'The canaries are UNHEALTHY: promoting them takes force and a reason.';
  }
  if (type === 'CANCEL' && status === 'ROLLING_BACK') {
    return 'A rollback is cancelled by force alone: it leaves mixed versions behind.';
  }
  if (type === 'RESUME' && status === 'PAUSED')
    return 'It waits for its next stage to be approved.';
  if (type === 'APPROVE' && status === 'PAUSED') return 'An operator has paused it: resume it.';
  if (type === 'REVERT' && execution.completedAtMs === null) {
    return 'Only what has ended is reverted; what still runs is rolled back.';
  }
  return null;
}
