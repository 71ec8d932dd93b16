import { describe, expect, it } from '@jest/globals';
import { anExecution, T0 } from '#testing/an-execution.js';
import { given } from '#testing/given.js';
import {
  action,
  checksAlive,
  deadlinePassed,
  delayOver,
  failed,
  postChecks,
  roomCounted,
  settled,
} from '#testing/inputs.js';
import { REMINDER_EVERY_MS } from '../limits.js';
import { deadlineOf } from './deadlines.js';

const moving = anExecution()
  .inProgress()
  .withPlan({ batchSize: 2, batchDelaySeconds: 60, failureThreshold: 2 })
  .withCounters({ PENDING: 6, UPGRADING: 1, COMPLETED: 1 })
  .withBatch(1, 2)
  .withRoom(0);
const HOUR_MS = 3_600_000;

describe('pause', () => {
  it('is a change of status that says who paused and why, and waits for a person', () => {
    const then = given(moving).when(action('PAUSE', { by: 'bob', reason: 'a look' }));
    expect(then.execution).toMatchObject({
      status: 'PAUSED',
      pausedFrom: 'IN_PROGRESS',
      pauseReason: 'OPERATOR',
      pausedAtMs: T0,
      waitingFor: { kind: 'RESUME', sinceMs: T0 },
    });
    expect(then.facts).toMatchObject([{ to: 'PAUSED', by: 'bob', why: 'a look' }]);
    expect(then.timers).toEqual({
      REMINDER: T0 + REMINDER_EVERY_MS,
      BATCH_DELAY: null,
      DEADLINE: null,
    });
  });

  it('starts nothing more, and lets what is under way run to its end', () => {
    const paused = given(moving).when(action('PAUSE'));
    const up = given(paused.execution).when(settled('UPGRADING', [1]));
    expect(up.moves).toEqual(['UPGRADING → HEALTH_CHECKING: 1']);
    const done = given(up.execution).when(settled('HEALTH_CHECKING', [1]), roomCounted(0));
    expect(done.rows).toEqual(['room-counted']);
    expect(done.execution).toMatchObject({ status: 'PAUSED', counters: { COMPLETED: 2 } });
  });

  it('of the canaries goes back to the canaries', () => {
    const canaries = anExecution().canaryRunning().withCounters({ PENDING: 9, UPGRADING: 1 });
    const paused = given(canaries.withBatch(1, 1)).when(action('PAUSE'));
    expect(paused.execution).toMatchObject({ pausedFrom: 'CANARY_RUNNING' });
    expect(given(paused.execution).when(action('RESUME')).execution.status).toBe('CANARY_RUNNING');
  });

  it.each(['PENDING', 'VALIDATING', 'CANARY_MONITORING', 'PAUSED', 'ROLLING_BACK'] as const)(
    'is refused in %s',
    (status) => {
      const execution = anExecution().in(status).withCounters({ PENDING: 1 });
      expect(given(execution).when(action('PAUSE')).kind).toBe('REFUSED');
    },
  );

  it('can be cancelled, and then waits for nobody: nothing but a rollback is open', () => {
    const paused = given(moving).when(action('PAUSE'));
    const cancelled = given(paused.execution).when(action('CANCEL'));
    expect(cancelled.execution).toMatchObject({ status: 'PAUSED', waitingFor: null });
    expect(cancelled.timers).toEqual({ REMINDER: null });
    const resumed = given(cancelled.execution).when(action('RESUME'));
    expect(resumed.decision).toEqual({ kind: 'REFUSED', allowedActions: ['ROLLBACK'] });
    const end = given(cancelled.execution).when(failed('UPGRADING', [1]));
    expect(end.rows).toEqual(['steps-settled', 'stopped']);
    expect(end.execution.status).toBe('CANCELLED');
  });
});

describe('resume', () => {
  const paused = (execution = moving, beforeMs = 0) =>
    given(execution).after(beforeMs).when(action('PAUSE')).execution;

  it('goes on where it was paused, and waits for nobody any more', () => {
    const then = given(paused())
      .after(HOUR_MS)
      .when(action('RESUME', { reason: 'seen' }));
    expect(then.execution).toMatchObject({ status: 'IN_PROGRESS', waitingFor: null });
    expect(then.facts).toMatchObject([{ to: 'IN_PROGRESS', why: 'resumed: seen' }]);
    expect(then.timers).toMatchObject({ REMINDER: null });
    expect('pausedAtMs' in then.execution).toBe(false);
  });

  it('judges at once what has settled in the pause: too many failures', () => {
    const one = moving.withCounters({ PENDING: 5, UPGRADING: 1, FAILED: 1, COMPLETED: 1 });
    const execution = paused(one.with({ failedOnce: 1 }));
    const settledThen = given(execution).when(failed('UPGRADING', [2]));
    expect(settledThen.rows).toEqual(['steps-settled']);
    expect(settledThen.execution.status).toBe('PAUSED');
    const then = given(settledThen.execution).when(action('RESUME'));
    expect(then.rows).toEqual(['resume', 'threshold-reached', 'stopped']);
    expect(then.execution.status).toBe('FAILED');
  });

  it('judges at once what has settled in the pause: the whole batch', () => {
    const done = given(paused()).when(failed('UPGRADING', [1]));
    const then = given(done.execution).when(action('RESUME'));
    expect(then.rows).toEqual(['resume', 'batch-settled']);
  });

  it('keeps what the checks after said in the pause, and judges it', () => {
    const asked = moving.withCounters({ COMPLETED: 8 }).with({ postChecksAskedAtMs: T0 });
    const kept = given(paused(asked)).when(postChecks('PASSED'));
    expect(kept.execution).toMatchObject({ status: 'PAUSED', postChecksAnswered: true });
    expect(given(kept.execution).when(postChecks('FAILED')).rows).toEqual([
      'post-checks-not-asked',
    ]);
    const then = given(kept.execution).when(action('RESUME'));
    expect(then.rows).toEqual(['resume', 'post-checks-passed']);
    expect(then.execution.status).toBe('COMPLETED');
    const bad = given(paused(asked)).when(postChecks('FAILED'), action('RESUME'));
    expect(bad.execution.status).toBe('FAILED');
  });

  it('counts the room anew: one that was wanted before may never have been counted', () => {
    const wanting = moving.withCounters({ PENDING: 6, COMPLETED: 2 });
    const execution = paused(wanting.with({ room: null, roomWanted: true, nextBatchAtMs: T0 }));
    const then = given(execution).after(HOUR_MS).when(action('RESUME'));
    expect(then.rows).toEqual(['resume', 'room-unknown']);
    expect(then.asks).toContain('COUNT_ROOM');
  });

  it('is refused for a stage that waits for its approval', () => {
    const stage = anExecution()
      .paused('STAGE_APPROVAL')
      .withPlan({ strategy: 'STAGED' })
      .withCounters({ PENDING: 4, COMPLETED: 2 });
    expect(given(stage.withBatch()).when(action('RESUME')).decision).toEqual({
      kind: 'REFUSED',
      allowedActions: ['APPROVE', 'ROLLBACK', 'CANCEL'],
    });
  });
});

describe('what stands still in a pause', () => {
  const between = moving.withCounters({ PENDING: 6, COMPLETED: 2 }).with({ room: null });

  it('a batch delay goes on with what was left of it', () => {
    const delayed = between.with({ nextBatchAtMs: T0 + 60_000 });
    const paused = given(delayed).after(20_000).when(action('PAUSE'));
    const then = given(paused.execution, T0 + HOUR_MS).when(action('RESUME'));
    expect(then.timers).toMatchObject({ BATCH_DELAY: T0 + HOUR_MS + 40_000 });
    expect(then.execution).toMatchObject({ nextBatchAtMs: T0 + HOUR_MS + 40_000 });
    expect(then.rows).toEqual(['resume']);
  });

  it('a batch delay that was over is over', () => {
    const delayed = between.with({ nextBatchAtMs: T0 + 60_000 });
    const paused = given(delayed).after(90_000).when(action('PAUSE'));
    const then = given(paused.execution, T0 + HOUR_MS).when(action('RESUME'));
    expect(then.rows).toEqual(['resume', 'room-unknown']);
    expect(then.timers).not.toHaveProperty('BATCH_DELAY');
  });

  it('a timer of the delay that rings in the pause wakes nobody and is not armed again', () => {
    const paused = given(between.with({ nextBatchAtMs: T0 + 60_000 })).when(action('PAUSE'));
    const then = given(paused.execution).when(delayOver);
    expect(then.rows).toEqual(['batch-delay-over']);
    expect(then.timers).toEqual({ BATCH_DELAY: null });
  });

  it('a deadline does not pass in a pause, however long', () => {
    const paused = given(moving).when(action('PAUSE')).execution;
    expect(deadlineOf(paused)).toBe(Number.POSITIVE_INFINITY);
    const then = given(paused)
      .after(100 * HOUR_MS)
      .when(deadlinePassed);
    expect(then.rows).toEqual(['late-deadline-passed']);
  });

  it('and is armed again when it goes on, with all the time it gives', () => {
    const paused = given(moving).when(action('PAUSE')).execution;
    const resumedAt = T0 + 100 * HOUR_MS;
    const then = given(paused, resumedAt).when(action('RESUME'));
    const wholeMs = deadlineOf(moving.build()) - T0;
    expect(then.timers).toMatchObject({ DEADLINE: resumedAt + wholeMs });
    expect(given(then.execution, resumedAt + wholeMs - 1).when(deadlinePassed).rows).toEqual([
      'deadline-not-reached',
    ]);
  });

  it('signs of life of the checks need not be kept', () => {
    const asked = moving.withCounters({ COMPLETED: 8 }).with({ postChecksAskedAtMs: T0 });
    const paused = given(asked).when(action('PAUSE')).execution;
    expect(given(paused).when(checksAlive('POST')).kind).toBe('ABSORBED');
  });
});
