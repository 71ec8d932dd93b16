/** How an execution ends, whichever way. */
import { ask, change, move, note, set, type Effect } from './effects.js';
import {
  INSTANCE_STATUSES,
  type CheckResult,
  type Execution,
  type InstanceStatus,
  type LeftOver,
  type TerminalStatus,
} from './execution.js';
import type { Action } from './execution-inputs.js';
import type { CheckName } from '../validation/checks.js';

const STATE_CHECK: CheckName = 'POST_UPGRADE_STATE';

/** What every end has in common: timers go, the deployment is told. */
export function farewell(
  currentVersionId: string | null,
  leftOver: readonly LeftOver[] = [],
): Effect[] {
  return [
    ask({ type: 'DISARM_TIMER', timer: 'DEADLINE' }),
    ask({ type: 'DISARM_TIMER', timer: 'BATCH_DELAY' }),
    ask({ type: 'DISARM_TIMER', timer: 'REMINDER' }),
    ask({ type: 'RECORD_DEPLOYMENT', currentVersionId, leftOver }),
  ];
}

/** It ends weighed: nobody else would ever take the canaries' share of the traffic back. */
export function evenTraffic({ weighed }: Execution): Effect[] {
  return weighed === null ? [] : [ask({ type: 'EVEN_TRAFFIC' })];
}

export function endAs(to: TerminalStatus, why: string, by: string | null = null): Effect[] {
  return [...endedAs(to, why, by), ...farewell(null)];
}

function endedAs(to: TerminalStatus, why: string, by: string | null): Effect[] {
  return [set({ failureReason: why, waitingFor: null, stopping: null }), change(to, why, by)];
}

/** No listed instance was left out at the start. */
export function takesAll(execution: Execution): boolean {
  const alreadyThere = 'listing' in execution ? execution.listing.alreadyThere : 0;
  return alreadyThere + execution.total === execution.listed;
}

/**
 * The version the deployment is on: the one that was aimed at once every listed instance is on it,
 * however the execution ends; null: it stays what it was (spec §2). POST_UPGRADE_STATE that warns
 * has seen listed ones elsewhere, which have appeared meanwhile.
 */
export function versionReached(execution: Execution): string | null {
  const { counters, total, newSet, postChecks, plan } = execution;
  const areAllThere = total > 0 && counters.COMPLETED === total && takesAll(execution);
  const isServing = newSet === null || newSet.state === 'LIVE';
  const sawOthers = ({ check, outcome }: CheckResult): boolean =>
    check === STATE_CHECK && (outcome === 'FAILED' || outcome === 'WARNING');
  return areAllThere && isServing && !postChecks.some(sawOthers) ? plan.to.id : null;
}

export function cancelReason(action: Action): string {
  return action.reason ?? 'cancelled';
}

/** What waited for a person waits no more: nothing but a rollback is open to him now. */
export function stopToCancelled(_: Execution, action: Action): Effect[] {
  const reason = cancelReason(action);
  return [
    set({ stopping: { to: 'CANCELLED', reason, by: action.by }, waitingFor: null }),
    ask({ type: 'DISARM_TIMER', timer: 'REMINDER' }),
    note('STOPPING', `cancel: nothing new starts, what is under way ends (${reason})`, {
      by: action.by,
    }),
  ];
}

export function endStopped(execution: Execution, nowMs: number): Effect[] {
  const { stopping, newSet } = execution;
  if (stopping === null) return [];
  const left = newSet?.leftBehind ?? null;
  const reason = left === null ? stopping.reason : `${stopping.reason}; left behind: ${left}`;
  return [
    ...endWatch(execution),
    ...keepPrevious(execution, nowMs),
    ...evenTraffic(execution),
    ...endedAs(stopping.to, reason, stopping.by),
    ...farewell(versionReached(execution)),
  ];
}

/** Watches end with CANARY_MONITORING, whichever way it is left. */
export function endWatch(execution: Execution): Effect[] {
  if (execution.status !== 'CANARY_MONITORING') return [];
  return [ask({ type: 'END_WATCH', handOver: execution.handOver })];
}

/** BLUE_GREEN, once switched: the set that was live stays for a while, to be gone back to. */
export function keepPrevious({ newSet, plan }: Execution, nowMs: number): Effect[] {
  if (newSet?.state !== 'LIVE' || newSet.previous === null) return [];
  const retireAtMs = nowMs + plan.blueGreenRetentionSeconds * 1_000;
  const standby = { set: newSet.previous, versionId: plan.from.id, retireAtMs };
  return [
    ask({ type: 'RECORD_STANDBY', standby }),
    ask({ type: 'ARM_TIMER', timer: 'RETIRE_STANDBY', atMs: retireAtMs }),
  ];
}

/** BLUE_GREEN: the new set is gone as a whole, and with it all of its instances. */
export function goneWithTheirSet({ counters }: Execution, why: string): Effect[] {
  const isOut = (status: InstanceStatus): boolean =>
    status !== 'PENDING' && status !== 'ROLLED_BACK' && counters[status] > 0;
  return INSTANCE_STATUSES.filter(isOut).map((from) =>
    move({
      ...{ from, to: 'ROLLED_BACK', fromAttempt: null, attempt: 1 },
      select: { by: 'NEXT', count: counters[from], start: 0 },
      why,
    }),
  );
}
