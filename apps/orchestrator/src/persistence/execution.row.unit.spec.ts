import { describe, expect, it } from '@jest/globals';
import type { Execution } from '#core/execution/execution.js';
import type { InstancesMoved } from '#core/execution/execution-facts.js';
import { SeededRandom } from '#testing/seeded-random.js';
import { aStoredExecution } from './execution.contract.js';
import { decisionsOf } from './execution-walks.contract.js';
import { detailOf, executionOf, hotColumns, type ExecutionRow } from './execution.row.js';
import { bodyOf, factOf, indicesOf, multirangeOf, type FactBody } from './fact.row.js';

const SEED = 20_260_103;
const WALKS = 60;

/** Every decision of many random executions. */
function changes() {
  const random = new SeededRandom(SEED);
  const { id, tenantId, componentId } = aStoredExecution().execution;
  return Array.from({ length: WALKS }, () => decisionsOf(random, { id, tenantId, componentId }))
    .flat()
    .map(({ change }) => change);
}

/** As the database gives it back: numbers of 64 bits as text, documents without what is undefined. */
function rowOf(before: Execution, next: Execution): ExecutionRow {
  const { detail, last_progress_at, room_counted_at, next_batch_at, ...hot } = hotColumns(
    before,
    next,
  );
  const text = (value: number | null) => (value === null ? null : String(value));
  const stood = detail ?? detailOf(before);
  return {
    ...hot,
    shard: 0,
    revision: String(hot.revision),
    sequence: String(hot.sequence),
    last_progress_at: String(last_progress_at),
    room_counted_at: text(room_counted_at),
    next_batch_at: text(next_batch_at),
    detail: JSON.parse(JSON.stringify(stood)) as ExecutionRow['detail'],
    tenant_id: next.tenantId,
    component_id: next.componentId,
    created_at: String(next.createdAtMs),
  };
}

describe('an execution’s row', () => {
  it('holds all of it, whatever was decided', () => {
    for (const { before, next } of changes()) {
      expect(executionOf(rowOf(before, next), next.plan)).toEqual(next);
    }
  });
});

describe('a fact’s row', () => {
  it('holds all of it, whatever was decided', () => {
    for (const fact of changes().flatMap(({ facts }) => facts)) {
      const isMove = fact.type === 'INSTANCES_MOVED';
      const indices = isMove && fact.select.by === 'INDICES' ? fact.select.indices : [];
      const { sequence, atMs } = fact;
      const body = JSON.parse(JSON.stringify(bodyOf(fact))) as FactBody;
      const count = isMove ? fact.count : 1;
      const expected = isMove ? { ...fact, select: { by: 'INDICES', indices } } : fact;
      expect(factOf({ sequence, atMs, count, indices, body })).toEqual(expected);
    }
  });

  it('holds how many connections were closed', () => {
    const indices = [2];
    const fact: InstancesMoved = {
      ...{ type: 'INSTANCES_MOVED', sequence: 5, revision: 2, atMs: 7, why: 'drained' },
      ...{ executionStatus: 'IN_PROGRESS', from: 'DRAINING', to: 'UPGRADING', failure: null },
      ...{ fromAttempt: 1, attempt: 1, count: 1, closedConnections: 9 },
      before: { total: 3, completed: 1, failed: 0, rolledBack: 0, percentage: 33 },
      select: { by: 'INDICES', indices },
    };
    const { sequence, atMs, count } = fact;
    expect(factOf({ sequence, atMs, count, indices, body: bodyOf(fact) })).toEqual(fact);
  });

  it('names instances as ranges, and the same ones come back', () => {
    for (const indices of [[], [0], [3], [0, 1, 2], [0, 2, 3, 9], [7, 8, 10, 11, 12, 99]]) {
      expect(indicesOf(multirangeOf(indices))).toEqual(indices);
    }
    expect(multirangeOf([0, 1, 2, 5])).toBe('{[0,3),[5,6)}');
  });
});
