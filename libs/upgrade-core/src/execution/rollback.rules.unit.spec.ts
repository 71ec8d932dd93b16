import { describe, expect, it } from '@jest/globals';
import { anExecution, T0 } from '#testing/an-execution.js';
import { given } from '#testing/given.js';
import { action, leftOver, restored } from '#testing/inputs.js';
import { STATUS_DEADLINES } from '../limits.js';

const half = anExecution()
  .inProgress()
  .withCounters({ PENDING: 2, UPGRADING: 1, COMPLETED: 2, FAILED: 1 })
  .with({ failedOnce: 1 })
  .withBatch();
const back = anExecution()
  .rollingBack('it looks wrong')
  .withCounters({ PENDING: 2, UPGRADING: 1, COMPLETED: 2, FAILED: 1 });

describe('rollback', () => {
  it('is begun at once: a new fence supersedes what is under way', () => {
    const then = given(half).when(action('ROLLBACK', { reason: 'errors' }));
    expect(then.execution).toMatchObject({
      status: 'ROLLING_BACK',
      handOver: 2,
      rollback: { reason: 'errors', initiatedBy: 'ann', initiatedAtMs: T0 },
    });
    expect(then.requests).toContainEqual({ type: 'ROLL_BACK', handOver: 2 });
    expect(then.requests).toContainEqual({
      type: 'ARM_TIMER',
      timer: 'DEADLINE',
      atMs: T0 + STATUS_DEADLINES.rollbackSilenceMs,
    });
    expect(then.asks).toContain('DISARM_TIMER');
  });

  it('is over at once when nothing was touched', () => {
    const untouched = anExecution().inProgress().withCounters({ PENDING: 3 });
    const then = given(untouched).when(action('ROLLBACK'));
    expect(then.execution.status).toBe('ROLLED_BACK');
    expect(then.asks).not.toContain('ROLL_BACK');
  });

  it.each(['PENDING', 'VALIDATING', 'ROLLING_BACK'] as const)('is refused in %s', (status) => {
    expect(given(anExecution().in(status)).when(action('ROLLBACK')).kind).toBe('REFUSED');
  });
});

describe('on the way back', () => {
  it('restored instances are ROLLED_BACK, from whatever status they stood in', () => {
    const then = given(back).when(restored({ COMPLETED: [0, 1], UPGRADING: [2] }));
    expect(then.moves).toEqual(['COMPLETED → ROLLED_BACK: 2', 'UPGRADING → ROLLED_BACK: 1']);
    expect(then.execution.status).toBe('ROLLING_BACK');
  });

  it('ends ROLLED_BACK when every touched one is back', () => {
    const groups = { COMPLETED: [0, 1], UPGRADING: [2], FAILED: [3] };
    const then = given(back).when(restored(groups, { done: true }));
    expect(then.execution).toMatchObject({
      status: 'ROLLED_BACK',
      failureReason: 'it looks wrong',
      counters: { PENDING: 2, ROLLED_BACK: 4 },
    });
  });

  it('ends FAILED with what is left over, once nothing is under way', () => {
    const some = restored({ COMPLETED: [0, 1] }, { leftOver: leftOver('i-4') });
    const midway = given(back).when(some);
    expect(midway.execution.status).toBe('ROLLING_BACK');
    const end = given(midway.execution).when(restored({ UPGRADING: [2] }, { done: true }));
    expect(end.execution).toMatchObject({
      status: 'FAILED',
      failureReason: 'it looks wrong; rollback left 1 instances over',
      rollback: { leftOver: leftOver('i-4') },
    });
    expect(end.requests).toContainEqual({
      type: 'RECORD_DEPLOYMENT',
      currentVersionId: null,
      leftOver: leftOver('i-4'),
    });
  });

  it('does not believe an agent that is done without accounting for every instance', () => {
    const then = given(back).when(restored({ COMPLETED: [0] }, { done: true }));
    expect(then.execution.status).toBe('FAILED');
    expect(then.execution.failureReason).toContain('3 instances over, 3 of them unaccounted for');
  });

  it('names one that is left over once, however often it is reported', () => {
    const report = restored({}, { leftOver: leftOver('i-4') });
    expect(given(back).when(report, report).execution.rollback?.leftOver).toHaveLength(1);
  });

  it('a report without instances is a sign of life', () => {
    const then = given(back, T0 + 100_000).when(restored({}));
    expect(then.facts).toEqual([]);
    expect(then.execution.lastProgressAtMs).toBe(T0 + 100_000);
  });

  it('an answer of an older hand-over is absorbed', () => {
    const then = given(back).when(restored({ COMPLETED: [0] }, { handOver: 1, done: true }));
    expect(then.rows).toEqual(['rollback-of-older-hand-over']);
  });
});

describe('cancelling a rollback', () => {
  it('needs force', () => {
    expect(given(back).when(action('CANCEL')).decision).toEqual({
      kind: 'REFUSED',
      allowedActions: [],
    });
  });

  it('raises the fence, tells the agent, and waits for its word', () => {
    const forced = given(back).when(action('CANCEL', { force: true, reason: 'leave it' }));
    expect(forced.execution).toMatchObject({
      status: 'ROLLING_BACK',
      handOver: 3,
      stopping: { to: 'CANCELLED' },
    });
    expect(forced.requests[0]).toEqual({ type: 'STOP_ROLLBACK', handOver: 3 });
    const stopped = given(forced.execution).when(restored({}, { handOver: 3, done: true }));
    expect(stopped.execution).toMatchObject({
      status: 'CANCELLED',
      failureReason: 'it looks wrong; the rollback was stopped, 4 instances are not back',
    });
  });

  it('is refused a second time', () => {
    const force = action('CANCEL', { force: true });
    expect(given(back).when(force, force).kind).toBe('REFUSED');
  });
});
