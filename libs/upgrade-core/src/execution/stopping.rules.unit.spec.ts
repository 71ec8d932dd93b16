import { describe, expect, it } from '@jest/globals';
import { anExecution, T0 } from '#testing/an-execution.js';
import { given } from '#testing/given.js';
import {
  action,
  checksAlive,
  deadlinePassed,
  delayOver,
  failed,
  listed,
  postChecks,
  preChecks,
  restored,
  roomCounted,
  settled,
} from '#testing/inputs.js';
import { ACTION_TYPES, type Report } from './execution-inputs.js';

const busy = anExecution()
  .inProgress()
  .withCounters({ PENDING: 4, DRAINING: 1, UPGRADING: 1 })
  .withBatch()
  .withRoom(0);

describe('cancel', () => {
  it('is done at once before anything has begun, and while checks run', () => {
    for (const idle of [anExecution(), anExecution().validating()]) {
      const then = given(idle).when(action('CANCEL', { reason: 'not today' }));
      expect(then.rows).toEqual(['cancel', 'stopped']);
      expect(then.execution).toMatchObject({ status: 'CANCELLED', failureReason: 'not today' });
    }
  });

  it('is done at once between two batches', () => {
    const between = busy.withCounters({ PENDING: 4, COMPLETED: 2 }).with({ nextBatchAtMs: T0 });
    const then = given(between).when(action('CANCEL'));
    expect(then.execution).toMatchObject({ status: 'CANCELLED', completedAtMs: T0 });
    expect(then.timers).toEqual({ DEADLINE: null, BATCH_DELAY: null, REMINDER: null });
    expect(then.asks).toContain('RECORD_DEPLOYMENT');
  });

  it('starts nothing new and ends with what is under way', () => {
    const cancelled = given(busy).when(action('CANCEL'));
    expect(cancelled.execution).toMatchObject({ status: 'IN_PROGRESS', stopping: { by: 'ann' } });
    const drained = given(cancelled.execution).when(settled('DRAINING', [0]));
    expect(drained.rows).toEqual(['steps-settled']);
    const up = given(drained.execution).when(failed('UPGRADING', [0, 1]));
    expect(up.rows).toEqual(['steps-settled', 'stopped']);
    expect(up.execution).toMatchObject({
      status: 'CANCELLED',
      counters: { PENDING: 4, FAILED: 2 },
    });
  });

  it('keeps the hand-over: whatever is under way still answers', () => {
    expect(given(busy).when(action('CANCEL')).execution.handOver).toBe(1);
  });

  it('outranks a stop to FAILED, and nothing outranks it', () => {
    const outranked = given(busy.stopping('FAILED')).when(action('CANCEL'));
    expect(outranked.execution.stopping?.to).toBe('CANCELLED');
    const twice = given(outranked.execution).when(action('CANCEL'));
    expect(twice.decision).toEqual({ kind: 'REFUSED', allowedActions: ['ROLLBACK'] });
  });
});

describe('while stopping', () => {
  it('every action but rollback is refused', () => {
    for (const type of ACTION_TYPES) {
      const { kind } = given(busy.stopping('CANCELLED')).when(action(type, { force: true }));
      expect({ type, kind }).toEqual({ type, kind: type === 'ROLLBACK' ? 'DECIDED' : 'REFUSED' });
    }
  });

  it('a rollback supersedes the stop', () => {
    const then = given(busy.stopping('CANCELLED')).when(action('ROLLBACK'));
    expect(then.execution).toMatchObject({ status: 'ROLLING_BACK', stopping: null, handOver: 2 });
  });

  it('a deadline only looks again later', () => {
    const then = given(busy.stopping()).after(86_400_000).when(deadlinePassed);
    expect(then.rows).toEqual(['deadline-while-stopping']);
    expect(then.requests[0]).toMatchObject({ type: 'ARM_TIMER', timer: 'DEADLINE' });
  });

  it('neither threshold nor retry nor room is judged', () => {
    const stopping = busy.withPlan({ failureThreshold: 1 }).stopping();
    expect(given(stopping).when(failed('UPGRADING', [1])).rows).toEqual(['steps-settled']);
  });
});

describe('what comes late', () => {
  const late: readonly Report[] = [
    listed(3),
    { type: 'LISTING_FAILED', reason: 'too late' },
    preChecks('FAILED'),
    postChecks('FAILED'),
    checksAlive('POST'),
    settled('DRAINING', [0]),
    roomCounted(0),
    delayOver,
    deadlinePassed,
    restored({ COMPLETED: [0] }),
  ];

  it.each(['COMPLETED', 'FAILED', 'CANCELLED', 'ROLLED_BACK'] as const)(
    'changes nothing once it is %s',
    (status) => {
      for (const report of late) {
        const then = given(anExecution().ended(status)).when(report);
        expect({ report: report.type, kind: then.kind }).toEqual({
          report: report.type,
          kind: 'ABSORBED',
        });
      }
    },
  );

  it('steps of an older hand-over are absorbed', () => {
    const then = given(busy.with({ handOver: 3 })).when(settled('DRAINING', [0]));
    expect(then.rows).toEqual(['steps-of-older-hand-over']);
  });
});
