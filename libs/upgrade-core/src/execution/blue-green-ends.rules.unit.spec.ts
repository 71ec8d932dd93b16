import { describe, expect, it } from '@jest/globals';
import {
  anExecution,
  aNewSet,
  EXECUTION_ID,
  type ExecutionBuilder,
} from '#testing/an-execution.js';
import { given } from '#testing/given.js';
import { action, failed, restored, setOperationEnded } from '#testing/inputs.js';
import type { NewSetState } from './execution.js';

const creating = anExecution().blueGreen('CREATING').withCounters({ PENDING: 4 });
const standing = anExecution()
  .blueGreen('STANDING', { named: 4 })
  .withPlan({ failureThreshold: 2 })
  .withCounters({ UPGRADING: 2, COMPLETED: 2 })
  .withBatch(1, 4);
const switching = standing.withCounters({ COMPLETED: 4 }).withSetOperation('SWITCH', { number: 2 });

describe('a stop before the switch', () => {
  it('waits for what is under way, retires the new set, and has ended then', () => {
    const cancelled = given(standing).when(action('CANCEL', { reason: 'not today' }));
    expect(cancelled.rows).toEqual(['cancel']);
    const settledThen = given(cancelled.execution).when(failed('UPGRADING', [2, 3]));
    expect(settledThen.rows).toEqual(['steps-settled', 'new-set-retired-first']);
    expect(settledThen.execution).toMatchObject({
      status: 'IN_PROGRESS',
      setOperation: { number: 2, verb: 'RETIRE', set: EXECUTION_ID },
    });
    const end = given(settledThen.execution).when(setOperationEnded({ number: 2 }));
    expect(end.rows).toEqual(['set-operation-ended', 'stopped']);
    expect(end.execution).toMatchObject({
      status: 'CANCELLED',
      failureReason: 'not today',
      newSet: { state: 'RETIRED' },
    });
    expect(end.requests).toContainEqual({ type: 'RECORD_STANDBY', standby: null });
    expect(end.timers).not.toHaveProperty('RETIRE_STANDBY');
  });

  it('while the set is created retires what may have come of it', () => {
    const cancelled = given(creating).when(action('CANCEL'));
    expect(cancelled.rows).toEqual(['cancel']);
    for (const reason of [null, 'no place']) {
      const then = given(cancelled.execution).when(setOperationEnded({ reason }));
      expect(then.rows).toEqual(['set-operation-ended', 'new-set-retired-first']);
    }
  });

  it('by its failures goes the same way', () => {
    const then = given(standing).when(failed('UPGRADING', [2, 3]));
    expect(then.rows).toEqual(['steps-settled', 'threshold-reached', 'new-set-retired-first']);
  });

  it('in a pause too', () => {
    const paused = anExecution().paused().withPlan({ strategy: 'BLUE_GREEN' });
    const execution = paused
      .withCounters({ COMPLETED: 4 })
      .withBatch(1, 4)
      .with({ newSet: aNewSet('STANDING', { named: 4 }), setOperations: 1 });
    const then = given(execution).when(action('CANCEL'));
    expect(then.rows).toEqual(['cancel', 'new-set-retired-first']);
    const end = given(then.execution).when(setOperationEnded({ number: 2 }));
    expect(end.execution.status).toBe('CANCELLED');
  });

  it('says what it could not retire, and does not try for ever', () => {
    const retiring = standing
      .withCounters({ COMPLETED: 4 })
      .stopping()
      .withSetOperation('RETIRE', { number: 2 });
    const then = given(retiring).when(setOperationEnded({ number: 2, reason: 'it clings' }));
    expect(then.rows).toEqual(['set-operation-ended', 'stopped']);
    expect(then.execution).toMatchObject({
      status: 'CANCELLED',
      failureReason: `enough; left behind: RETIRE ${EXECUTION_ID} failed: it clings`,
    });
  });
});

describe('a stop during the switch', () => {
  it('is after it when traffic has been switched: the new set stays', () => {
    const cancelled = given(switching).when(action('CANCEL'));
    expect(cancelled.rows).toEqual(['cancel']);
    const then = given(cancelled.execution).when(setOperationEnded({ number: 2 }));
    expect(then.rows).toEqual(['set-operation-ended', 'stopped']);
    expect(then.execution).toMatchObject({ status: 'CANCELLED', newSet: { state: 'LIVE' } });
    expect(then.asks).toContain('RECORD_STANDBY');
  });

  it('is before it when the switch failed: the new set goes', () => {
    const cancelled = given(switching).when(action('CANCEL'));
    const ended = setOperationEnded({ number: 2, reason: 'no route' });
    const then = given(cancelled.execution).when(ended);
    expect(then.rows).toEqual(['set-operation-ended', 'new-set-retired-first']);
  });
});

describe('a stop after the switch', () => {
  it('is done at once: nothing is under way, and traffic stays where it is', () => {
    const live = anExecution().blueGreen('LIVE', { named: 4 }).withCounters({ COMPLETED: 4 });
    const then = given(live.withBatch(1, 4)).when(action('CANCEL'));
    expect(then.rows).toEqual(['cancel', 'stopped']);
    expect(then.execution).toMatchObject({ status: 'CANCELLED', newSet: { state: 'LIVE' } });
  });
});

describe('a rollback', () => {
  const inState: Readonly<Record<Exclude<NewSetState, 'RETIRED' | 'UNKNOWN'>, ExecutionBuilder>> = {
    CREATING: creating,
    STANDING: standing,
    LIVE: anExecution().blueGreen('LIVE', { named: 4 }).withCounters({ COMPLETED: 4 }),
  };

  it.each(['CREATING', 'STANDING', 'LIVE'] as const)('is handed over as one page: %s', (state) => {
    const then = given(inState[state].withBatch(1, 4)).when(action('ROLLBACK'));
    expect(then.execution).toMatchObject({ status: 'ROLLING_BACK', newSet: { state } });
    expect(then.requests).toContainEqual({ type: 'ROLL_BACK', handOver: 2 });
  });

  it('supersedes the operation that is under way', () => {
    const back = given(switching).when(action('ROLLBACK'));
    const late = given(back.execution).when(setOperationEnded({ number: 2 }));
    expect(late.rows).toEqual(['late-set-operation-ended']);
  });

  const back = anExecution()
    .rollingBack()
    .withPlan({ strategy: 'BLUE_GREEN' })
    .with({ newSet: aNewSet('LIVE', { named: 4 }), setOperations: 2 })
    .withCounters({ UPGRADING: 1, FAILED: 1, COMPLETED: 2 });

  it('is over when traffic is where it was and the new set is gone: all rows are back', () => {
    const then = given(back).when(restored({}, { setsRestored: true, done: true }));
    expect(then.rows).toEqual(['rolled-back']);
    expect(then.execution).toMatchObject({
      status: 'ROLLED_BACK',
      counters: { ROLLED_BACK: 4, PENDING: 0 },
      newSet: { state: 'RETIRED' },
    });
  });

  it('leaves rows that were never begun with as they are', () => {
    const early = back.withCounters({ PENDING: 4 }).with({ newSet: aNewSet('STANDING') });
    const then = given(early).when(restored({}, { setsRestored: true, done: true }));
    expect(then.execution).toMatchObject({ status: 'ROLLED_BACK', counters: { PENDING: 4 } });
  });

  it('fails when the agent is done and the sets are not what they were', () => {
    const then = given(back).when(restored({}, { done: true }));
    expect(then.execution).toMatchObject({
      status: 'FAILED',
      failureReason: 'it looks wrong; the rollback could not bring the sets back to what they were',
    });
  });

  it('that failed leaves its sets to the orchestrator, under a hand-over above the agent’s', () => {
    const then = given(back).when(restored({}, { done: true }));
    expect(then.execution.newSet?.state).toBe('UNKNOWN');
    expect(then.execution.handOver).toBe(back.build().handOver + 1);
  });

  it('that was stopped by force when all was back says that none is missing', () => {
    const stopped = given(back).when(action('CANCEL', { force: true }));
    const report = restored({}, { handOver: 3, setsRestored: true, done: true });
    const then = given(stopped.execution).when(report);
    expect(then.execution).toMatchObject({
      status: 'CANCELLED',
      failureReason: 'it looks wrong; the rollback was stopped, 0 instances are not back',
      counters: { ROLLED_BACK: 4 },
    });
  });

  it('has nothing to do where nothing was made', () => {
    const nothing = anExecution()
      .inProgress()
      .withPlan({ strategy: 'BLUE_GREEN', staleSet: 'old' })
      .withCounters({ PENDING: 4 })
      .with({ staleSet: 'old' })
      .withSetOperation('RETIRE', { set: 'old' });
    expect(given(nothing).when(action('ROLLBACK')).execution.status).toBe('ROLLED_BACK');
  });
});
