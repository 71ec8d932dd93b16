/** Makes `docs/STATE_MACHINE.md` from the table, so that what is read is what is run. */
import { GUARDS, ROWS } from '#core/execution/execution-transitions.js';
import {
  EXECUTION_STATUSES,
  isTerminal,
  TERMINAL_STATUSES,
  type ExecutionStatus,
} from '#core/execution/execution.js';
import { ACTION_TYPES } from '#core/execution/execution-inputs.js';
import type { Destination, Guard, Row } from '#core/execution/transition.js';

/** What each status is, in a sentence. */
const MEANINGS: Readonly<Record<ExecutionStatus, string>> = {
  PENDING: 'Created, not started.',
  VALIDATING: 'Instances are listed and checks run; nothing is touched.',
  IN_PROGRESS: 'Instances are upgraded in batches; at the end the checks after run.',
  CANARY_RUNNING: 'The canaries are upgraded.',
  CANARY_MONITORING: 'The canaries are watched; waits for a promotion.',
  PAUSED: 'Nothing new starts; waits for a person.',
  ROLLING_BACK: 'Touched instances go back to the version they had.',
  ROLLED_BACK: 'All touched instances are back. Terminal.',
  COMPLETED: 'All taken instances are on the target version. Terminal.',
  FAILED: 'Ended without reaching its goal; the reason says why. Terminal.',
  CANCELLED: 'Ended by a person. Terminal.',
};

const isAbsorbing = (row: Row): boolean => row.plan === null;
const isAction = (row: Row): boolean => (ACTION_TYPES as readonly string[]).includes(row.on);

export function stateMachineDoc(): string {
  const acting = ROWS.filter((row) => !isAbsorbing(row));
  return [
    '# The state machine',
    'Made from `libs/upgrade-core/src/execution/execution-transitions.ts` by `npm run docs`; do not ' +
      'edit. An input is answered by the first row that fits its status and type and whose condition ' +
      'holds. After every input the guards are judged from the top: the first that matches fires, ' +
      'until none does. An action without a row is refused (409), a report without one is a dead letter.',
    '## Picture',
    picture(),
    '## Statuses',
    table(
      ['status', 'meaning'],
      EXECUTION_STATUSES.map((status) => [code(status), MEANINGS[status]]),
    ),
    '## Actions: what a person asks',
    rowTable(acting.filter(isAction)),
    'While an execution is stopping every action is refused, but a rollback, and a cancel over a ' +
      'stop to FAILED.',
    '## Reports: what a target, a service or a clock says',
    rowTable(acting.filter((row) => !isAction(row))),
    '## Guards: what follows by itself, in this order',
    'While an execution is stopping only the first is judged.',
    guardTable(),
    '## Absorbed: late or repeated, counted and acknowledged, nothing changes',
    rowTable(ROWS.filter(isAbsorbing)),
  ]
    .join('\n\n')
    .concat('\n');
}

function rowTable(rows: readonly Row[]): string {
  const lines = rows.map((row) => [
    code(row.name),
    statuses(row.from),
    code(row.on),
    conditionOf(row),
    isAbsorbing(row) ? '' : statuses(row.to),
    row.why,
  ]);
  return table(['row', 'in', 'on', 'when', 'leads to', 'why'], lines);
}

function guardTable(): string {
  const lines = GUARDS.map((guard, at) => [
    String(at + 1),
    code(guard.name),
    statuses(guard.from),
    statuses(guard.to),
    guard.why,
  ]);
  return table(['', 'guard', 'in', 'leads to', 'why'], lines);
}

/** `is.notCancelledYet` → not cancelled yet. */
function conditionOf({ when }: Row): string {
  if (when === null) return '';
  return when.name.replace(/([A-Z])/g, (letter) => ` ${letter.toLowerCase()}`);
}

function statuses(all: readonly Destination[]): string {
  const isEvery = TERMINAL_STATUSES.every((status) => all.includes(status));
  if (isEvery && all.length === TERMINAL_STATUSES.length) return 'every terminal status';
  return all.map((status) => (status === 'SAME' ? 'stays' : code(status))).join(', ');
}

/** Every way from one status to another that a row or a guard takes, with their names. */
function picture(): string {
  const ways = new Map<string, string[]>();
  for (const line of [...ROWS, ...GUARDS]) {
    for (const [from, to] of waysOf(line)) {
      const way = `${from} --> ${to}`;
      ways.set(way, [...(ways.get(way) ?? []), line.name]);
    }
  }
  const lines = [...ways].map(([way, names]) => `  ${way}: ${names.join(', ')}`);
  const ends = TERMINAL_STATUSES.map((status) => `  ${status} --> [*]`);
  return ['```mermaid', 'stateDiagram-v2', '  [*] --> PENDING', ...lines, ...ends, '```'].join(
    '\n',
  );
}

function waysOf({ from, to }: Row | Guard): [ExecutionStatus, ExecutionStatus][] {
  return from
    .filter((status) => !isTerminal(status))
    .flatMap((status) =>
      to.flatMap((there): [ExecutionStatus, ExecutionStatus][] =>
        there === 'SAME' ? [] : [[status, there]],
      ),
    );
}

function code(text: string): string {
  return `\`${text}\``;
}

export function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [row(head), row(head.map(() => '---')), ...lines.map(row)].join('\n');
}
