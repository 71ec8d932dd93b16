/**
 * What a row of the table does, said as a list of effects, and the one fold that applies them. The
 * fold alone keeps counters, sequence, progress and revision, so no row can get them wrong.
 */
import { ATTEMPTS_MAX } from '../limits.js';
import {
  isTerminal,
  type Execution,
  type ExecutionStatus,
  type InstanceCounters,
  type InstanceStatus,
  type WaitingKind,
} from './execution.js';
import type { ExecutionNoted, Fact, Progress, Selection } from './execution-facts.js';
import type { FailureKind } from './execution-inputs.js';
import type { Request } from './execution-requests.js';
import { withOwnFieldsOnly } from './own-fields.js';

export interface Move {
  readonly do: 'MOVE';
  readonly from: InstanceStatus;
  readonly to: InstanceStatus;
  /** Null: whatever attempt they stand in, which they keep. */
  readonly fromAttempt: number | null;
  readonly attempt: number;
  readonly select: Selection;
  readonly failure: FailureKind | null;
  readonly closedConnections: number;
  readonly why: string;
}

export interface Change {
  readonly do: 'CHANGE';
  readonly to: ExecutionStatus;
  readonly by: string | null;
  readonly why: string;
}

export interface Note {
  readonly do: 'NOTE';
  readonly note: ExecutionNoted['note'];
  readonly by: string | null;
  readonly waitingKind: WaitingKind | null;
  readonly why: string;
}

/** Every field that some status has; which belong to which status is the table's business. */
export type Fields = Partial<
  Omit<
    { [Key in KeysOfUnion<Execution>]: Extract<Execution, Record<Key, unknown>>[Key] },
    'status' | 'counters' | 'sequence' | 'revision' | 'id' | 'plan'
  >
>;
type KeysOfUnion<T> = T extends T ? keyof T : never;

export type Effect =
  | Move
  | Change
  | Note
  | { readonly do: 'SET'; readonly fields: Fields }
  | { readonly do: 'ADD_PENDING'; readonly count: number }
  | { readonly do: 'ASK'; readonly request: Request };

export function move(
  what: Pick<Move, 'from' | 'to' | 'attempt' | 'select' | 'why'> & Partial<Move>,
): Move {
  return {
    do: 'MOVE',
    fromAttempt: what.attempt,
    failure: null,
    closedConnections: 0,
    ...what,
  };
}

export function change(to: ExecutionStatus, why: string, by: string | null = null): Change {
  return { do: 'CHANGE', to, by, why };
}

export function note(
  what: ExecutionNoted['note'],
  why: string,
  more: { by?: string; waitingKind?: WaitingKind } = {},
): Note {
  return {
    do: 'NOTE',
    note: what,
    why,
    by: more.by ?? null,
    waitingKind: more.waitingKind ?? null,
  };
}

export function set(fields: Fields): Effect {
  return { do: 'SET', fields };
}

export function ask(request: Request): Effect {
  return { do: 'ASK', request };
}

export function countOf(select: Selection): number {
  return select.by === 'NEXT' ? select.count : select.indices.length;
}

/** Progress as events show it. */
export function progressOf(execution: Pick<Execution, 'total' | 'counters'>): Progress {
  const { total, counters } = execution;
  return {
    total,
    completed: counters.COMPLETED,
    failed: counters.FAILED,
    rolledBack: counters.ROLLED_BACK,
    percentage: total === 0 ? 0 : Math.floor((100 * counters.COMPLETED) / total),
  };
}

export interface Outcome {
  readonly next: Execution;
  readonly facts: readonly Fact[];
  readonly requests: readonly Request[];
}

/** Applies effects in their order. `revision` is that of the decision they belong to. */
export function applyEffects(
  execution: Execution,
  effects: readonly Effect[],
  at: { revision: number; nowMs: number },
): Outcome {
  let next: Execution = { ...execution, revision: at.revision };
  const facts: Fact[] = [];
  const requests: Request[] = [];
  for (const effect of effects) {
    if (effect.do === 'ASK') {
      requests.push(effect.request);
    } else if (effect.do === 'SET') {
      // Fields are set before the change of status that needs them; `checkInvariants` proves it.
      next = { ...next, ...effect.fields } as Execution;
    } else if (effect.do === 'ADD_PENDING') {
      next = withCounters(next, 'PENDING', effect.count);
      next = { ...next, total: next.total + effect.count };
    } else {
      const [after, fact] = applyVisible(next, effect, at.nowMs);
      next = after;
      if (fact !== null) facts.push(fact);
    }
  }
  return { next, facts, requests };
}

/** Effects that become progress events. */
function applyVisible(
  execution: Execution,
  effect: Move | Change | Note,
  nowMs: number,
): [Execution, Fact | null] {
  const head = {
    sequence: execution.sequence + 1,
    revision: execution.revision,
    atMs: nowMs,
    executionStatus: execution.status,
    why: effect.why,
    before: progressOf(execution),
  };
  if (effect.do === 'NOTE') {
    const { note, by, waitingKind } = effect;
    const fact: Fact = { ...head, type: 'NOTED', note, by, waitingKind };
    return [{ ...execution, sequence: head.sequence }, fact];
  }
  if (effect.do === 'CHANGE') {
    const next = withOwnFieldsOnly({
      ...execution,
      status: effect.to,
      sequence: head.sequence,
      lastProgressAtMs: nowMs,
      completedAtMs: isTerminal(effect.to) ? nowMs : execution.completedAtMs,
    } as Execution);
    const fact: Fact = {
      ...head,
      type: 'STATUS_CHANGED',
      executionStatus: effect.to,
      from: execution.status,
      to: effect.to,
      by: effect.by,
    };
    return [next, fact];
  }
  const count = countOf(effect.select);
  if (count === 0) return [execution, null];
  const { from, to, fromAttempt, attempt, select, failure, closedConnections } = effect;
  const moved = withCounters(withCounters(execution, from, -count), to, count);
  const next = {
    ...moved,
    failedOnce: moved.failedOnce + changeOfFailedOnce(effect, count),
    takenByName: moved.takenByName + (from === 'PENDING' && select.by === 'INDICES' ? count : 0),
    sequence: execution.sequence + count,
    lastProgressAtMs: nowMs,
  };
  const fact: Fact = {
    ...head,
    type: 'INSTANCES_MOVED',
    ...{ from, to, fromAttempt, attempt, count, select, failure, closedConnections },
  };
  return [next, fact];
}

/** `failedOnce` counts the FAILED ones that may still be tried again. */
function changeOfFailedOnce(effect: Move, count: number): number {
  const mayBeRetried = (attempt: number): boolean => attempt < ATTEMPTS_MAX;
  if (effect.to === 'FAILED' && mayBeRetried(effect.attempt)) return count;
  if (effect.from === 'FAILED' && effect.fromAttempt !== null && mayBeRetried(effect.fromAttempt)) {
    return -count;
  }
  return 0;
}

function withCounters<T extends Execution>(execution: T, status: InstanceStatus, by: number): T {
  const counters: InstanceCounters = {
    ...execution.counters,
    [status]: execution.counters[status] + by,
  };
  return { ...execution, counters };
}
