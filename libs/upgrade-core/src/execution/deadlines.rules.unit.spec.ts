import { describe, expect, it } from '@jest/globals';
import { anExecution, T0 } from '#testing/an-execution.js';
import { given } from '#testing/given.js';
import {
  action,
  checksAlive,
  deadlinePassed,
  postChecks,
  preChecks,
  listed,
  setOperationEnded,
  settled,
} from '#testing/inputs.js';
import { STATUS_DEADLINES, STEP_LIMITS } from '../limits.js';
import { deadlineOf } from './deadlines.js';

const busy = anExecution().inProgress().withCounters({ PENDING: 4, UPGRADING: 2 }).withBatch();

describe('deadlines of the machine', () => {
  it('leave an instance the time of its drain, bring and health check', () => {
    const { drainTimeoutSeconds, healthCheckTimeoutSeconds } = busy.build().plan;
    const oneInstanceMs =
      (drainTimeoutSeconds + healthCheckTimeoutSeconds) * 1_000 +
      STEP_LIMITS.drainGraceMs +
      STEP_LIMITS.bringMs +
      STEP_LIMITS.healthGraceMs;
    expect(deadlineOf(busy.build()) - T0).toBeGreaterThan(oneInstanceMs);
  });

  it('stand still in a batch delay', () => {
    const nextBatchAtMs = T0 + 86_400_000;
    const plain = deadlineOf(busy.build());
    expect(deadlineOf(busy.with({ nextBatchAtMs }).build())).toBe(plain + 86_400_000);
  });

  it('are armed when it begins', () => {
    const then = given(anExecution().validating()).when(preChecks('PASSED'), listed(3));
    expect(then.requests).toContainEqual({
      type: 'ARM_TIMER',
      timer: 'DEADLINE',
      atMs: deadlineOf(busy.build()),
    });
  });

  it('count an operation on a set as progress, when it begins and when it ends', () => {
    const late = T0 + 100_000;
    const last = anExecution()
      .blueGreen('STANDING', { named: 2 })
      .withCounters({ HEALTH_CHECKING: 1, COMPLETED: 1 })
      .withBatch(1, 2);
    const switching = given(last, late).when(settled('HEALTH_CHECKING', [1]));
    expect(switching.execution.lastProgressAtMs).toBe(late);
    const done = given(switching.execution, late + 5_000).when(setOperationEnded({ number: 2 }));
    expect(done.execution.lastProgressAtMs).toBe(late + 5_000);
  });

  it('leave an operation on a set the time it has', () => {
    const allowedMs = deadlineOf(busy.build()) - T0;
    expect(allowedMs).toBeGreaterThan(STEP_LIMITS.setOperationMs);
  });

  it('of a watch are counted from when its monitor was heard last', () => {
    const heard = anExecution()
      .canaryMonitoring({ lastHeardAtMs: T0 + 7_000 })
      .build();
    expect(deadlineOf(heard)).toBe(T0 + 7_000 + STATUS_DEADLINES.canarySilenceMs);
  });

  it('do not run in statuses that wait for a person, or have ended', () => {
    for (const status of ['PENDING', 'PAUSED', 'FAILED'] as const) {
      expect(deadlineOf(anExecution().in(status).build())).toBe(Number.POSITIVE_INFINITY);
    }
  });
});

describe('no progress before the deadline', () => {
  const silent = (execution = busy) => {
    const late = deadlineOf(execution.build());
    return given(execution, late).when(deadlinePassed);
  };

  it('stops the upgrade as failed', () => {
    expect(silent().execution).toMatchObject({
      status: 'IN_PROGRESS',
      stopping: { to: 'FAILED', reason: 'no progress before the deadline' },
    });
  });

  it('rolls it back where that was asked for', () => {
    const auto = busy.withPlan({ autoRollbackEnabled: true });
    expect(silent(auto).execution.status).toBe('ROLLING_BACK');
  });

  it('has nothing to roll back when it waited for room all the time', () => {
    const waiting = anExecution().inProgress().withCounters({ PENDING: 3 });
    const then = silent(waiting.withPlan({ autoRollbackEnabled: true }));
    expect(then.execution.status).toBe('ROLLED_BACK');
    expect(then.facts.map((fact) => fact.executionStatus)).toEqual(['ROLLING_BACK', 'ROLLED_BACK']);
  });

  it('says that it was the checks after which were silent, and hears their signs of life', () => {
    const asked = busy.withCounters({ COMPLETED: 6 }).with({ postChecksAskedAtMs: T0 });
    const late = T0 + STATUS_DEADLINES.postChecksMs;
    const dead = given(asked, late).when(deadlinePassed);
    expect(dead.execution.failureReason).toBe('no post-upgrade checks before the deadline');
    const alive = given(asked, T0 + 5_000).when(checksAlive('POST'));
    expect(given(alive.execution, late).when(deadlinePassed).rows).toEqual([
      'deadline-not-reached',
    ]);
    const passed = given(alive.execution, late).when(postChecks('PASSED'));
    expect(passed.execution.status).toBe('COMPLETED');
  });

  it('is not judged before its time, however often the timer rings', () => {
    const early = given(busy, deadlineOf(busy.build()) - 1).when(deadlinePassed);
    expect(early.rows).toEqual(['deadline-not-reached']);
    expect(early.facts).toEqual([]);
  });
});

describe('a rollback agent that is silent', () => {
  const back = anExecution().rollingBack().withCounters({ PENDING: 1, COMPLETED: 2, FAILED: 1 });
  const silence = STATUS_DEADLINES.rollbackSilenceMs;

  it('is asked once more, about the same work', () => {
    const then = given(back, T0 + silence).when(deadlinePassed);
    expect(then.rows).toEqual(['rollback-silent-once']);
    expect(then.requests[0]).toEqual({ type: 'ROLL_BACK', handOver: 2 });
    expect(then.execution.status).toBe('ROLLING_BACK');
  });

  it('is shut out by a new fence the second time', () => {
    const first = given(back, T0 + silence).when(deadlinePassed);
    const second = given(first.execution, T0 + 2 * silence).when(deadlinePassed);
    expect(second.execution).toMatchObject({ status: 'FAILED', handOver: 3 });
    expect(second.execution.failureReason).toContain('3 instances are not back');
    expect(second.requests[0]).toEqual({ type: 'STOP_ROLLBACK', handOver: 3 });
  });

  it('that was told to stop is not waited for', () => {
    const stopped = given(back).when(action('CANCEL', { force: true }));
    const then = given(stopped.execution, T0 + silence).when(deadlinePassed);
    expect(then.execution.status).toBe('CANCELLED');
  });
});
