/** After the last instance: the checks decide whether the upgrade is COMPLETED. */
import { batchWorkOf } from './batch-work.js';
import { whatFailed } from './beginnings.js';
import { armDeadline } from './deadlines.js';
import { ask, change, set, type Effect } from './effects.js';
import { farewell, keepPrevious, takesAll, versionReached } from './ends.js';
import type { Guarded, Stepping } from './execution.js';
import type { Report } from './execution-inputs.js';
import { giveUp } from './way-back.js';

type PostChecksEnded = Extract<Report, { type: 'POST_CHECKS_ENDED' }>;

export function askPostChecks(execution: Guarded, nowMs: number): Effect[] {
  const { handOver } = execution;
  const asked = { postChecksAskedAtMs: nowMs, lastProgressAtMs: nowMs };
  return [
    set(asked),
    ask({ type: 'RUN_POST_CHECKS', handOver, takesAll: takesAll(execution) }),
    armDeadline({ ...execution, ...asked }),
  ];
}

/** Also in a pause: they are judged when the guards are. */
export function takeInPostChecks(
  _: Stepping,
  { checks }: PostChecksEnded,
  nowMs: number,
): Effect[] {
  return [set({ postChecks: checks, postChecksAnswered: true, lastProgressAtMs: nowMs })];
}

export function failPostChecks(execution: Guarded, nowMs: number): Effect[] {
  return giveUp(
    execution,
    `post-upgrade checks failed: ${whatFailed(execution.postChecks)}`,
    nowMs,
  );
}

export function complete(execution: Guarded, nowMs: number): Effect[] {
  const { to } = execution.plan;
  return [
    set({ batchWorkMs: batchWorkOf(execution) }),
    change('COMPLETED', `all ${String(execution.total)} instances are on ${to.version}`),
    ...keepPrevious(execution, nowMs),
    // After anything less than every listed instance the deployment keeps its current version.
    ...farewell(versionReached(execution)),
  ];
}
