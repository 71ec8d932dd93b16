import { EXECUTION_STATUSES, isTerminal, type ExecutionStatus } from '#core/execution/execution.js';
import { GUARDS, ROWS } from '#core/execution/execution-transitions.js';
import type { Destination, Guard, Row } from '#core/execution/transition.js';
import { aligned } from './markdown-table.js';

/** `docs/STATE_MACHINE.md`: the table of execution-transitions.ts, as it is at this moment. */
export function stateMachineDoc(): string {
  const taken = ROWS.filter(({ plan }) => plan !== null);
  const absorbed = ROWS.filter(({ plan }) => plan === null);
  return [
    '# The state machine of an execution',
    '',
    '<!-- made by `npm run docs` from libs/upgrade-core/src/execution/execution-transitions.ts -->',
    '',
    'An input in a status is answered by the first row that fits. Then the guards are judged from',
    'the top, the first that matches fires, until none does. A pair without a row is an error and a',
    'dead letter. `SAME`: the execution stays in its status.',
    '',
    '```mermaid',
    ...diagram(),
    '```',
    '',
    '## What comes in',
    '',
    aligned([['row', 'in', 'on', 'when', 'to', 'does', 'why'], ...taken.map(rowCells)]),
    '',
    '## Guards, judged after every input',
    '',
    'While an execution is stopping, the first alone is judged.',
    '',
    aligned([['guard', 'in', 'when', 'to', 'does', 'why'], ...GUARDS.map(guardCells)]),
    '',
    '## Absorbed: acknowledged, counted, nothing changes',
    '',
    aligned([
      ['row', 'in', 'on', 'when', 'why'],
      ...absorbed.map((row) => {
        const [name, from, on, when, , , why] = rowCells(row);
        return [name, from, on, when, why].map(String);
      }),
    ]),
    '',
  ].join('\n');
}

function rowCells({ name, from, on, when, to, plan, why }: Row): string[] {
  return [code(name), statuses(from), code(on), named(when), destinations(to), named(plan), why];
}

function guardCells({ name, from, when, to, plan, why }: Guard): string[] {
  return [code(name), statuses(from), named(when), destinations(to), named(plan), why];
}

function code(text: string): string {
  return `\`${text}\``;
}

/** Conditions and plans are read in the code; here stands what they are called there. */
function named(part: { readonly name: string } | null): string {
  if (part === null) return '';
  const { name } = part;
  return code(name === '' || ['plan', 'when'].includes(name) ? 'inline' : name);
}

function statuses(from: readonly ExecutionStatus[]): string {
  const living = EXECUTION_STATUSES.filter((status) => !isTerminal(status));
  const isAllLiving = living.every((status) => from.includes(status));
  return isAllLiving && from.length === living.length ? 'any living' : from.join(', ');
}

function destinations(to: readonly Destination[]): string {
  return to.join(' or ');
}

/** Every change of status that a row or a guard can bring about. */
function diagram(): string[] {
  const edges = new Map<string, Set<string>>();
  for (const { name, from, to } of [...ROWS, ...GUARDS]) {
    for (const one of from) {
      for (const other of to) {
        if (other === 'SAME' || other === one) continue;
        const key = `${one} --> ${other}`;
        edges.set(key, (edges.get(key) ?? new Set()).add(name));
      }
    }
  }
  const ends = EXECUTION_STATUSES.filter((status) => isTerminal(status));
  return [
    'stateDiagram-v2',
    '  [*] --> PENDING',
    ...[...edges].map(([edge, names]) => `  ${edge}: ${[...names].join(', ')}`),
    ...ends.map((status) => `  ${status} --> [*]`),
  ];
}
