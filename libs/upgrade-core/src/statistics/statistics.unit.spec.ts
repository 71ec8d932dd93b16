import { describe, expect, it } from '@jest/globals';
import { anExecution, T0, type ExecutionBuilder } from '#testing/an-execution.js';
import { given, type Then } from '#testing/given.js';
import {
  action,
  deadlinePassed,
  failed,
  leftOver,
  listed,
  postChecks,
  preChecks,
  restored,
  setOperationEnded,
  watched,
} from '#testing/inputs.js';
import { isTerminal, type Ended, type Execution } from '../execution/execution.js';
import { outcomeOf, type Outcome } from './outcome.js';
import { finishedOf, successRateOf, talliesOf } from './statistics.js';

function ended(execution: Execution): Ended {
  if (!isTerminal(execution.status)) throw new Error(`it is still ${execution.status}`);
  return execution as Ended;
}

const causeAfter = (then: Then) => outcomeOf(ended(then.execution)).failureCause;
const validating = anExecution().validating();
const running = (): ExecutionBuilder =>
  anExecution().inProgress().withCounters({ PENDING: 2, UPGRADING: 1 }).withBatch();
const allThere = () => anExecution().inProgress().withCounters({ COMPLETED: 2 });

describe('why an execution failed', () => {
  // Each reason is the table's own: a sentence that changes there is noticed here.
  it.each([
    ['PRE_CHECKS_FAILED', validating, [preChecks('PASSED', 'FAILED')]],
    ['PRE_CHECKS_FAILED', validating, [preChecks()]],
    ['NOTHING_TO_TAKE', validating, [listed(0)]],
    ['LISTING_FAILED', validating, [{ type: 'LISTING_FAILED', reason: 'HTTP 500' }]],
  ] as const)('%s', (cause, execution, inputs) => {
    expect(causeAfter(given(execution).when(...inputs))).toBe(cause);
  });

  it('CHECKS_SILENT', () => {
    expect(causeAfter(given(validating).after(86_400_000).when(deadlinePassed))).toBe(
      'CHECKS_SILENT',
    );
    const asked = allThere().with({ postChecksAskedAtMs: T0 });
    expect(causeAfter(given(asked).after(86_400_000).when(deadlinePassed))).toBe('CHECKS_SILENT');
  });

  it('POST_CHECKS_FAILED', () => {
    const asked = allThere().with({ postChecksAskedAtMs: T0 });
    expect(causeAfter(given(asked).when(postChecks('FAILED')))).toBe('POST_CHECKS_FAILED');
    expect(causeAfter(given(asked).when(postChecks()))).toBe('POST_CHECKS_FAILED');
  });

  it('INSTANCES_FAILED, whether too many did or some did twice', () => {
    const threshold = running().withPlan({ failureThreshold: 1 });
    expect(causeAfter(given(threshold).when(failed('UPGRADING', [0])))).toBe('INSTANCES_FAILED');
    const twice = anExecution().inProgress().withCounters({ UPGRADING: 1 }).withBatch();
    const again = failed('UPGRADING', [0], 'UNHEALTHY', 2);
    expect(causeAfter(given(twice).when(again))).toBe('INSTANCES_FAILED');
  });

  it('NO_PROGRESS, also when it went back because of it', () => {
    const idle = anExecution().inProgress().withCounters({ PENDING: 2 });
    expect(causeAfter(given(idle).after(86_400_000).when(deadlinePassed))).toBe('NO_PROGRESS');
    const back = idle.withPlan({ autoRollbackEnabled: true });
    expect(causeAfter(given(back).after(86_400_000).when(deadlinePassed))).toBe('NO_PROGRESS');
  });

  it('CANARY_UNHEALTHY, when the monitor took it back', () => {
    const canaries = anExecution()
      .canaryMonitoring()
      .withPlan({ autoRollbackEnabled: true })
      .withCounters({ PENDING: 9, COMPLETED: 1 });
    const back = given(canaries).when(watched('UNHEALTHY', { reason: '3 samples failed' }));
    const done = restored({ COMPLETED: [0] }, { done: true, setsRestored: true });
    expect(causeAfter(given(back.execution).when(done))).toBe('CANARY_UNHEALTHY');
  });

  it('SET_FAILED, when the new set could not be made', () => {
    const making = anExecution().blueGreen('CREATING').withPlan({ autoRollbackEnabled: true });
    const failing = setOperationEnded({ reason: 'no room in the rack' });
    const gone = restored({}, { done: true, setsRestored: true });
    expect(causeAfter(given(making).when(failing, gone))).toBe('SET_FAILED');
  });

  it('ASKED_FOR, whatever the person says', () => {
    const asked = action('ROLLBACK', { reason: 'no progress before the deadline' });
    const done = restored({ UPGRADING: [0] }, { done: true });
    expect(causeAfter(given(running()).when(asked, done))).toBe('ASKED_FOR');
  });

  it('ROLLBACK_INCOMPLETE, whatever it was begun for', () => {
    const back = anExecution().rollingBack().withCounters({ UPGRADING: 1 });
    const lost = restored({}, { done: true, leftOver: leftOver('i-0') });
    expect(causeAfter(given(back).when(lost))).toBe('ROLLBACK_INCOMPLETE');
  });

  it('OTHER, when the sentence is a new one; nothing, when it did not fail', () => {
    const execution = anExecution().in('FAILED').with({ failureReason: 'the moon' }).build();
    expect(outcomeOf(ended(execution)).failureCause).toBe('OTHER');
    const cancelled = given(running()).when(action('CANCEL')).execution;
    expect(outcomeOf({ ...cancelled, status: 'CANCELLED' }).failureCause).toBeNull();
  });
});

describe('how long an execution took', () => {
  it('is from start to end, and nothing when it was never started', () => {
    const took = { startedAtMs: T0, completedAtMs: T0 + 90_000 };
    const execution = ended(anExecution().in('COMPLETED').with(took).build());
    expect(outcomeOf(execution).durationMs).toBe(90_000);
    expect(outcomeOf({ ...execution, completedAtMs: T0 - 5 }).durationMs).toBe(0);
    expect(outcomeOf({ ...execution, startedAtMs: null }).durationMs).toBeNull();
  });
});

describe('a tally', () => {
  const outcome = (more: Partial<Outcome>): Outcome => ({
    ...{ status: 'COMPLETED', kind: 'UPGRADE', strategy: 'ROLLING', toVersion: '2.0.0' },
    ...{ durationMs: 1_000, failureCause: null, batchWorkMs: null },
    ...more,
  });

  it('counts a rollback as a failure, and a cancellation as neither', () => {
    const { all } = talliesOf([
      outcome({}),
      outcome({ status: 'FAILED', failureCause: 'NO_PROGRESS' }),
      outcome({ status: 'ROLLED_BACK', failureCause: 'ASKED_FOR' }),
      outcome({ status: 'CANCELLED', durationMs: null }),
    ]);
    expect(finishedOf(all)).toBe(4);
    expect(successRateOf(all)).toBeCloseTo(33.333, 3);
  });

  it('of nothing is 0 and has no durations', () => {
    const { all, byStrategy } = talliesOf([]);
    expect(successRateOf(all)).toBe(0);
    expect(all).toMatchObject({ averageDurationMs: null, percentilesMs: null });
    expect(byStrategy).toEqual([]);
  });

  it('takes percentiles by nearest rank', () => {
    const { all } = talliesOf(
      Array.from({ length: 20 }, (_, at) => outcome({ durationMs: 20 - at })),
    );
    expect(all.percentilesMs).toEqual({ p50: 10, p90: 18, p95: 19, p99: 20 });
    expect(all.averageDurationMs).toBe(10.5);
    const { all: one } = talliesOf([outcome({ durationMs: 7 })]);
    expect(one.percentilesMs).toEqual({ p50: 7, p90: 7, p95: 7, p99: 7 });
  });

  it('knows the median of how long batches took, and how many say so', () => {
    const known = [40, null, 10, 20, 30].map((batchWorkMs) => outcome({ batchWorkMs }));
    expect(talliesOf(known).all.batchWork).toEqual({ medianMs: 20, executions: 4 });
    expect(talliesOf([outcome({})]).all.batchWork).toBeNull();
  });

  it('is made of each strategy, version, kind and cause', () => {
    const tallies = talliesOf([
      outcome({}),
      outcome({ strategy: 'CANARY', toVersion: '2.1.0', durationMs: 3_000 }),
      outcome({ kind: 'REVERT', status: 'FAILED', failureCause: 'NO_PROGRESS' }),
    ]);
    const counts = <Key>(of: readonly { key: Key; tally: Parameters<typeof finishedOf>[0] }[]) =>
      of.map(({ key, tally }) => [key, finishedOf(tally)]);
    expect(counts(tallies.byStrategy)).toEqual([
      ['ROLLING', 2],
      ['CANARY', 1],
    ]);
    expect(counts(tallies.byVersion)).toEqual([
      ['2.0.0', 2],
      ['2.1.0', 1],
    ]);
    expect(counts(tallies.byKind)).toEqual([
      ['UPGRADE', 2],
      ['REVERT', 1],
    ]);
    expect(counts(tallies.byFailure)).toEqual([['NO_PROGRESS', 1]]);
  });
});
