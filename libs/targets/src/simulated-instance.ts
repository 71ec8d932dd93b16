import type { FaultBook, FaultKind } from './simulated-faults.js';
import { SIMULATED_LIMITS } from './target-limits.js';
import { compareFences } from './target.driver.js';
import type {
  Fence,
  InstanceOperation,
  InstanceVerb,
  ObservedInstance,
  OperationState,
} from './target.driver.js';

/**
 * The rules of a simulated instance: what an operation does to its row, what a look at it shows.
 * Pure but for the fault book, which counts what has happened.
 */

/** One instance of a simulated fleet. Rows are replaced, never changed in place. */
export interface SimulatedInstance {
  readonly id: string;
  /** Its place in the order of ids, from 0. */
  readonly index: number;
  /** The version its process really runs, also while it is down. */
  readonly runs: string;
  /** Versions it ran before, the latest last. */
  readonly cameFrom: readonly string[];
  readonly admitted: boolean;
  /** Its process runs. */
  readonly up: boolean;
  readonly gone: boolean;
  /** The highest fence that operated it. */
  readonly fence: Fence | null;
  readonly operation: SimulatedOperation | null;
  /** Ended operations before the present one, the latest last. */
  readonly earlier: readonly SimulatedOperation[];
}

export interface SimulatedOperation {
  readonly id: string;
  readonly verb: InstanceVerb;
  /** Of a bring; else null. */
  readonly version: string | null;
  /** FORGOTTEN: accepted, and neither done nor known any more. */
  readonly state: 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'REFUSED' | 'FORGOTTEN';
  /** When a RUNNING one ends; null: it hangs until its fault is healed or it is superseded. */
  readonly endsAtMs: number | null;
  /** What was decided when it began: a fault, or null when it goes well. */
  readonly fault: FaultKind | null;
  readonly reason?: string;
  readonly vanished?: boolean;
  /** Of REFUSED: whose operation superseded it. */
  readonly by?: Fence;
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
  readonly outcomesKept: number;
  /** Takes down what was done, for checkers; null: nobody wants to know. */
  readonly record: ((act: SimulatedAct) => void) | null;
}

/**
 * Who looks. CHECK: a health check of named instances, counts as a happening of LIST and HEALTH
 * faults; LISTING: a page of all, counts as one of LIST faults; COUNT: counts as none.
 */
export type Look = 'CHECK' | 'LISTING' | 'COUNT';

/** What the history of a fleet keeps of one operation, for checkers. */
export interface SimulatedAct {
  readonly instanceId: string;
  readonly operationId: string;
  readonly verb: InstanceVerb;
  /** The version to reach; null for drain and readmit. */
  readonly version: string | null;
  readonly fence: Fence;
  /** DONE: it goes well; a fault's name: what goes wrong; SUPERSEDED: it was cut short. */
  readonly outcome: 'DONE' | FaultKind | 'SUPERSEDED';
}

/** Instance `index` of a fleet as it is before anybody touched it. Ids sort as their indices do. */
export function newInstance(index: number, version: string): SimulatedInstance {
  return {
    id: instanceIdOf(index),
    index,
    runs: version,
    cameFrom: NOTHING,
    admitted: true,
    up: true,
    gone: false,
    fence: null,
    operation: null,
    earlier: NOTHING,
  };
}

const NOTHING: readonly never[] = [];
const ID_DIGITS = 6;

export function instanceIdOf(index: number): string {
  return `i-${index.toString().padStart(ID_DIGITS, '0')}`;
}

/** The index an id stands for; -1 for an id no simulated instance has. */
export function indexOfInstance(id: string): number {
  const index = id.startsWith('i-') ? Number(id.slice(2)) : NaN;
  return Number.isInteger(index) && index >= 0 && instanceIdOf(index) === id ? index : -1;
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
  if (row.fence !== null && compareFences(fence, row.fence) < 0) {
    return { row, state: { id: asked.id, state: 'REFUSED', fence: row.fence } };
  }
  const known = knownOperation(row, asked.id);
  if (known !== null && known.state !== 'FORGOTTEN') {
    return { row: { ...row, fence }, state: stateOf(known) };
  }
  const earlier = known === null ? putAside(row, asked.id, fence, world) : row.earlier;
  const operation = decided(row, asked, world);
  world.record?.(actOf(row.id, operation, fence, operation.fault ?? 'DONE'));
  const after = settle(started({ ...row, fence, earlier, operation }, operation), world.nowMs);
  // What was accepted and forgotten is accepted all the same: only a poll shows that it is gone.
  const isForgotten = operation.state === 'FORGOTTEN';
  return { row: after, state: isForgotten ? running(asked.id) : standing(after, asked.id) };
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
    const isByOther = row.fence !== null && compareFences(fence, row.fence) > 0;
    ended = isByOther
      ? { ...last, state: 'REFUSED', by: fence }
      : { ...last, state: 'FAILED', reason: `superseded by ${newId}` };
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
  if (fault === 'LIE') return verb === 'bring' ? { ...done, up: true } : done;
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
  return [...row.cameFrom, row.runs].slice(-SIMULATED_LIMITS.versionsKept);
}

export function vanish(row: SimulatedInstance): SimulatedInstance {
  return { ...row, gone: true, admitted: false, up: false, operation: null, earlier: NOTHING };
}

/**
 * What a look shows of a settled row; null: it is not there (any more).
 */
export function observe(
  row: SimulatedInstance,
  world: SimulatedWorld,
  as: Look,
): ObservedInstance | null {
  if (row.gone) return null;
  const { id, index, admitted } = row;
  const { faults } = world;
  if (faults.has('LIST')) {
    const how = as === 'COUNT' ? faults.lookNamed('LIST', index) : faults.takeNamed('LIST', index);
    const shown = how === null ? undefined : underFault(row, how, row.runs, world);
    if (shown !== undefined) return shown;
  }
  if (!row.up) {
    const problem =
      row.operation?.verb === 'bring' && row.operation.state === 'RUNNING'
        ? `is being brought to ${row.operation.version ?? '?'}`
        : 'its process does not run';
    return { id, version: null, admitted, healthy: false, problem };
  }
  if (faults.has('HEALTH') && row.runs !== world.homeVersion) {
    const how = as === 'CHECK' ? faults.take('HEALTH', index) : faults.look('HEALTH', index);
    const left = row.cameFrom.at(-1) ?? world.homeVersion;
    const shown = how === null ? undefined : underFault(row, how, left, world);
    if (shown !== undefined) return shown;
  }
  return { id, version: row.runs, admitted, healthy: true, problem: null };
}

/** `lie`: the version a lying instance claims to run. */
function underFault(
  row: SimulatedInstance,
  how: FaultKind,
  lie: string,
  world: SimulatedWorld,
): ObservedInstance | null {
  const { id, admitted } = row;
  switch (how) {
    case 'VANISH':
      return null;
    case 'LIE':
      return { id, version: lie, admitted, healthy: true, problem: null };
    case 'FAIL':
      return { id, version: row.runs, admitted, healthy: false, problem: 'says that it is unwell' };
    case 'HANG':
      return { id, version: null, admitted, healthy: false, problem: 'does not answer in time' };
    case 'NO_DATA':
      return {
        id,
        version: null,
        admitted,
        healthy: false,
        problem: `reports nothing (expected ${world.homeVersion} or later)`,
      };
  }
}

function knownOperation(row: SimulatedInstance, id: string): SimulatedOperation | null {
  if (row.operation?.id === id) return row.operation;
  return row.earlier.findLast((operation) => operation.id === id) ?? null;
}

function stateOf(operation: SimulatedOperation): OperationState {
  const { id } = operation;
  switch (operation.state) {
    case 'RUNNING':
      return running(id);
    case 'SUCCEEDED':
      return { id, state: 'SUCCEEDED' };
    case 'FAILED':
      return { id, state: 'FAILED', reason: operation.reason ?? 'it failed' };
    case 'REFUSED':
      return { id, state: 'REFUSED', fence: operation.by ?? { handOver: 0, epoch: 0 } };
    case 'FORGOTTEN':
      return { id, state: 'UNKNOWN' };
  }
}

function running(id: string): OperationState {
  return { id, state: 'RUNNING' };
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
  outcome: SimulatedAct['outcome'],
): SimulatedAct {
  const { id: operationId, verb, version } = operation;
  return { instanceId, operationId, verb, version, fence, outcome };
}

/** How long an operation takes: the same for the same seed, instance and verb. */
function tookMs(index: number, verb: InstanceVerb, world: SimulatedWorld): number {
  if (world.latencyMs === 0) return 0;
  let hash = (world.seed ^ Math.imul(index + 1, 0x9e3779b1) ^ verb.length) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0;
  hash = (hash ^ (hash >>> 12)) >>> 0;
  return Math.round(world.latencyMs * (0.5 + hash / 2 ** 32));
}
