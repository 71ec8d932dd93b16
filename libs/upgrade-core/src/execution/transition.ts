/** What a line of the table is made of. The lines themselves stand in `execution-transitions.ts`. */
import type { Effect } from './effects.js';
import type { Execution, ExecutionStatus } from './execution.js';
import type { Action, ActionType, Input, Report } from './execution-inputs.js';

export type InputType = Input['type'];

export type InputOf<Type extends InputType> = Type extends ActionType
  ? Action & { readonly type: Type }
  : Extract<Report, { type: Type }>;

export type ExecutionIn<Status extends ExecutionStatus> = Extract<Execution, { status: Status }>;

/** SAME: the execution stays in the status it has. */
export type Destination = ExecutionStatus | 'SAME';

/** Answers one kind of input in some statuses. */
export interface Row<
  Status extends ExecutionStatus = ExecutionStatus,
  Type extends InputType = InputType,
> {
  readonly name: string;
  readonly from: readonly Status[];
  readonly on: Type;
  /** Null: always. */
  readonly when:
    ((execution: ExecutionIn<Status>, input: InputOf<Type>, nowMs: number) => boolean) | null;
  /** Where this row itself can lead. Guards may lead on from there. */
  readonly to: readonly Destination[];
  /**
   * Null: absorbed. Counted and acknowledged, nothing changes. FORBIDDEN: the status allows the
   * action, but not to whoever asks.
   */
  readonly plan:
    | 'FORBIDDEN'
    | ((execution: ExecutionIn<Status>, input: InputOf<Type>, nowMs: number) => readonly Effect[])
    | null;
  readonly why: string;
}

/** Judged after every input, whatever it was. */
export interface Guard<Status extends ExecutionStatus = ExecutionStatus> {
  readonly name: string;
  readonly from: readonly Status[];
  readonly when: (execution: ExecutionIn<Status>, nowMs: number) => boolean;
  readonly to: readonly Destination[];
  readonly plan: (execution: ExecutionIn<Status>, nowMs: number) => readonly Effect[];
  readonly why: string;
}

/** A row's columns in the order in which the table is read. */
type RowColumns<Status extends ExecutionStatus, Type extends InputType> = [
  name: string,
  from: readonly Status[],
  on: Type,
  when: Row<Status, Type>['when'],
  to: readonly Destination[],
  plan: Row<Status, Type>['plan'],
  why: string,
];

type GuardColumns<Status extends ExecutionStatus> = [
  name: string,
  from: readonly Status[],
  when: Guard<Status>['when'],
  to: readonly Destination[],
  plan: Guard<Status>['plan'],
  why: string,
];

export function row<Status extends ExecutionStatus, Type extends InputType>(
  ...[name, from, on, when, to, plan, why]: RowColumns<Status, Type>
): Row {
  // The status and the input's type are looked at before a row's functions are called.
  return { name, from, on, when, to, plan, why } as unknown as Row;
}

export function guard<Status extends ExecutionStatus>(
  ...[name, from, when, to, plan, why]: GuardColumns<Status>
): Guard {
  return { name, from, when, to, plan, why } as unknown as Guard;
}
