/**
 * `decide`: what an input does to an execution. Pure: the same execution, input and time always
 * give the same answer, and the answer is a value.
 */
import { GUARD_ROUNDS_MAX } from '../limits.js';
import { applyEffects, type Outcome } from './effects.js';
import type { Execution } from './execution.js';
import {
  ACTION_TYPES,
  isAction,
  type Action,
  type ActionType,
  type Input,
} from './execution-inputs.js';
import { GUARDS, GUARDS_WHILE_STOPPING, ROWS } from './execution-transitions.js';
import type { Guard, Row } from './transition.js';

/** Something changed: commit it all, in one transaction. */
export interface Decided extends Outcome {
  readonly kind: 'DECIDED';
  /** Names of the rows and guards taken, in order: logged, and the metric's label. */
  readonly rows: readonly string[];
}

/** Late or repeated: acknowledge and count it, nothing changes. */
export interface Absorbed {
  readonly kind: 'ABSORBED';
  readonly rows: readonly string[];
}

/** An action that the status does not allow: 409, nothing changes. */
export interface Refused {
  readonly kind: 'REFUSED';
  readonly allowedActions: readonly ActionType[];
}

/** An action that the status allows, but not to whoever asks: 403, nothing changes. */
export interface Forbidden {
  readonly kind: 'FORBIDDEN';
  readonly rows: readonly string[];
  /** The rule, in a sentence. */
  readonly why: string;
}

/** A report that cannot belong here: an error, counted, and a dead letter. */
export interface Impossible {
  readonly kind: 'IMPOSSIBLE';
  readonly reason: string;
}

export type Decision = Decided | Absorbed | Refused | Forbidden | Impossible;

/** Judges `input` by the status it finds, then the guards until none fires any more. */
export function decide(execution: Execution, input: Input, nowMs: number): Decision {
  const row = rowFor(execution, input, nowMs);
  if (row === null) {
    if (isAction(input)) return { kind: 'REFUSED', allowedActions: allowedActions(execution) };
    return { kind: 'IMPOSSIBLE', reason: `${input.type} cannot belong to ${execution.status}` };
  }
  if (row.plan === 'FORBIDDEN') return { kind: 'FORBIDDEN', rows: [row.name], why: row.why };
  if (row.plan === null) return { kind: 'ABSORBED', rows: [row.name] };
  const at = { revision: execution.revision + 1, nowMs };
  const first = applyEffects(execution, row.plan(execution, input, nowMs), at);
  return judgeGuards(first, [row.name], at);
}

function judgeGuards(
  first: Outcome,
  rowsBefore: readonly string[],
  at: { revision: number; nowMs: number },
): Decided {
  const rows = [...rowsBefore];
  let { next } = first;
  const facts = [...first.facts];
  const requests = [...first.requests];
  for (let round = 0; round < GUARD_ROUNDS_MAX; round += 1) {
    const guard = guardFor(next, at.nowMs);
    if (guard === null) return { kind: 'DECIDED', next, facts, requests, rows };
    const outcome = applyEffects(next, guard.plan(next, at.nowMs), at);
    next = outcome.next;
    facts.push(...outcome.facts);
    requests.push(...outcome.requests);
    rows.push(guard.name);
  }
  throw new Error(`guards do not come to rest: ${rows.join(' → ')}`);
}

/** The first row that answers the input in this status, or null. */
function rowFor(execution: Execution, input: Input, nowMs: number): Row | null {
  const fits = (row: Row): boolean =>
    row.on === input.type &&
    row.from.includes(execution.status) &&
    (row.when === null || row.when(execution, input, nowMs)) &&
    // While stopping every action is refused, except rollback and what a row's `when` lets through.
    (execution.stopping === null ||
      !isAction(input) ||
      ACTIONS_WHILE_STOPPING.includes(input.type));
  return ROWS.find(fits) ?? null;
}

const ACTIONS_WHILE_STOPPING: readonly ActionType[] = ['ROLLBACK', 'CANCEL'];

/** The first guard that matches; while stopping none but those of the stop are judged. */
function guardFor(execution: Execution, nowMs: number): Guard | null {
  const judged = execution.stopping === null ? GUARDS : GUARDS_WHILE_STOPPING;
  const fits = (guard: Guard): boolean =>
    guard.from.includes(execution.status) && guard.when(execution, nowMs);
  return judged.find(fits) ?? null;
}

/** Actions that the execution's status allows now; those that need `force` are not among them. */
export function allowedActions(execution: Execution): ActionType[] {
  return ACTION_TYPES.filter((type) => {
    const action: Action = { type, by: '', reason: null, force: false };
    return rowFor(execution, action, 0) !== null;
  });
}
