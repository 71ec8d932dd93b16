/** How long the machine's statuses may be silent, counted from the last progress (spec §3). */
import { STATUS_DEADLINES, STEP_LIMITS } from '../limits.js';
import { ask, type Effect } from './effects.js';
import type { Execution, Guarded } from './execution.js';

/** When the status has waited too long. Never, for one that waits for a person or has ended. */
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
    case 'CANARY_MONITORING':
      return (execution.canary?.lastHeardAtMs ?? since) + STATUS_DEADLINES.canarySilenceMs;
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

/** Progress does not move the timer: one that fires too early is armed again for what is left. */
export function armDeadline(execution: Execution): Effect {
  return ask({ type: 'ARM_TIMER', timer: 'DEADLINE', atMs: deadlineOf(execution) });
}

/** What is under way has deadlines of its own, so a stopping execution only looks again later. */
export function postponeDeadline(execution: Execution, _: unknown, nowMs: number): Effect[] {
  return [armDeadline({ ...execution, lastProgressAtMs: nowMs })];
}
