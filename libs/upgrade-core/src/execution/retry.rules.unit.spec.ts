import { describe, expect, it } from '@jest/globals';
import { anExecution, T0 } from '#testing/an-execution.js';
import { given } from '#testing/given.js';
import { failed, postChecks, roomCounted, settled } from '#testing/inputs.js';

/** Eight at 25 %: two may be down. */
const eight = anExecution()
  .inProgress()
  .withPlan({ batchSize: 2, batchDelaySeconds: 60, failureThreshold: 5 })
  .withBatch(1, 2);

describe('the retry round', () => {
  it('comes when all have settled: the failed ones are tried a second time', () => {
    const last = eight.withCounters({ COMPLETED: 6, HEALTH_CHECKING: 2 });
    const then = given(last).when(failed('HEALTH_CHECKING', [3, 7]));
    expect(then.rows).toEqual(['steps-settled', 'retry-round']);
    expect(then.facts.at(-1)).toMatchObject({
      from: 'FAILED',
      to: 'DRAINING',
      fromAttempt: 1,
      attempt: 2,
      count: 2,
    });
    expect(then.execution.failedOnce).toBe(0);
  });

  it('is told of with what the target said, as far as a database takes it', () => {
    const last = eight.withCounters({ COMPLETED: 7, HEALTH_CHECKING: 1 });
    const reason = `half \ud83d, none \0, ${'x'.repeat(600)}`;
    const failure = 'UNHEALTHY';
    const then = given(last).when(settled('HEALTH_CHECKING', [7], { failure, reason }));
    expect(then.facts[0]?.why).toMatch(/^UNHEALTHY: half \ufffd, none , x{100,500}…$/);
  });

  it('comes before the end when the failures fill the room, and does not wait for the delay', () => {
    const half = eight.withCounters({ PENDING: 4, COMPLETED: 2, UPGRADING: 2 });
    const then = given(half).when(failed('UPGRADING', [2, 3], 'BRING_FAILED'));
    expect(then.rows).toEqual(['steps-settled', 'room-unknown', 'batch-settled']);
    const counted = given(then.execution).when(roomCounted(0));
    expect(counted.rows).toEqual(['room-counted', 'retry-round']);
  });

  it('waits while there is room for another batch', () => {
    const half = eight.withCounters({ PENDING: 4, COMPLETED: 3, UPGRADING: 1 }).withRoom(0);
    const then = given(half).when(failed('UPGRADING', [3], 'BRING_FAILED'));
    expect(then.rows).not.toContain('retry-round');
    const over = given({ ...then.execution, nextBatchAtMs: T0 }).when(roomCounted(0));
    expect(over.moves).toEqual(['PENDING → DRAINING: 1']);
  });

  it('goes on to the next batch when the second attempt worked', () => {
    const retried = eight.withCounters({ PENDING: 4, COMPLETED: 3, HEALTH_CHECKING: 1 });
    const then = given(retried).when(settled('HEALTH_CHECKING', [3], { attempt: 2 }));
    expect(then.rows).toEqual(['steps-settled', 'batch-settled']);
  });
});

describe('an instance that failed twice', () => {
  const retried = eight.withCounters({ PENDING: 4, COMPLETED: 3, HEALTH_CHECKING: 1 });
  const again = failed('HEALTH_CHECKING', [3], 'UNHEALTHY', 2);

  it('ends the upgrade, before another batch begins', () => {
    const then = given(retried.withRoom(0)).when(again);
    expect(then.rows).toEqual(['steps-settled', 'failed-again', 'stopped']);
    expect(then.execution).toMatchObject({
      status: 'FAILED',
      failureReason: '1 instances failed again when retried',
    });
  });

  it('lets what is under way end first when nothing is rolled back', () => {
    const two = retried.withCounters({ PENDING: 4, COMPLETED: 2, HEALTH_CHECKING: 2 });
    const then = given(two).when(again);
    expect(then.execution).toMatchObject({ status: 'IN_PROGRESS', stopping: { to: 'FAILED' } });
    const end = given(then.execution).when(settled('HEALTH_CHECKING', [2], { attempt: 2 }));
    expect(end.execution.status).toBe('FAILED');
  });

  it('rolls back at once where that was asked for', () => {
    const then = given(retried.withPlan({ autoRollbackEnabled: true })).when(again);
    expect(then.execution).toMatchObject({ status: 'ROLLING_BACK', handOver: 2 });
    expect(then.execution.rollback).toMatchObject({ initiatedBy: 'orchestrator' });
  });
});

describe('the failure threshold', () => {
  const three = eight.withPlan({ failureThreshold: 2, maxUnavailablePercentage: 100 });
  const underWay = three.withCounters({ PENDING: 3, UPGRADING: 4, FAILED: 1 });

  it('counts the instances that are FAILED now', () => {
    const then = given(underWay.with({ failedOnce: 1 })).when(failed('UPGRADING', [2]));
    expect(then.rows).toEqual(['steps-settled', 'threshold-reached']);
    expect(then.execution.stopping).toMatchObject({
      to: 'FAILED',
      reason: '2 failed instances reach the threshold of 2',
    });
  });

  it('rolls back at once, with instances under way, where that was asked for', () => {
    const auto = underWay.withPlan({ autoRollbackEnabled: true }).with({ failedOnce: 1 });
    const then = given(auto).when(failed('UPGRADING', [2]));
    expect(then.execution.status).toBe('ROLLING_BACK');
    expect(then.requests).toContainEqual({ type: 'ROLL_BACK', handOver: 2 });
  });

  it('is not reached by one that was retried and is well', () => {
    const retried = three.withCounters({ COMPLETED: 6, HEALTH_CHECKING: 2 });
    const then = given(retried).when(settled('HEALTH_CHECKING', [0, 1], { attempt: 2 }));
    expect(then.rows).toEqual(['steps-settled', 'all-completed']);
  });
});

describe('checks after that fail', () => {
  const asked = eight.withCounters({ COMPLETED: 8 }).with({ postChecksAskedAtMs: T0 });

  it('fail the upgrade', () => {
    const then = given(asked).when(postChecks('FAILED'));
    expect(then.rows).toEqual(['post-checks-answered', 'post-checks-failed', 'stopped']);
    expect(then.execution.failureReason).toBe('post-upgrade checks failed: CHECK_1: failed');
  });

  it('roll it back where that was asked for', () => {
    const then = given(asked.withPlan({ autoRollbackEnabled: true })).when(postChecks('FAILED'));
    expect(then.execution).toMatchObject({ status: 'ROLLING_BACK' });
    expect(then.execution.postChecks).toHaveLength(1);
  });
});
