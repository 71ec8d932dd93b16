import { describe, expect, it } from '@jest/globals';
import { anExecution, T0 } from '#testing/an-execution.js';
import { given } from '#testing/given.js';
import { action, failed, postChecks, roomCounted, settled } from '#testing/inputs.js';
import { REMINDER_EVERY_MS } from '../limits.js';

/** Ten at 50 %, in stages of two, ten minutes between batches of other strategies. */
const staged = anExecution()
  .inProgress()
  .withPlan({ strategy: 'STAGED', batchSize: 2, batchDelaySeconds: 600, failureThreshold: 5 })
  .withPlan({ maxUnavailablePercentage: 50, initiatedBy: 'ann' });
const lastOfStage = staged
  .withCounters({ PENDING: 8, HEALTH_CHECKING: 1, COMPLETED: 1 })
  .withBatch(1, 2);
const forApproval = anExecution()
  .paused('STAGE_APPROVAL')
  .withPlan({ strategy: 'STAGED', batchSize: 2, batchDelaySeconds: 600, initiatedBy: 'Ann' })
  .withPlan({ maxUnavailablePercentage: 50 })
  .withCounters({ PENDING: 8, COMPLETED: 2 })
  .withBatch(1, 2);

describe('a stage', () => {
  it('is one batch; the first needs no approval', () => {
    const then = given(staged.withCounters({ PENDING: 10 })).when(roomCounted(0));
    expect(then.moves).toEqual(['PENDING → DRAINING: 2']);
  });

  it('that has settled waits for a person, who is told what there is to approve', () => {
    const then = given(lastOfStage).when(failed('HEALTH_CHECKING', [1]));
    expect(then.rows).toEqual(['steps-settled', 'stage-settled']);
    expect(then.execution).toMatchObject({
      status: 'PAUSED',
      pauseReason: 'STAGE_APPROVAL',
      waitingFor: { kind: 'APPROVAL', who: 'anybody but ann' },
    });
    expect(then.facts.at(-1)?.why).toBe('stage 1 has settled, 1 failed, 8 to go');
    expect(then.timers).toEqual({
      REMINDER: T0 + REMINDER_EVERY_MS,
      BATCH_DELAY: null,
      DEADLINE: null,
    });
  });

  it('asks for its approval whether or not another would fit now', () => {
    const noDelay = lastOfStage.withPlan({ batchDelaySeconds: 0 }).withRoom(5);
    const then = given(noDelay).when(settled('HEALTH_CHECKING', [1]));
    expect(then.rows).toEqual(['steps-settled', 'stage-settled']);
    expect(then.execution.waitingFor).toMatchObject({ kind: 'APPROVAL' });
  });

  it('that is the last needs none: the checks after follow', () => {
    const last = staged.withCounters({ HEALTH_CHECKING: 1, COMPLETED: 9 }).withBatch(5, 2);
    const then = given(last).when(settled('HEALTH_CHECKING', [9]), postChecks('PASSED'));
    expect(then.execution.status).toBe('COMPLETED');
  });

  it('that ends the upgrade by its failures is not put before anybody', () => {
    const strict = lastOfStage.withPlan({ failureThreshold: 1 });
    const then = given(strict).when(failed('HEALTH_CHECKING', [1]));
    expect(then.rows).toEqual(['steps-settled', 'threshold-reached', 'stopped']);
  });
});

describe('approve', () => {
  it('by somebody else begins the next stage without delay, once it fits', () => {
    const then = given(forApproval, T0 + 60_000).when(action('APPROVE', { by: 'bob' }));
    expect(then.rows).toEqual(['approve', 'room-unknown']);
    expect(then.execution).toMatchObject({
      status: 'IN_PROGRESS',
      approvedStage: 1,
      waitingFor: null,
    });
    expect(then.facts).toMatchObject([{ to: 'IN_PROGRESS', by: 'bob', why: 'stage approved' }]);
    const counted = roomCounted(0, { countedAtMs: T0 + 60_000 });
    const next = given(then.execution, T0 + 60_000).when(counted);
    expect(next.moves).toEqual(['PENDING → DRAINING: 2']);
    expect(next.execution).toMatchObject({ batch: { number: 2 } });
  });

  it('is good for one stage alone', () => {
    const second = lastOfStage.withBatch(2, 2).with({ approvedStage: 1 });
    expect(given(second).when(settled('HEALTH_CHECKING', [1])).rows).toContain('stage-settled');
  });

  it.each([
    ['who initiated it', 'Ann'],
    ['who initiated it, written otherwise', ' ANN '],
    ['one who does not say who he is', 'anonymous'],
    ['one without a name', '  '],
  ])('by %s is forbidden and changes nothing', (_, by) => {
    const then = given(forApproval).when(action('APPROVE', { by }));
    expect(then.decision).toEqual({
      kind: 'FORBIDDEN',
      rows: ['approve-own-stage'],
      why: 'A stage is approved by a named person who is not the one who initiated the upgrade.',
    });
    expect(then.execution).toEqual(forApproval.build());
  });

  it('is refused, not forbidden, where no stage waits for it', () => {
    for (const elsewhere of [lastOfStage, anExecution().paused().withCounters({ PENDING: 1 })]) {
      for (const by of ['ann', 'bob']) {
        expect(given(elsewhere).when(action('APPROVE', { by })).kind).toBe('REFUSED');
      }
    }
  });

  it('a second time is refused', () => {
    const approve = action('APPROVE', { by: 'bob' });
    expect(given(forApproval).when(approve, approve).kind).toBe('REFUSED');
  });

  it('comes before the retry round of a stage whose failures fill the room', () => {
    const full = forApproval.withCounters({ PENDING: 5, COMPLETED: 3, FAILED: 2 });
    const failing = full
      .withPlan({ failureThreshold: 5, maxUnavailablePercentage: 20 })
      .with({ failedOnce: 2 });
    const approved = given(failing).when(action('APPROVE', { by: 'bob' }));
    const then = given(approved.execution).when(roomCounted(0));
    expect(then.rows).toEqual(['room-counted', 'retry-round']);
  });
});
