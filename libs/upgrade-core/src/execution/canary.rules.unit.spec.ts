import { describe, expect, it } from '@jest/globals';
import { anExecution, T0 } from '#testing/an-execution.js';
import { given } from '#testing/given.js';
import {
  action,
  failed,
  postChecks,
  restored,
  roomCounted,
  setOperationEnded,
  settled,
} from '#testing/inputs.js';
import { CANARY_LIMITS } from '../limits.js';

/** Twenty at 10 %: two canaries; at 25 % five may be down. */
const canaries = anExecution()
  .canaryRunning()
  .withPlan({ canaryPercentage: 10, batchSize: 5, batchDelaySeconds: 60, failureThreshold: 5 });
const lastCanary = canaries
  .withCounters({ PENDING: 18, HEALTH_CHECKING: 1, COMPLETED: 1 })
  .withBatch(1, 2);
const canariesDone = canaries.withCounters({ PENDING: 18, COMPLETED: 2 }).withBatch(1, 2);
const weighing = canariesDone.withSetOperation('WEIGH', { percentage: 10 });

describe('the canaries', () => {
  it('go first, as many as were asked for, whatever the batch size', () => {
    const then = given(canaries.withCounters({ PENDING: 20 })).when(roomCounted(0));
    expect(then.moves).toEqual(['PENDING → DRAINING: 2']);
  });

  it('obey the room: the rest of them follow in another batch after its delay', () => {
    const half = canaries.withPlan({ canaryPercentage: 50 }).withCounters({ PENDING: 20 });
    const then = given(half).when(roomCounted(3));
    expect(then.moves).toEqual(['PENDING → DRAINING: 2']);
    const settledTwo = given(
      half.withCounters({ PENDING: 18, HEALTH_CHECKING: 2 }).withBatch(1, 2),
    ).when(settled('HEALTH_CHECKING', [0, 1]));
    expect(settledTwo.rows).toEqual(['steps-settled', 'batch-settled']);
  });

  it('that are down already go first, and are no more than the canaries', () => {
    const then = given(canaries.withCounters({ PENDING: 20 })).when(
      roomCounted(4, { downPending: [3, 5, 8, 9] }),
    );
    expect(then.facts).toMatchObject([{ select: { by: 'INDICES', indices: [3, 5] } }]);
  });

  it('that failed are tried again at the end of their phase, before any other instance', () => {
    const then = given(lastCanary).when(failed('HEALTH_CHECKING', [1]));
    expect(then.rows).toEqual(['steps-settled', 'retry-round']);
    const again = failed('DRAINING', [1], 'DRAIN_FAILED', 2);
    const end = given(then.execution).when(again);
    expect(end.rows).toEqual(['steps-settled', 'failed-again', 'stopped']);
    expect(end.execution).toMatchObject({ status: 'FAILED', counters: { PENDING: 18 } });
  });
});

describe('traffic by share', () => {
  it('is given when all canaries are COMPLETED, and only then are they watched', () => {
    const then = given(lastCanary).when(settled('HEALTH_CHECKING', [1]));
    expect(then.rows).toEqual(['steps-settled', 'canaries-weighed']);
    expect(then.execution).toMatchObject({
      status: 'CANARY_RUNNING',
      setOperation: { number: 1, verb: 'WEIGH', set: null, percentage: 10 },
    });
    const weighed = given(then.execution).when(setOperationEnded());
    expect(weighed.rows).toEqual(['set-operation-ended', 'canaries-completed']);
    expect(weighed.facts[0]).toMatchObject({
      note: 'TRAFFIC_WEIGHED',
      why: '10 % of the traffic goes to 2.0.0',
    });
    expect(weighed.execution).toMatchObject({ status: 'CANARY_MONITORING', weighed: 10 });
  });

  it('says so where a target cannot weigh, and goes on', () => {
    const why = 'the target cannot weigh';
    const then = given(weighing).when(setOperationEnded({ outcome: 'DONE', reason: why }));
    expect(then.facts[0]).toMatchObject({ note: 'TRAFFIC_WEIGHED', why });
    expect(then.execution.status).toBe('CANARY_MONITORING');
  });

  it('is given before the checks after, even where all instances are canaries', () => {
    const all = canaries
      .withPlan({ canaryPercentage: 100 })
      .withCounters({ HEALTH_CHECKING: 1, COMPLETED: 3 })
      .withBatch(1, 4);
    const then = given(all).when(settled('HEALTH_CHECKING', [3]));
    expect(then.rows).toEqual(['steps-settled', 'canaries-weighed']);
    expect(then.asks).not.toContain('RUN_POST_CHECKS');
  });

  it('is evened after the promotion, before the rest or the checks after follow', () => {
    const all = anExecution().canaryMonitoring({ verdict: 'HEALTHY' });
    for (const counters of [{ PENDING: 18, COMPLETED: 2 }, { COMPLETED: 4 }]) {
      const promoted = given(all.withCounters(counters).withBatch()).when(action('PROMOTE_CANARY'));
      expect(promoted.rows).toEqual(['promote-canary', 'traffic-evened']);
      expect(promoted.execution).toMatchObject({
        setOperation: { number: 2, verb: 'WEIGH', percentage: null },
      });
      const evened = given(promoted.execution).when(setOperationEnded({ number: 2 }));
      expect(evened.execution).toMatchObject({ weighed: null });
      const next = 'PENDING' in counters ? 'room-unknown' : 'all-completed';
      expect(evened.rows).toEqual(['set-operation-ended', next]);
    }
  });

  it('that cannot be given ends the upgrade, and is evened, since it may have been given', () => {
    const then = given(weighing).when(setOperationEnded({ reason: 'TIMEOUT' }));
    expect(then.rows).toEqual([
      'set-operation-ended',
      'set-operation-failed',
      'traffic-evened-first',
    ]);
    const end = given(then.execution).when(setOperationEnded({ number: 2, reason: 'TIMEOUT' }));
    expect(end.rows).toEqual(['set-operation-ended', 'stopped']);
    expect(end.execution).toMatchObject({
      status: 'FAILED',
      failureReason: 'WEIGH failed: TIMEOUT',
      weighed: 10,
    });
    expect(end.asks).toContain('EVEN_TRAFFIC');
  });

  it('that cannot be given is taken back on the way back', () => {
    const auto = weighing.withPlan({ autoRollbackEnabled: true });
    const then = given(auto).when(setOperationEnded({ reason: 'TIMEOUT' }));
    expect(then.execution).toMatchObject({ status: 'ROLLING_BACK', weighed: 10 });
  });

  it.each([
    ['all is back', { COMPLETED: [0, 1] }, 'ROLLED_BACK'],
    ['some are left over', { COMPLETED: [0] }, 'FAILED'],
  ] as const)('is taken back after the rollback, when %s', (_, groups, status) => {
    const back = given(
      anExecution().canaryMonitoring().withCounters({ PENDING: 18, COMPLETED: 2 }).withBatch(1, 2),
    ).when(action('ROLLBACK'));
    expect(back.asks).not.toContain('EVEN_TRAFFIC');
    const then = given(back.execution).when(restored(groups, { done: true }));
    expect(then.execution.status).toBe(status);
    expect(then.asks).toContain('EVEN_TRAFFIC');
  });

  it('that was being given or evened as the rollback came is taken back too', () => {
    const evening = weighing.with({ weighed: 10 }).withSetOperation('WEIGH', { number: 2 });
    for (const execution of [weighing, evening]) {
      const back = given(execution).when(action('ROLLBACK'));
      const then = given(back.execution).when(restored({ COMPLETED: [0, 1] }, { done: true }));
      expect(then.asks).toContain('EVEN_TRAFFIC');
    }
  });

  it('that was never given is not taken back', () => {
    const back = given(lastCanary).when(action('ROLLBACK'));
    const then = given(back.execution).when(restored({ COMPLETED: [0, 1] }, { done: true }));
    expect(then.asks).not.toContain('EVEN_TRAFFIC');
  });

  it('is evened before a cancelled upgrade has ended', () => {
    const watched = anExecution().canaryMonitoring().withCounters({ PENDING: 18, COMPLETED: 2 });
    const cancelled = given(watched.withBatch()).when(action('CANCEL'));
    expect(cancelled.rows).toEqual(['cancel', 'traffic-evened-first']);
    expect(cancelled.execution).toMatchObject({ status: 'CANARY_MONITORING', waitingFor: null });
    const end = given(cancelled.execution).when(setOperationEnded({ number: 2 }));
    expect(end.rows).toEqual(['set-operation-ended', 'stopped']);
    expect(end.execution.status).toBe('CANCELLED');
    expect(end.requests).toContainEqual({ type: 'END_WATCH', handOver: 1 });
  });

  it('is evened too when the share was still being given as the cancel came', () => {
    const cancelled = given(weighing).when(action('CANCEL'));
    expect(cancelled.rows).toEqual(['cancel']);
    for (const reason of [null, 'TIMEOUT']) {
      const then = given(cancelled.execution).when(setOperationEnded({ reason }));
      expect(then.rows).toEqual(['set-operation-ended', 'traffic-evened-first']);
    }
  });
});

describe('the rest', () => {
  const promoted = anExecution()
    .inProgress()
    .withPlan({ strategy: 'CANARY', batchSize: 3, batchDelaySeconds: 60 })
    .withCounters({ PENDING: 18, COMPLETED: 2 })
    .withBatch(1, 2)
    .with({ nextBatchAtMs: T0 });

  it('goes by ROLLING, its first batch at once', () => {
    const then = given(promoted).when(roomCounted(0));
    expect(then.moves).toEqual(['PENDING → DRAINING: 3']);
    expect(then.execution).toMatchObject({ batch: { number: 2 }, nextBatchAtMs: null });
  });

  it('and the others after the delay', () => {
    const second = promoted
      .withCounters({ PENDING: 15, HEALTH_CHECKING: 1, COMPLETED: 4 })
      .with({ nextBatchAtMs: null });
    expect(given(second).when(settled('HEALTH_CHECKING', [4])).rows).toContain('batch-settled');
  });

  it('ends COMPLETED like any other, and with nobody watching', () => {
    const last = promoted.withCounters({ HEALTH_CHECKING: 1, COMPLETED: 19 });
    const then = given(last).when(settled('HEALTH_CHECKING', [19]), postChecks('PASSED'));
    expect(then.execution.status).toBe('COMPLETED');
    expect(then.asks).not.toContain('END_WATCH');
  });
});

describe('the watch', () => {
  it('is asked for, with a deadline of three intervals', () => {
    const then = given(weighing).when(setOperationEnded());
    expect(then.requests).toContainEqual({ type: 'WATCH_CANARIES', handOver: 1 });
    const intervalMs = CANARY_LIMITS.intervalDefaultSeconds * 1_000;
    expect(then.timers).toMatchObject({ DEADLINE: T0 + 3 * intervalMs });
    expect(then.execution.canary).toMatchObject({ verdict: null, endsAtMs: T0 + 600_000 });
  });

  it('waits for a person from the start, unless the upgrade promotes itself', () => {
    const waiting = given(weighing).when(setOperationEnded());
    expect(waiting.execution.waitingFor).toMatchObject({ kind: 'PROMOTION' });
    const auto = weighing.withPlan({ autoPromote: true });
    expect(given(auto).when(setOperationEnded()).execution.waitingFor).toBeNull();
  });
});
