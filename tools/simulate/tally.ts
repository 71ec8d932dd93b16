/** What became of many seeds, together: the same whatever order they ended in. */
import { GUARDS, ROWS } from '#core/execution/execution-transitions.js';
import { INVARIANTS } from '../../test/simulation/invariants/invariants.js';
import { ROWS_OUT_OF_REACH } from '../../test/simulation/rows-out-of-reach.js';
import type { SeedRun } from '../../test/simulation/run-seed.js';

const WIDTH_CHARS = 100;
const INDENT = '  ';

export class Tally {
  /** How many seeds were run, and how many of them found something wrong. */
  done = 0;
  wrong = 0;
  #virtualMs = 0;
  #events = 0;
  readonly #ends = new Map<string, number>();
  readonly #rows = new Map<string, number>();
  readonly #struck = new Map<string, number>();
  readonly #looks = new Map<string, number>();

  add({ problems, ends, rowsHit, struck, looks, virtualMs, events }: SeedRun): void {
    this.done += 1;
    if (problems.length > 0) this.wrong += 1;
    this.#virtualMs += virtualMs;
    this.#events += events;
    for (const end of ends) sum(this.#ends, end, 1);
    for (const [row, times] of rowsHit) sum(this.#rows, row, times);
    for (const [kind, times] of struck) sum(this.#struck, kind, times);
    for (const [says, times] of looks) sum(this.#looks, says, times);
  }

  /** In lines of at most 100 letters. */
  lines(): string[] {
    const names = [...ROWS, ...GUARDS].map(({ name }) => name);
    const untaken = names.filter((name) => !this.#rows.has(name));
    const missed = untaken.filter((name) => !ROWS_OUT_OF_REACH.has(name));
    const days = (this.#virtualMs / 86_400_000).toFixed(1);
    return [
      `${String(this.#events)} events in ${days} days of virtual time`,
      ...section('how they ended', counted(this.#ends)),
      ...section('faults that really happened', counted(this.#struck)),
      ...section('rows of the table, with how often each was taken', counted(this.#rows)),
      ...section('rows that no seed took', missed),
      ...outOfReach(untaken),
      'invariants, with how often each was looked at',
      ...INVARIANTS.map(({ id, says }) => {
        const times = String(this.#looks.get(says) ?? 0);
        return `${INDENT}${id.padEnd(4)}${times.padStart(11)}  ${says}`;
      }),
    ];
  }
}

function sum(counts: Map<string, number>, key: string, times: number): void {
  counts.set(key, (counts.get(key) ?? 0) + times);
}

function counted(counts: ReadonlyMap<string, number>): string[] {
  const sorted = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([name, times]) => `${name} ${String(times)}`);
}

/** For each reason the rows it keeps out of the simulated world. */
function outOfReach(untaken: readonly string[]): string[] {
  const names = untaken.filter((name) => ROWS_OUT_OF_REACH.has(name));
  const byReason = Map.groupBy(names, (name) => ROWS_OUT_OF_REACH.get(name) ?? '');
  const lines = [...byReason].flatMap(([why, rows]) => section(`${INDENT}${why}`, rows));
  return lines.length === 0 ? [] : ['rows that cannot be met here', ...lines];
}

function section(title: string, items: readonly string[]): string[] {
  if (items.length === 0) return [];
  const lines: string[] = [];
  let line = INDENT;
  for (const [at, item] of items.entries()) {
    const word = at === items.length - 1 ? item : `${item}, `;
    if (line.length + word.length > WIDTH_CHARS && line !== INDENT) {
      lines.push(line.trimEnd());
      line = INDENT;
    }
    line += word;
  }
  return [title, ...lines, line];
}
