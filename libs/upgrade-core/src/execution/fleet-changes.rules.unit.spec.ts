import { describe, expect, it } from '@jest/globals';
import { anExecution } from '#testing/an-execution.js';
import { given } from '#testing/given.js';
import { failed, fleetCompared, roomCounted, settled } from '#testing/inputs.js';
import { APPEARED_NAMED_MAX } from '../limits.js';

/** Eight at 25 %: two may be down. */
const eight = anExecution()
  .inProgress()
  .withPlan({ batchSize: 2, batchDelaySeconds: 0, failureThreshold: 5 });
const busy = eight.withCounters({ PENDING: 6, UPGRADING: 2 }).withBatch(1, 2);

describe('an instance that vanished before its turn', () => {
  it('is FAILED as vanished, and counts as one', () => {
    const then = given(busy).when(fleetCompared([4, 6]));
    expect(then.moves).toEqual(['PENDING → FAILED: 2']);
    expect(then.facts).toMatchObject([{ failure: 'VANISHED', select: { indices: [4, 6] } }]);
    expect(then.execution).toMatchObject({ failedOnce: 2, takenByName: 2 });
  });

  it('reaches the failure threshold like any other', () => {
    const then = given(busy.withPlan({ failureThreshold: 1 })).when(fleetCompared([4]));
    expect(then.rows).toEqual(['fleet-compared', 'threshold-reached']);
  });

  it('is tried once more in the retry round, and given up after that', () => {
    const idle = eight.withCounters({ PENDING: 1, COMPLETED: 7 }).withBatch(4, 2);
    const gone = given(idle).when(fleetCompared([7]));
    expect(gone.rows).toEqual(['fleet-compared', 'retry-round']);
    const again = given(gone.execution).when(failed('DRAINING', [7], 'VANISHED', 2));
    expect(again.execution.status).toBe('FAILED');
  });

  it('is not retried beside one that has failed twice: nothing begins that is given up', () => {
    const retried = eight.withCounters({ FAILED: 1, HEALTH_CHECKING: 1, COMPLETED: 6 });
    const execution = retried.with({ failedOnce: 1, takenByName: 1 }).withBatch(4, 2);
    const then = given(execution).when(failed('HEALTH_CHECKING', [3], 'UNHEALTHY', 2));
    expect(then.rows).toEqual(['steps-settled', 'failed-again', 'stopped']);
    expect(then.moves).toEqual(['HEALTH_CHECKING → FAILED: 1']);
  });

  it('cannot be taken by name any more, however the last count stands', () => {
    const counted = busy.withRoom(2, { downPending: [4, 5] });
    const gone = given(counted).when(fleetCompared([4]));
    expect(gone.execution).toMatchObject({ room: { othersDown: 1, downPending: [5] } });
    const then = given(gone.execution).when(settled('UPGRADING', [0, 1]));
    expect(then.kind).toBe('DECIDED');
    const idle = eight.withCounters({ PENDING: 8 }).withRoom(2, { downPending: [4, 5] });
    const next = given(idle).when(fleetCompared([4]));
    expect(next.moves).toEqual(['PENDING → FAILED: 1', 'PENDING → DRAINING: 1']);
    expect(next.facts.at(-1)).toMatchObject({ select: { by: 'INDICES', indices: [5] } });
  });

  it('leaves no execution waiting for room while it is tried again', () => {
    const full = eight.withCounters({ PENDING: 2, COMPLETED: 6 }).withBatch(3, 2);
    const waiting = given(full).when(roomCounted(2));
    expect(waiting.execution.waitingFor).toMatchObject({ kind: 'ROOM' });
    const then = given(waiting.execution).when(fleetCompared([6, 7]));
    expect(then.rows).toEqual(['fleet-compared', 'retry-round']);
    expect(then.execution.waitingFor).toBeNull();
  });

  it('in a pause is judged when it goes on', () => {
    const paused = anExecution().paused().withPlan({ failureThreshold: 1 });
    const then = given(paused.withCounters({ PENDING: 3 })).when(fleetCompared([0]));
    expect(then.rows).toEqual(['fleet-compared']);
  });
});

describe('an instance that appeared', () => {
  it('is told of and not taken', () => {
    const then = given(busy).when(fleetCompared([], ['i-90', 'i-91']));
    expect(then.moves).toEqual([]);
    expect(then.facts).toMatchObject([
      {
        note: 'APPEARED',
        why: 'instances that are not taken have appeared: i-90, i-91',
      },
    ]);
    expect(then.execution).toMatchObject({ total: 8, listed: 8 });
  });

  it('is named among at most so many', () => {
    const many = Array.from({ length: APPEARED_NAMED_MAX + 1 }, (_, at) => `i-${String(at)}`);
    const [told] = given(busy).when(fleetCompared([], many)).facts;
    expect(told?.why).toMatch(/, i-19, …$/);
  });
});

describe('a comparison', () => {
  it('that finds nothing says nothing', () => {
    expect(given(busy).when(fleetCompared([])).facts).toEqual([]);
  });

  it('of an older hand-over is absorbed', () => {
    const then = given(busy.with({ handOver: 3 })).when(fleetCompared([4]));
    expect(then.rows).toEqual(['fleet-of-older-hand-over']);
  });
});
