/**
 * How facts lie in the database: compact, as arrays without names. The order of an array's members
 * is data at rest: it may only grow at the end.
 */
import type { Fact, Progress } from '#core/execution/execution-facts.js';
import type { ExecutionStatus } from '#core/execution/execution.js';

type Head = [
  type: Fact['type'],
  executionStatus: ExecutionStatus,
  revision: number,
  total: number,
  completed: number,
  failed: number,
  rolledBack: number,
  why: string,
];
export type FactBody = [...Head, ...unknown[]];

// FACT_INSTANCES in execution.statements.ts reads the tenth member, `to` of a move.
export function bodyOf(fact: Fact): FactBody {
  const { before } = fact;
  const head: Head = [
    fact.type,
    fact.executionStatus,
    fact.revision,
    before.total,
    before.completed,
    before.failed,
    before.rolledBack,
    fact.why,
  ];
  switch (fact.type) {
    case 'INSTANCES_MOVED':
      return [
        ...head,
        fact.from,
        fact.to,
        fact.fromAttempt,
        fact.attempt,
        fact.failure,
        fact.closedConnections,
      ];
    case 'STATUS_CHANGED':
      return [...head, fact.from, fact.to, fact.by];
    case 'NOTED':
      return [...head, fact.note, fact.by, fact.waitingKind];
  }
}

/** The fact as it was decided; a move's selection names the instances that really moved. */
export function factOf(row: {
  sequence: number;
  count: number;
  atMs: number;
  indices: readonly number[];
  body: FactBody;
}): Fact {
  const [type, executionStatus, revision, total, completed, failed, rolledBack, why, ...rest] =
    row.body;
  const percentage = total === 0 ? 0 : Math.floor((100 * completed) / total);
  const before: Progress = { total, completed, failed, rolledBack, percentage };
  const head = { sequence: row.sequence, revision, atMs: row.atMs, executionStatus, why, before };
  if (type === 'INSTANCES_MOVED') {
    const [from, to, fromAttempt, attempt, failure, closedConnections] = rest;
    const select = { by: 'INDICES', indices: row.indices };
    const moved = { from, to, fromAttempt, attempt, failure, closedConnections };
    return { ...head, type, count: row.count, select, ...moved } as Fact;
  }
  if (type === 'STATUS_CHANGED') {
    const [from, to, by] = rest;
    return { ...head, type, from, to, by } as Fact;
  }
  const [note, by, waitingKind] = rest;
  return { ...head, type, note, by, waitingKind } as Fact;
}

/** Ascending indices as a Postgres int4multirange literal: {[0,500),[502,503)}. */
export function multirangeOf(indices: readonly number[]): string {
  const ranges: string[] = [];
  for (let at = 0; at < indices.length;) {
    const first = indices[at] as number;
    let last = first;
    at += 1;
    while (at < indices.length && indices[at] === last + 1) {
      last += 1;
      at += 1;
    }
    ranges.push(`[${String(first)},${String(last + 1)})`);
  }
  return `{${ranges.join(',')}}`;
}

/** The other way round. */
export function indicesOf(multirange: string): number[] {
  const indices: number[] = [];
  for (const [, first, end] of multirange.matchAll(/\[(\d+),(\d+)\)/g)) {
    for (let index = Number(first); index < Number(end); index += 1) indices.push(index);
  }
  return indices;
}
