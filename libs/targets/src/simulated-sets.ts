import type { FaultBook } from './simulated-faults.js';
import { MAIN_SET, type SimulatedSetAct, type SimulatedWorld } from './simulated-instance.js';
import {
  knownOperation,
  refusalOf,
  runningState,
  stateOf,
  supersededBy,
  tookMs,
  type Operated,
  type OperationRecord,
} from './simulated-operation.js';
import { SIMULATED_LIMITS } from './target-limits.js';
import type { Fence, OperationState, SetOperation, SetVerb } from './target.driver.js';

/**
 * The rules of a simulated fleet's sets: which one is live, what an operation on them does. Pure
 * but for the fault book. One operation runs at a time; whatever asks for another supersedes it.
 */

/** What a fleet keeps of its sets beside their instances. Replaced, never changed in place. */
export interface SimulatedSets extends Operated<SimulatedSetOperation> {
  /** The name of the live one. */
  readonly live: string;
  /** The last weigh; null: requests are spread by the number of instances. */
  readonly weight: SimulatedWeight | null;
}

export interface SimulatedWeight {
  readonly version: string;
  /** 1–100 */
  readonly percentage: number;
}

export interface SimulatedSetOperation extends OperationRecord<SetVerb> {
  readonly asked: SetOperation;
}

/** What the rules need to know of the instances. */
export interface SetsAsTheyAre {
  /** How many instances each set has that there is (those that vanished are none). */
  readonly listed: ReadonlyMap<string, number>;
  /** Whether some instance of the set that is to be switched to is healthy and readmitted. */
  readonly hasFit: boolean;
}

/** What an operation does to the instances when it ends; all else stands in SimulatedSets. */
export type InstancesChange =
  /** Places from 0 to `size`, where there are none or an instance vanished. */
  | { readonly kind: 'FILL'; readonly set: string; readonly size: number; readonly fence: Fence }
  | { readonly kind: 'REMOVE'; readonly set: string; readonly fence: Fence };

/** As a fleet begins, and after it was declared anew; fences outlive that. */
export function newSets(fence: Fence | null = null): SimulatedSets {
  return { live: MAIN_SET, weight: null, fence, operation: null, earlier: [] };
}

export interface SetBegun {
  readonly sets: SimulatedSets;
  /** Null: begun or adopted, and stands as `standingSet` says once it was settled. */
  readonly refused: OperationState | null;
}

/** An operation arrives: begun, adopted, answered from memory, or refused. */
export function beginSet(
  sets: SimulatedSets,
  asked: SetOperation,
  fence: Fence,
  world: Omit<SimulatedWorld, 'record'> & { readonly record: RecordSetAct },
): SetBegun {
  const { id, verb } = asked;
  const refusal = refusalOf(sets, fence);
  if (refusal !== null) return { sets, refused: { id, state: 'REFUSED', fence: refusal } };
  const known = knownOperation(sets, id);
  if (known !== null && known.state !== 'FORGOTTEN') {
    return { sets: { ...sets, fence }, refused: null };
  }
  const isRepeated = sets.operation?.id === id;
  const earlier = isRepeated ? sets.earlier : putAside(sets, id, fence, world.record);
  // Where the traffic is already, nothing is switched and nothing can go wrong.
  const isSwitch = verb === 'switch' && asked.set !== sets.live;
  const fault = isSwitch ? world.faults.takeWhole('SWITCH') : null;
  const state = fault === 'NO_DATA' ? 'FORGOTTEN' : 'RUNNING';
  const endsAtMs = fault === 'HANG' ? null : world.nowMs + tookMs(0, verb, world);
  const operation: SimulatedSetOperation = { id, verb, state, endsAtMs, fault, asked };
  if (state === 'FORGOTTEN') world.record?.(actOf(operation, fence, 'NO_DATA'));
  // What was accepted and forgotten is accepted all the same: only a poll shows that it is gone.
  const refused = state === 'FORGOTTEN' ? runningState(id) : null;
  return { sets: { ...sets, fence, earlier, operation }, refused };
}

export type RecordSetAct = ((act: SimulatedSetAct) => void) | null;

/** How an operation stands on settled sets. */
export function standingSet(sets: SimulatedSets, operationId: string): OperationState {
  const known = knownOperation(sets, operationId);
  return known === null ? { id: operationId, state: 'UNKNOWN' } : stateOf(known);
}

/** The operation whose time has come: `finishSet` is to be asked what it does. */
export function dueOperation(
  { operation }: SimulatedSets,
  nowMs: number,
): SimulatedSetOperation | null {
  if (operation?.state !== 'RUNNING' || operation.endsAtMs === null) return null;
  return operation.endsAtMs <= nowMs ? operation : null;
}

export interface SetFinished {
  readonly sets: SimulatedSets;
  readonly change: InstancesChange | null;
}

/** The end of the operation that is due. */
export function finishSet(
  sets: SimulatedSets,
  operation: SimulatedSetOperation,
  are: SetsAsTheyAre,
  record: RecordSetAct,
): SetFinished {
  const fence = sets.fence ?? { handOver: 0, epoch: 0 };
  const reason = whyNot(sets, operation, are);
  if (reason !== null) {
    record?.(actOf(operation, fence, operation.fault ?? 'FAILED'));
    const failed: SimulatedSetOperation = { ...operation, state: 'FAILED', reason };
    return { sets: { ...sets, operation: failed }, change: null };
  }
  record?.(actOf(operation, fence, operation.fault ?? 'DONE'));
  const done: SimulatedSets = { ...sets, operation: { ...operation, state: 'SUCCEEDED' } };
  const { verb, asked } = operation;
  const set = asked.set ?? sets.live;
  switch (verb) {
    case 'createSet':
      return { sets: done, change: { kind: 'FILL', set, size: asked.size ?? 0, fence } };
    case 'switch':
      return { sets: operation.fault === 'LIE' ? done : { ...done, live: set }, change: null };
    case 'retireSet':
      return { sets: done, change: are.listed.has(set) ? { kind: 'REMOVE', set, fence } : null };
    case 'weigh':
      return { sets: { ...done, weight: weightOf(asked) }, change: null };
  }
}

/** Why the operation cannot be done; null: it can. */
function whyNot(
  sets: SimulatedSets,
  { verb, asked, fault }: SimulatedSetOperation,
  are: SetsAsTheyAre,
): string | null {
  if (verb === 'weigh') {
    return isWeight(asked) ? null : 'a weight needs a version and a percentage from 1 to 100';
  }
  const { set } = asked;
  if (set === null || !SET_NAME.test(set)) return 'there can be no set of that name';
  switch (verb) {
    case 'createSet':
      return whyNotCreated(set, asked.size ?? 0, are);
    case 'switch':
      if (set === sets.live || fault === 'LIE') return null;
      if (fault === 'FAIL' || fault === 'VANISH') return 'the switch did not succeed';
      if (!are.listed.has(set)) return `there is no set ${set}`;
      return are.hasFit ? null : `no instance of ${set} is healthy and admitted`;
    case 'retireSet':
      return set === sets.live ? `${set} is the live set` : null;
  }
}

const SET_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

function whyNotCreated(set: string, size: number, { listed }: SetsAsTheyAre): string | null {
  const { instancesMax, setsMax } = SIMULATED_LIMITS;
  if (!Number.isInteger(size) || size < 1 || size > instancesMax) {
    return `a set has from 1 to ${instancesMax} instances`;
  }
  if (!listed.has(set) && listed.size >= setsMax) return `there are ${setsMax} sets already`;
  return null;
}

function isWeight({ version, percentage }: SetOperation): boolean {
  if (percentage === null) return true;
  if (version === undefined || percentage === undefined) return false;
  return percentage >= 1 && percentage <= 100;
}

function weightOf({ version, percentage }: SetOperation): SimulatedWeight | null {
  return version === undefined || typeof percentage !== 'number' ? null : { version, percentage };
}

/** The faults were changed: a switch that hung because of one that is gone ends now. */
export function releaseSet(sets: SimulatedSets, nowMs: number, faults: FaultBook): SimulatedSets {
  const { operation } = sets;
  if (operation?.state !== 'RUNNING' || operation.endsAtMs !== null) return sets;
  if (faults.lookWhole('SWITCH') === 'HANG') return sets;
  return { ...sets, operation: { ...operation, fault: null, endsAtMs: nowMs } };
}

/** The ended operations once the latest makes room for a new one; one that still runs ends now. */
function putAside(
  { fence: heldBy, operation: last, earlier }: SimulatedSets,
  newId: string,
  fence: Fence,
  record: RecordSetAct,
): readonly SimulatedSetOperation[] {
  if (last === null) return earlier;
  const isCut = last.state === 'RUNNING';
  if (isCut) record?.(actOf(last, heldBy ?? fence, 'SUPERSEDED'));
  const ended = isCut ? supersededBy(last, heldBy, newId, fence) : last;
  return [...earlier, ended].slice(-SIMULATED_LIMITS.setOutcomesKept);
}

function actOf(
  { id, verb, asked }: SimulatedSetOperation,
  fence: Fence,
  outcome: SimulatedSetAct['outcome'],
): SimulatedSetAct {
  const { set, version = null, percentage = null } = asked;
  return { set, operationId: id, verb, version, percentage, fence, outcome };
}
