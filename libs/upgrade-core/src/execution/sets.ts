/**
 * Operations on sets: a new one is created, switched to, retired (BLUE_GREEN, spec §5), and traffic
 * goes with the canaries' share. One at a time; while one is under way nothing else begins.
 */
import { STEP_LIMITS } from '../limits.js';
import { clipped } from '../texts.js';
import { ask, note, set, type Effect } from './effects.js';
import type { Execution, Guarded, NewSet, SetOperation, SetVerb, Stepping } from './execution.js';
import type { NoteKind } from './execution-facts.js';
import type { Report } from './execution-inputs.js';
import { goneWithTheirSet } from './ends.js';
import { giveUp } from './way-back.js';

type Ended = Extract<Report, { type: 'SET_OPERATION_ENDED' }>;
type Listed = Extract<Report, { type: 'SET_LISTED' }>;

function operate(
  execution: Stepping,
  operation: Pick<SetOperation, 'verb'> & Partial<SetOperation>,
  nowMs: number,
): Effect[] {
  const number = execution.setOperations + 1;
  const setOperation = { set: null, percentage: null, ...operation, number, sinceMs: nowMs };
  return [set({ setOperations: number, setOperation, lastProgressAtMs: nowMs })];
}

/** Before anything is touched: a set that an earlier upgrade has kept takes up places. */
export function retireStale(execution: Guarded, nowMs: number): Effect[] {
  return operate(execution, { verb: 'RETIRE', set: execution.staleSet }, nowMs);
}

export function createSet(execution: Guarded, nowMs: number): Effect[] {
  const name = execution.plan.newSet ?? execution.id;
  const newSet: NewSet = {
    ...{ name, state: 'CREATING', previous: null },
    ...{ named: 0, cursor: null, leftBehind: null },
  };
  return [set({ newSet }), ...operate(execution, { verb: 'CREATE', set: name }, nowMs)];
}

export function switchTraffic(execution: Guarded, nowMs: number): Effect[] {
  return operate(execution, { verb: 'SWITCH', set: execution.newSet?.name ?? null }, nowMs);
}

export function retireNew(execution: Stepping, nowMs: number): Effect[] {
  return operate(execution, { verb: 'RETIRE', set: execution.newSet?.name ?? null }, nowMs);
}

/** The canaries get the share that was asked for, whatever part of the fleet they are. */
export function weighCanaries(execution: Guarded, nowMs: number): Effect[] {
  const percentage = execution.plan.canaryPercentage;
  return operate(execution, { verb: 'WEIGH', percentage }, nowMs);
}

export function unweigh(execution: Stepping, nowMs: number): Effect[] {
  return operate(execution, { verb: 'WEIGH', percentage: null }, nowMs);
}

/* ------------------------------------------------------------------ how they end */

export function endOperation(execution: Stepping, report: Ended, nowMs: number): Effect[] {
  const { setOperation } = execution;
  if (setOperation === null) return [];
  const over = set({ setOperation: null, lastProgressAtMs: nowMs });
  const reason = clipped(report.reason ?? '', STEP_LIMITS.reasonMaxChars);
  return report.outcome === 'DONE'
    ? [over, ...done(execution, setOperation, report, reason)]
    : [over, ...failed(execution, setOperation, reason)];
}

const NOTE_OF: Readonly<Record<SetVerb, NoteKind>> = {
  CREATE: 'SET_CREATED',
  SWITCH: 'SET_SWITCHED',
  RETIRE: 'SET_RETIRED',
  WEIGH: 'TRAFFIC_WEIGHED',
};

function done(
  execution: Stepping,
  { verb, set: name, percentage }: SetOperation,
  { liveSet }: Ended,
  reason: string,
): Effect[] {
  const { newSet } = execution;
  const spoken = note(NOTE_OF[verb], reason || whyDone(execution, verb, name, percentage));
  switch (verb) {
    case 'CREATE': {
      if (newSet === null) return [];
      // A set that is live itself was switched to before: there is none to go back to.
      const previous = liveSet === newSet.name ? null : liveSet;
      return [set({ newSet: { ...newSet, state: 'STANDING', previous } }), spoken];
    }
    case 'SWITCH':
      return newSet === null ? [] : [set({ newSet: { ...newSet, state: 'LIVE' } }), spoken];
    case 'RETIRE': {
      const isNew = newSet !== null && newSet.name === name;
      const gone = isNew
        ? { newSet: { ...newSet, state: 'RETIRED' as const }, failedOnce: 0 }
        : { staleSet: null };
      // Whichever of the two it was: the deployment has no set beside the live one any more.
      const instances = isNew ? goneWithTheirSet(execution, 'its set is retired') : [];
      return [set(gone), spoken, ...instances, ask({ type: 'RECORD_STANDBY', standby: null })];
    }
    case 'WEIGH':
      return [set({ weighed: percentage }), spoken];
  }
}

function whyDone(
  { plan, total }: Execution,
  verb: SetVerb,
  name: string | null,
  percentage: number | null,
): string {
  const named = name ?? '';
  switch (verb) {
    case 'CREATE':
      return `set ${named} has places for ${String(total)} instances`;
    case 'SWITCH':
      return `all new requests go to set ${named} on ${plan.to.version}`;
    case 'RETIRE':
      return `set ${named} is retired`;
    case 'WEIGH':
      return percentage === null
        ? 'traffic goes by the number of instances again'
        : `${String(percentage)} % of the traffic goes to ${plan.to.version}`;
  }
}

function failed(
  execution: Stepping,
  { verb, set: name, percentage }: SetOperation,
  reason: string,
): Effect[] {
  const { newSet, stopping } = execution;
  const why = `${verb}${name === null ? '' : ` ${name}`} failed: ${reason || 'no reason given'}`;
  const spoken = note('SET_OPERATION_FAILED', why);
  // A share may have been given all the same, by one that timed out: it is to be taken back.
  const isShare = verb === 'WEIGH' && percentage !== null;
  const effects = isShare ? [set({ weighed: percentage }), spoken] : [spoken];
  const isEvening = verb === 'WEIGH' && percentage === null;
  // While it stops nothing is tried for ever: a share that stays is evened after the end.
  if (stopping === null || isEvening) return [set({ setFailure: why }), ...effects];
  if (verb !== 'RETIRE' || newSet === null) return effects;
  return [set({ newSet: { ...newSet, leftBehind: why } }), ...effects];
}

/** As a threshold that is reached: taken back, or stopped where it stands. */
export function giveUpFailed(execution: Guarded, nowMs: number): Effect[] {
  const reason = execution.setFailure ?? '';
  return [set({ setFailure: null }), ...giveUp({ ...execution, setFailure: null }, reason, nowMs)];
}

/* ------------------------------------------------------------------ whose instances it has */

/** The store gives the rows their ids page by page; a set that is too small cannot take over. */
export function nameInstances(execution: Stepping, page: Listed, nowMs: number): Effect[] {
  const { newSet, total } = execution;
  if (newSet === null) return [];
  const named = Math.min(total, newSet.named + page.count);
  const next = { ...newSet, named, cursor: page.nextCursor };
  const effects = [set({ newSet: next, lastProgressAtMs: nowMs })];
  if (named === total || page.nextCursor !== null) return effects;
  const why = `set ${newSet.name} has ${String(named)} places of ${String(total)}`;
  return [...effects, set({ setFailure: why })];
}
