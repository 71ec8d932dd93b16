import { describe, expect, it } from '@jest/globals';
import { anExecution, T0, type ExecutionBuilder } from '#testing/an-execution.js';
import { given } from '#testing/given.js';
import { setOperationEnded, watched } from '#testing/inputs.js';
import type { CheckResult, Guarded } from './execution.js';
import { allCompleted, isToBeSwitched, postChecksPassed } from './guard-conditions.js';

/** Each condition by itself: none may lean on a guard that is judged before it. */
const asGuarded = (execution: ExecutionBuilder): Guarded => execution.build() as Guarded;

const completed = anExecution().inProgress().withCounters({ COMPLETED: 4 }).withBatch(1, 4);
const newSet = anExecution().blueGreen('STANDING', { named: 4 }).withBatch(1, 4);

describe('the end of an upgrade', () => {
  it('is reached when all that were taken are COMPLETED', () => {
    expect(allCompleted(asGuarded(completed))).toBe(true);
  });

  it('is never reached where nothing was taken', () => {
    expect(allCompleted(asGuarded(completed.withCounters({})))).toBe(false);
  });

  it('is not reached before traffic goes to the new set', () => {
    expect(allCompleted(asGuarded(newSet.withCounters({ COMPLETED: 4 })))).toBe(false);
  });
});

it('traffic goes to a new set only when all of it is COMPLETED', () => {
  expect(isToBeSwitched(asGuarded(newSet.withCounters({ COMPLETED: 4 })))).toBe(true);
  expect(isToBeSwitched(asGuarded(newSet.withCounters({ COMPLETED: 3, FAILED: 1 })))).toBe(false);
});

it('checks that were answered have passed only when none of them failed', () => {
  const answered = (outcome: CheckResult['outcome']): ExecutionBuilder => {
    const check = { check: 'HEALTH', outcome, summary: '', durationMs: 0, evidence: {} };
    return completed.with({ postChecksAnswered: true, postChecks: [check] });
  };
  expect(postChecksPassed(asGuarded(answered('PASSED')))).toBe(true);
  expect(postChecksPassed(asGuarded(answered('FAILED')))).toBe(false);
});

it('a watch whose duration was over once stays so, whatever is told later', () => {
  const monitored = anExecution().canaryMonitoring().withCounters({ PENDING: 2, COMPLETED: 2 });
  const then = given(monitored.withBatch(1, 2), T0).when(
    watched('INCONCLUSIVE', { durationOver: true }),
    watched('INCONCLUSIVE'),
  );
  expect(then.execution.canary?.durationOver).toBe(true);
});

it('with a set that is retired nobody is left who may be tried again', () => {
  const retiring = newSet
    .withCounters({ COMPLETED: 3, FAILED: 1 })
    .stopping()
    .withSetOperation('RETIRE', { number: 2 })
    .with({ failedOnce: 1 });
  const then = given(retiring).when(setOperationEnded({ number: 2 }));
  expect(then.execution).toMatchObject({ failedOnce: 0, counters: { FAILED: 0, ROLLED_BACK: 4 } });
});
