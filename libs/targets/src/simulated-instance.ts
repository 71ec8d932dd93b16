import type { FaultBook, FaultKind } from './simulated-faults.js';
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
import type {
  Fence,
  InstanceOperation,
  InstanceVerb,
  OperationState,
  SetVerb,
} from './target.driver.js';

/**
 * The rules of a simulated instance: what an operation does to its row. Pure but for the fault
 * book, which counts what has happened.
 */

/** One instance of a simulated fleet. Rows are replaced, never changed in place. */
export interface SimulatedInstance extends Operated<SimulatedOperation> {
  readonly id: string;
  /** The set it belongs to. */
  readonly set: string;
  /** Its place in the order of its set's ids, from 0. */
  readonly index: number;
  /** The version its process really runs, also while it is down; null: none was ever brought. */
  readonly runs: string | null;
  /** Versions it ran before, the latest last. */
  readonly cameFrom: readonly string[];
  /** Readmitted: new requests are routed to it while its set is the live one. */
  readonly admitted: boolean;
  /** Its process runs. */
  readonly up: boolean;
  readonly gone: boolean;
}

export interface SimulatedOperation extends OperationRecord<InstanceVerb> {
  /** Of a bring; else null. */
  readonly version: string | null;
}

/** What the rules need to know beside the row. */
export interface SimulatedWorld {
  readonly nowMs: number;
  readonly faults: FaultBook;
  /** How long an operation takes at its middle; each takes between half and one and a half. */
  readonly latencyMs: number;
  readonly seed: number;
  /** The version the deployment is on: what an instance is before an execution takes it. */
  readonly homeVersion: string;
  readonly liveSet: string;
  readonly outcomesKept: number;
  /** Takes down what was done, for checkers; null: nobody wants to know. */
  readonly record: ((act: SimulatedAct) => void) | null;
}

/** What the history of a fleet keeps of one operation on an instance, for checkers. */
export interface SimulatedInstanceAct {
  readonly instanceId: string;
  readonly operationId: string;
  readonly verb: InstanceVerb;
  /** The version to reach; null for drain and readmit. */
  readonly version: string | null;
  readonly fence: Fence;
  /** DONE: it goes well; a fault's name: what goes wrong; SUPERSEDED: it was cut short. */
  readonly outcome: 'DONE' | FaultKind | 'SUPERSEDED';
}

/** The same of an operation on a set. It is taken down when it has ended, not when it begins. */
export interface SimulatedSetAct {
  readonly set: string | null;
  readonly operationId: string;
  readonly verb: SetVerb;
  /** Of a weigh; else null. */
  readonly version: string | null;
  readonly percentage: number | null;
  readonly fence: Fence;
  /** As above; FAILED: it could not be done. */
  readonly outcome: SimulatedInstanceAct['outcome'] | 'FAILED';
}

export type SimulatedAct = SimulatedInstanceAct | SimulatedSetAct;

/** The set a fleet begins with. */
export const MAIN_SET = 'main';

/** Instance `index` of a fleet as it is before anybody touched it. */
export function newInstance(index: number, version: string, set = MAIN_SET): SimulatedInstance {
  return { ...newPlace(set, index, null), runs: version, admitted: true, up: true };
}

/** A place of a new set: nothing runs in it until it is brought to a version. */
export function newPlace(set: string, index: number, fence: Fence | null): SimulatedInstance {
  return {
    id: instanceIdOf(index, set),
    set,
    index,
    runs: null,
    cameFrom: NOTHING,
    admitted: false,
    up: false,
    gone: false,
    fence,
    operation: null,
    earlier: NOTHING,
  };
}

const NOTHING: readonly never[] = [];
const ID_DIGITS = 6;

/**
 * What the ids of a set begin with. Those of the first set are `i-…`; `_` stands in no set's name,
 * so that ids are unique over all sets.
 */
export function idPrefixOf(set: string): string {
  if (set === MAIN_SET) return 'i-';
  return set === 'i' ? 'i_-' : `${set}-`;
}

/** Ids of a set sort as their indices do. */
export function instanceIdOf(index: number, set = MAIN_SET): string {
  return idPrefixOf(set) + index.toString().padStart(ID_DIGITS, '0');
}

/** The index an id stands for in this set; -1 for an id that none of its instances has. */
export function indexOfInstance(id: string, set: string): number {
  const prefix = idPrefixOf(set);
  const index = id.startsWith(prefix) ? Number(id.slice(prefix.length)) : NaN;
  return Number.isInteger(index) && index >= 0 && instanceIdOf(index, set) === id ? index : -1;
}

/** Up without looking at faults: admitted, running, and nothing under way on it. */
export function isPlainlyUp(row: SimulatedInstance): boolean {
  return row.admitted && row.up && !row.gone && row.operation?.state !== 'RUNNING';
}

/** The row as it is at `nowMs`: an operation whose time has come has ended. */
export function settle(row: SimulatedInstance, nowMs: number): SimulatedInstance {
  const operation = row.operation;
  if (operation?.state !== 'RUNNING' || operation.endsAtMs === null) return row;
  return operation.endsAtMs <= nowMs ? finish(row, operation) : row;
}

export interface Begun {
  readonly row: SimulatedInstance;
  readonly state: OperationState;
}

/** An operation arrives: begun, adopted, answered from memory, or refused. */
export function begin(
  before: SimulatedInstance,
  asked: InstanceOperation,
  fence: Fence,
  world: SimulatedWorld,
): Begun {
  const row = settle(before, world.nowMs);
  if (row.gone) return { row, state: vanishedState(asked.id) };
  const refusal = refusalOf(row, fence);
  if (refusal !== null) return { row, state: { id: asked.id, state: 'REFUSED', fence: refusal } };
  const known = knownOperation(row, asked.id);
  if (known !== null && known.state !== 'FORGOTTEN') {
    return { row: { ...row, fence }, state: stateOf(known) };
  }
  const isRepeated = row.operation?.id === asked.id;
  const earlier = isRepeated ? row.earlier : putAside(row, asked.id, fence, world);
  const operation = decided(row, asked, world);
  world.record?.(actOf(row.id, operation, fence, operation.fault ?? 'DONE'));
  const after = settle(started({ ...row, fence, earlier, operation }, operation), world.nowMs);
  // What was accepted and forgotten is accepted all the same: only a poll shows that it is gone.
  const isForgotten = operation.state === 'FORGOTTEN';
  return { row: after, state: isForgotten ? runningState(asked.id) : standing(after, asked.id) };
}

/** How an operation stands on a settled row. */
export function standing(row: SimulatedInstance | undefined, operationId: string): OperationState {
  if (row === undefined || row.gone) return vanishedState(operationId);
  const known = knownOperation(row, operationId);
  return known === null ? { id: operationId, state: 'UNKNOWN' } : stateOf(known);
}

/**
 * The faults were changed: what hung because of one that is gone goes on, and ends after its usual
 * time, so that a fault can come and go while an execution runs.
 */
export function release(row: SimulatedInstance, world: SimulatedWorld): SimulatedInstance {
  const operation = row.operation;
  if (operation?.state !== 'RUNNING' || operation.endsAtMs !== null) return row;
  if (world.faults.look(placeOf(row, operation), row.index) === 'HANG') return row;
  const endsAtMs = world.nowMs + tookMs(row.index, operation.verb, world);
  return settle({ ...row, operation: { ...operation, fault: null, endsAtMs } }, world.nowMs);
}

/** The ended operations once the latest makes room for a new one; one that still runs ends now. */
function putAside(
  row: SimulatedInstance,
  newId: string,
  fence: Fence,
  world: SimulatedWorld,
): readonly SimulatedOperation[] {
  const last = row.operation;
  if (last === null) return row.earlier;
  let ended = last;
  if (last.state === 'RUNNING') {
    ended = supersededBy(last, row.fence, newId, fence);
    world.record?.(actOf(row.id, last, row.fence ?? fence, 'SUPERSEDED'));
  }
  const kept = world.outcomesKept;
  return kept === 0 ? NOTHING : [...row.earlier, ended].slice(-kept);
}

function decided(
  row: SimulatedInstance,
  asked: InstanceOperation,
  world: SimulatedWorld,
): SimulatedOperation {
  const { id, verb } = asked;
  const version = verb === 'bring' ? (asked.version ?? null) : null;
  // It is there already: nothing is restarted, so nothing can go wrong.
  if (verb === 'bring' && version === row.runs && isWell(row, world)) {
    return { id, verb, version, state: 'RUNNING', endsAtMs: world.nowMs, fault: null };
  }
  const place = placeOf(row, { verb, version });
  const fault = verb === 'readmit' ? null : world.faults.take(place, row.index);
  const endsAtMs = fault === 'HANG' ? null : world.nowMs + tookMs(row.index, verb, world);
  return {
    id,
    verb,
    version,
    state: fault === 'NO_DATA' ? 'FORGOTTEN' : 'RUNNING',
    endsAtMs,
    fault,
  };
}

/** What is seen of an operation as soon as it runs. Cut short, it leaves the instance like that. */
function started(row: SimulatedInstance, { verb, fault }: SimulatedOperation): SimulatedInstance {
  const isUnderWay = fault === null || fault === 'HANG';
  if (verb === 'drain' && isUnderWay) return { ...row, admitted: false };
  if (verb === 'bring' && isUnderWay) return { ...row, up: false };
  return row;
}

function finish(row: SimulatedInstance, operation: SimulatedOperation): SimulatedInstance {
  const { fault, verb, version } = operation;
  if (fault === 'VANISH') return vanish(row);
  if (fault === 'FAIL') {
    const reason = verb === 'bring' ? `${version ?? '?'} did not start` : `${verb} did not succeed`;
    const failed = { ...row, operation: { ...operation, state: 'FAILED' as const, reason } };
    return verb === 'bring' ? { ...failed, up: false } : failed;
  }
  const done = { ...row, operation: { ...operation, state: 'SUCCEEDED' as const } };
  if (fault === 'LIE') return verb === 'bring' ? { ...done, up: row.runs !== null } : done;
  switch (verb) {
    case 'drain':
      return { ...done, admitted: false };
    case 'readmit':
      return row.up
        ? { ...done, admitted: true }
        : {
            ...row,
            operation: { ...operation, state: 'FAILED', reason: 'the instance does not run' },
          };
    case 'bring':
      return version === null || version === row.runs
        ? { ...done, up: true }
        : { ...done, up: true, runs: version, cameFrom: trail(row, version) };
  }
}

/** Going back shortens the trail, so that going there once more counts as going forward. */
function trail(row: SimulatedInstance, version: string): readonly string[] {
  const back = row.cameFrom.indexOf(version);
  if (back >= 0) return row.cameFrom.slice(0, back);
  if (row.runs === null) return row.cameFrom;
  return [...row.cameFrom, row.runs].slice(-SIMULATED_LIMITS.versionsKept);
}

/** Its process runs, and no fault makes it unwell on the version it runs. */
export function isWell(
  row: SimulatedInstance,
  { faults, homeVersion }: Pick<SimulatedWorld, 'faults' | 'homeVersion'>,
): boolean {
  if (!row.up || row.gone) return false;
  return row.runs === homeVersion || faults.look('HEALTH', row.index) === null;
}

/** What its end cuts short is taken down; nothing else is left of a row that is taken away. */
export function recordEnd(
  row: SimulatedInstance,
  fence: Fence,
  record: SimulatedWorld['record'],
): void {
  const { operation } = row;
  if (operation?.state !== 'RUNNING') return;
  record?.(actOf(row.id, operation, row.fence ?? fence, 'SUPERSEDED'));
}

export function vanish(row: SimulatedInstance): SimulatedInstance {
  return { ...row, gone: true, admitted: false, up: false, operation: null, earlier: NOTHING };
}

function vanishedState(id: string): OperationState {
  return { id, state: 'FAILED', reason: 'the instance is not there any more', vanished: true };
}

function placeOf(
  row: SimulatedInstance,
  operation: Pick<SimulatedOperation, 'verb' | 'version'>,
): 'DRAIN' | 'BRING' | 'ROLLBACK' {
  if (operation.verb !== 'bring') return 'DRAIN';
  const isBack = operation.version !== null && row.cameFrom.includes(operation.version);
  return isBack ? 'ROLLBACK' : 'BRING';
}

function actOf(
  instanceId: string,
  operation: SimulatedOperation,
  fence: Fence,
  outcome: SimulatedInstanceAct['outcome'],
): SimulatedInstanceAct {
  const { id: operationId, verb, version } = operation;
  return { instanceId, operationId, verb, version, fence, outcome };
}
