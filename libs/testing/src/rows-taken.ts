/** What each row of a decision did by itself: `decide` answers with all of them together. */
import { applyEffects, type Effect } from '#core/execution/effects.js';
import type { Decision } from '#core/execution/decide.js';
import type { Execution, ExecutionStatus } from '#core/execution/execution.js';
import type { Input } from '#core/execution/execution-inputs.js';
import { GUARDS, ROWS } from '#core/execution/execution-transitions.js';

export interface RowTaken {
  readonly name: string;
  readonly from: ExecutionStatus;
  readonly to: ExecutionStatus;
}

export function rowsTaken(
  execution: Execution,
  input: Input,
  nowMs: number,
  decision: Decision,
): RowTaken[] {
  if (decision.kind === 'ABSORBED' || decision.kind === 'FORBIDDEN') {
    const { status } = execution;
    return decision.rows.map((name) => ({ name, from: status, to: status }));
  }
  if (decision.kind !== 'DECIDED') return [];
  const at = { revision: decision.next.revision, nowMs };
  let current = execution;
  return decision.rows.map((name, position) => {
    const effects =
      position === 0
        ? effectsOfRow(name, current, input, nowMs)
        : GUARDS.find((guard) => guard.name === name)?.plan(current, nowMs);
    const from = current.status;
    current = applyEffects(current, effects ?? [], at).next;
    return { name, from, to: current.status };
  });
}

function effectsOfRow(
  name: string,
  execution: Execution,
  input: Input,
  nowMs: number,
): readonly Effect[] {
  const plan = ROWS.find((row) => row.name === name)?.plan;
  return typeof plan === 'function' ? plan(execution, input, nowMs) : [];
}
