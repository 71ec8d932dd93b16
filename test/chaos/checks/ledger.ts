/** A history in the order in which checkers ask for it. Nothing here judges. */
import type { ProgressEvent } from '#contracts/progress.messages.js';
import { linesOf, runOf, type Line, type LineOf } from '../history.js';

/** What a checker has found, and the lines of the history that show it. */
export interface Finding {
  readonly what: string;
  readonly lines: readonly number[];
}

export interface Checked {
  /** How often it has looked at something that could have been wrong. */
  readonly looked: number;
  readonly findings: readonly Finding[];
}

export type Check = (ledger: Ledger) => Checked;

export interface ToldEvent {
  readonly line: number;
  readonly event: ProgressEvent;
  readonly text: string;
}

/** A question and what became of it. */
export interface Op {
  readonly asked: LineOf<'ASKED'>;
  /** Undefined: it was never answered. */
  readonly answered: LineOf<'ANSWERED'> | undefined;
}

export interface Ledger {
  readonly run: LineOf<'RUN'>;
  readonly lines: readonly Line[];
  /** By id, in the order in which they were created. */
  readonly executions: ReadonlyMap<string, LineOf<'EXECUTION'>>;
  /** Of each execution, each event at the place where it was told first, in the order of the topic. */
  readonly events: ReadonlyMap<string, readonly ToldEvent[]>;
  readonly ops: readonly Op[];
  /** Version strings by id. */
  readonly versions: ReadonlyMap<string, string>;
}

export function ledgerOf(lines: readonly Line[]): Ledger {
  const executions = linesOf(lines, 'EXECUTION').sort((one, other) => {
    return Date.parse(one.execution.createdAt) - Date.parse(other.execution.createdAt);
  });
  const answers = new Map(linesOf(lines, 'ANSWERED').map((line) => [line.op, line]));
  const versions = linesOf(lines, 'VERSIONS').flatMap((line) => line.versions);
  return {
    run: runOf(lines),
    lines,
    executions: new Map(executions.map((line) => [line.execution.id, line])),
    events: eventsOf(lines),
    ops: linesOf(lines, 'ASKED').map((asked) => ({ asked, answered: answers.get(asked.op) })),
    versions: new Map(versions.map(({ id, version }) => [id, version])),
  };
}

function eventsOf(lines: readonly Line[]): Map<string, ToldEvent[]> {
  const byExecution = new Map<string, ToldEvent[]>();
  const known = new Set<string>();
  // Each execution has one partition: there an offset says what came first.
  const inOrder = linesOf(lines, 'EVENT').sort((one, other) => {
    return one.partition - other.partition || Number(one.offset) - Number(other.offset);
  });
  for (const { line, text } of inOrder) {
    const event = JSON.parse(text) as ProgressEvent;
    if (known.has(event.id)) continue;
    known.add(event.id);
    const told = byExecution.get(event.data.executionId) ?? [];
    told.push({ line, event, text });
    byExecution.set(event.data.executionId, told);
  }
  return byExecution;
}

/** The executions of one fleet, in the order in which they were created. */
export function executionsOf(
  { run, executions }: Ledger,
  fleet: string,
): readonly LineOf<'EXECUTION'>[] {
  const componentId = run.fleets.find((one) => one.fleet === fleet)?.componentId;
  return [...executions.values()].filter(({ execution }) => {
    return execution.componentId === componentId;
  });
}

/** Ms since the run began of a time that a service names. */
export function atMsOf({ run }: Ledger, time: string): number {
  return Date.parse(time) - run.originMs;
}

export function hasRolledBack({ events }: Ledger, executionId: string): boolean {
  const told = events.get(executionId) ?? [];
  return told.some(({ event }) => event.data.executionStatus === 'ROLLING_BACK');
}
