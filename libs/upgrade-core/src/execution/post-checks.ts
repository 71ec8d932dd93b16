/** After the last instance: the checks decide whether the upgrade is COMPLETED. */
import { whatFailed } from './beginnings.js';
import { armDeadline } from './deadlines.js';
import { ask, change, set, type Effect } from './effects.js';
import { farewell } from './ends.js';
import type { Guarded } from './execution.js';
import type { Report } from './execution-inputs.js';
import { giveUp } from './way-back.js';

type PostChecksEnded = Extract<Report, { type: 'POST_CHECKS_ENDED' }>;

export function askPostChecks(execution: Guarded, nowMs: number): Effect[] {
  const asked = { postChecksAskedAtMs: nowMs, lastProgressAtMs: nowMs };
  return [
    set(asked),
    ask({ type: 'RUN_POST_CHECKS', handOver: execution.handOver }),
    armDeadline({ ...execution, ...asked }),
  ];
}

export function failPostChecks(
  execution: Guarded,
  report: PostChecksEnded,
  nowMs: number,
): Effect[] {
  const why = `post-upgrade checks failed: ${whatFailed(report.checks)}`;
  return [set({ postChecks: report.checks }), ...giveUp(execution, why, nowMs)];
}

export function complete(execution: Guarded, report: PostChecksEnded): Effect[] {
  const everyone = execution.listing.alreadyThere + execution.total === execution.listed;
  const { to } = execution.plan;
  return [
    set({ postChecks: report.checks }),
    change('COMPLETED', `all ${String(execution.total)} instances are on ${to.version}`),
    // After anything less than every listed instance the deployment keeps its current version.
    ...farewell(everyone ? to.id : null),
  ];
}
