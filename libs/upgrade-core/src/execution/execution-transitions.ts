/**
 * THE TABLE (spec §3). Rows answer an input in a status; guards are judged after every input, from
 * the top, the first that matches fires, until none does.
 *
 * A row says when it applies (`from`, `on`, `when`), where it may lead (`to`), what it does
 * (`plan`), and why. The first row that fits is taken. `docs/STATE_MACHINE.md` is made from this.
 */
import {
  EXECUTION_STATUSES,
  TERMINAL_STATUSES,
  underWay,
  type Execution,
  type ExecutionStatus,
  type Guarded,
} from './execution.js';
import type { Action, ActionType, Input, Report, ReportType } from './execution-inputs.js';
import { REPORT_TYPES } from './execution-inputs.js';
import type { Effect } from './effects.js';
import * as plan from './plans.js';

export type InputOf<Type extends Input['type']> = Type extends ActionType
  ? Action & { readonly type: Type }
  : Extract<Report, { type: Type }>;

type ExecutionIn<Status extends ExecutionStatus> = Extract<Execution, { status: Status }>;

/** Answers one kind of input in some statuses. */
export interface Row<
  Status extends ExecutionStatus = ExecutionStatus,
  Type extends Input['type'] = Input['type'],
> {
  readonly name: string;
  readonly from: readonly Status[];
  readonly on: Type;
  readonly when?: (execution: ExecutionIn<Status>, input: InputOf<Type>, nowMs: number) => boolean;
  /** Statuses this row itself can lead to; SAME when it stays. Guards may lead on from there. */
  readonly to: readonly (ExecutionStatus | 'SAME')[];
  /** Null: absorbed. Counted and acknowledged, nothing changes. */
  readonly plan:
    | ((execution: ExecutionIn<Status>, input: InputOf<Type>, nowMs: number) => readonly Effect[])
    | null;
  readonly why: string;
}

/** Judged after every input, in this order. */
export interface Guard<Status extends ExecutionStatus = ExecutionStatus> {
  readonly name: string;
  readonly from: readonly Status[];
  /** Judged even while `stopping` is set; the others are not. */
  readonly evenStopping?: true;
  readonly when: (execution: ExecutionIn<Status>, nowMs: number) => boolean;
  readonly to: readonly (ExecutionStatus | 'SAME')[];
  readonly plan: (execution: ExecutionIn<Status>, nowMs: number) => readonly Effect[];
  readonly why: string;
}

function row<Status extends ExecutionStatus, Type extends Input['type']>(
  it: Row<Status, Type>,
): Row {
  return it as unknown as Row;
}

function guard<Status extends ExecutionStatus>(it: Guard<Status>): Guard {
  return it as unknown as Guard;
}

const ACTIVE = EXECUTION_STATUSES.filter(
  (status) => !(TERMINAL_STATUSES as readonly string[]).includes(status),
);
const MOVING = ['IN_PROGRESS', 'CANARY_RUNNING'] as const;
const STEPPING = [...MOVING, 'CANARY_MONITORING', 'PAUSED'] as const;

const ofOlderHandOver = (execution: Execution, report: { readonly handOver: number }): boolean =>
  report.handOver !== execution.handOver;

/* ------------------------------------------------------------------ what a person asks */

const ACTION_ROWS: readonly Row[] = [
  row({
    name: 'start',
    from: ['PENDING'],
    on: 'START',
    to: ['VALIDATING'],
    plan: plan.start,
    why: 'Instances are listed and checks run before anything is touched.',
  }),
  row({
    name: 'cancel-pending',
    from: ['PENDING'],
    on: 'CANCEL',
    to: ['CANCELLED'],
    plan: (_, action) => plan.endAs('CANCELLED', plan.cancelled(action), action.by),
    why: 'Nothing has begun, so nothing is to be waited for.',
  }),
  row({
    name: 'cancel',
    from: ['VALIDATING', 'IN_PROGRESS', 'CANARY_RUNNING', 'CANARY_MONITORING', 'PAUSED'],
    on: 'CANCEL',
    when: (execution) => execution.stopping === null || execution.stopping.to === 'FAILED',
    to: ['SAME'],
    plan: plan.stopToCancelled,
    why: 'Nothing new starts, what is under way ends, then CANCELLED; it outranks a stop to FAILED.',
  }),
  row({
    name: 'cancel-rollback',
    from: ['ROLLING_BACK'],
    on: 'CANCEL',
    when: (execution, action) => action.force && execution.stopping === null,
    to: ['SAME'],
    plan: plan.stopRollback,
    why: 'Only by force: it leaves mixed versions behind. A new fence stops the agent.',
  }),
  row({
    name: 'rollback',
    from: ['IN_PROGRESS', 'CANARY_RUNNING', 'CANARY_MONITORING', 'PAUSED'],
    on: 'ROLLBACK',
    to: ['ROLLING_BACK', 'ROLLED_BACK'],
    plan: (execution, action, nowMs) =>
      plan.rollBack(execution, action.reason ?? 'asked for', action.by, nowMs),
    why: 'At once, whatever is under way or stopping: a new fence supersedes it.',
  }),
];

/* ------------------------------------------------------------------ what the world says */

const REPORT_ROWS: readonly Row[] = [
  row({
    name: 'page-listed-twice',
    from: ['VALIDATING'],
    on: 'INSTANCES_LISTED',
    when: (execution, page) =>
      execution.listing.complete || page.cursor !== execution.listing.cursor,
    to: ['SAME'],
    plan: null,
    why: 'This page of instances has been taken in already.',
  }),
  row({
    name: 'page-listed',
    from: ['VALIDATING'],
    on: 'INSTANCES_LISTED',
    to: ['SAME', 'FAILED'],
    plan: plan.takeInPage,
    why: 'Instances become rows page by page, ordered by id.',
  }),
  row({
    name: 'listing-failed',
    from: ['VALIDATING'],
    on: 'LISTING_FAILED',
    to: ['FAILED'],
    plan: (_, report) => plan.endAs('FAILED', `instances could not be listed: ${report.reason}`),
    why: 'What cannot be listed cannot be upgraded.',
  }),
  row({
    name: 'pre-checks-of-older-hand-over',
    from: ['VALIDATING'],
    on: 'PRE_CHECKS_ENDED',
    when: ofOlderHandOver,
    to: ['SAME'],
    plan: null,
    why: 'An answer to a question that has been superseded.',
  }),
  row({
    name: 'pre-checks-failed',
    from: ['VALIDATING'],
    on: 'PRE_CHECKS_ENDED',
    when: (_, report) => !plan.passed(report.checks),
    to: ['FAILED'],
    plan: (_, report) => plan.failPreChecks(report.checks),
    why: 'A failed check stops the upgrade before anything is touched; no checks are no pass.',
  }),
  row({
    name: 'pre-checks-passed',
    from: ['VALIDATING'],
    on: 'PRE_CHECKS_ENDED',
    to: ['SAME'],
    plan: plan.passPreChecks,
    why: 'PASSED, WARNING and SKIPPED let the upgrade go on once the listing is complete.',
  }),
  row({
    name: 'deadline-not-reached',
    from: ['VALIDATING', 'IN_PROGRESS', 'CANARY_RUNNING', 'ROLLING_BACK'],
    on: 'DEADLINE_PASSED',
    when: (execution, _, nowMs) => nowMs < plan.deadlineOf(execution),
    to: ['SAME'],
    plan: (execution) => [plan.armDeadline(execution)],
    why: 'There was progress since the timer was armed: it is armed again, for later.',
  }),
  row({
    name: 'validation-silent',
    from: ['VALIDATING'],
    on: 'DEADLINE_PASSED',
    to: ['FAILED'],
    plan: () => plan.endAs('FAILED', 'checks or listing were silent past their deadline'),
    why: 'Silence is never a pass.',
  }),
  row({
    name: 'deadline-while-stopping',
    from: MOVING,
    on: 'DEADLINE_PASSED',
    when: (execution) => execution.stopping !== null,
    to: ['SAME'],
    plan: (execution, _, nowMs) => [plan.armDeadline({ ...execution, lastProgressAtMs: nowMs })],
    why: 'It is stopping already; what is under way has deadlines of its own.',
  }),
  row({
    name: 'no-progress',
    from: MOVING,
    on: 'DEADLINE_PASSED',
    to: ['ROLLING_BACK', 'ROLLED_BACK', 'SAME'],
    plan: (execution, _, nowMs) => plan.giveUp(execution, 'no progress before the deadline', nowMs),
    why: 'Nothing moved for longer than drain, bring and health together may take.',
  }),
  row({
    name: 'steps-of-older-hand-over',
    from: STEPPING,
    on: 'STEPS_SETTLED',
    when: ofOlderHandOver,
    to: ['SAME'],
    plan: null,
    why: 'Reported under a fence that has been superseded.',
  }),
  row({
    name: 'steps-settled',
    from: STEPPING,
    on: 'STEPS_SETTLED',
    to: ['SAME'],
    plan: plan.settleSteps,
    why: 'An instance that is done goes on, one that failed is FAILED (spec §4).',
  }),
  row({
    name: 'room-counted',
    from: STEPPING,
    on: 'ROOM_COUNTED',
    to: ['SAME'],
    plan: plan.takeInRoom,
    why: 'How many instances are down for other causes decides what may start.',
  }),
  row({
    name: 'batch-delay-over',
    from: STEPPING,
    on: 'BATCH_DELAY_OVER',
    to: ['SAME'],
    plan: () => [],
    why: 'The guards look at the time; the timer only wakes them.',
  }),
  row({
    name: 'post-checks-not-asked',
    from: MOVING,
    on: 'POST_CHECKS_ENDED',
    when: (execution, report) =>
      ofOlderHandOver(execution, report) || execution.postChecksAskedAtMs === null,
    to: ['SAME'],
    plan: null,
    why: 'An answer to a question that has been superseded.',
  }),
  row({
    name: 'post-checks-failed',
    from: MOVING,
    on: 'POST_CHECKS_ENDED',
    when: (_, report) => !plan.passed(report.checks),
    to: ['ROLLING_BACK', 'ROLLED_BACK', 'SAME'],
    plan: plan.failPostChecks,
    why: 'The new version runs but is not what was wanted.',
  }),
  row({
    name: 'post-checks-passed',
    from: MOVING,
    on: 'POST_CHECKS_ENDED',
    to: ['COMPLETED'],
    plan: plan.complete,
    why: 'Every instance is on the target version and the checks agree.',
  }),
  row({
    name: 'rollback-of-older-hand-over',
    from: ['ROLLING_BACK'],
    on: 'ROLLBACK_PROGRESSED',
    when: ofOlderHandOver,
    to: ['SAME'],
    plan: null,
    why: 'Reported under a fence that has been superseded.',
  }),
  row({
    name: 'rollback-progressed',
    from: ['ROLLING_BACK'],
    on: 'ROLLBACK_PROGRESSED',
    to: ['SAME'],
    plan: plan.takeInRollback,
    why: 'Restored instances are ROLLED_BACK; what is left over is named.',
  }),
  row({
    name: 'stopped-agent-silent',
    from: ['ROLLING_BACK'],
    on: 'DEADLINE_PASSED',
    when: (execution) => execution.stopping !== null,
    to: ['CANCELLED'],
    plan: (execution) => plan.endRollback(execution, 'CANCELLED', 'the agent did not answer'),
    why: 'The fence keeps a silent agent from doing more, so nobody needs to wait for it.',
  }),
  row({
    name: 'rollback-silent-once',
    from: ['ROLLING_BACK'],
    on: 'DEADLINE_PASSED',
    when: (execution) => !execution.rollback.askedAgain,
    to: ['SAME'],
    plan: plan.askRollbackAgain,
    why: 'A message may have gone to an agent that was down: the same work is asked for once more.',
  }),
  row({
    name: 'rollback-silent',
    from: ['ROLLING_BACK'],
    on: 'DEADLINE_PASSED',
    to: ['FAILED'],
    plan: plan.giveUpRollback,
    why: 'A new fence keeps the silent agent out; what it did not restore is left over.',
  }),
];

/* ------------------------------------------------------------------ late or early, never wrong */

/** Where a report may arrive although nobody waits for it any more, or not yet. */
const LATE: Readonly<Record<ReportType, readonly ExecutionStatus[]>> = {
  INSTANCES_LISTED: [
    'IN_PROGRESS',
    'CANARY_RUNNING',
    'CANARY_MONITORING',
    'PAUSED',
    'ROLLING_BACK',
  ],
  LISTING_FAILED: ['IN_PROGRESS', 'CANARY_RUNNING', 'CANARY_MONITORING', 'PAUSED', 'ROLLING_BACK'],
  PRE_CHECKS_ENDED: [
    'IN_PROGRESS',
    'CANARY_RUNNING',
    'CANARY_MONITORING',
    'PAUSED',
    'ROLLING_BACK',
  ],
  STEPS_SETTLED: ['ROLLING_BACK'],
  ROOM_COUNTED: ['VALIDATING', 'ROLLING_BACK'],
  BATCH_DELAY_OVER: ['ROLLING_BACK'],
  DEADLINE_PASSED: ['CANARY_MONITORING', 'PAUSED'],
  POST_CHECKS_ENDED: ['CANARY_MONITORING', 'PAUSED', 'ROLLING_BACK'],
  ROLLBACK_PROGRESSED: [],
};

const ABSORBING_ROWS: readonly Row[] = REPORT_TYPES.flatMap((on) => [
  row({
    name: `late-${on.toLowerCase().replaceAll('_', '-')}`,
    from: LATE[on],
    on,
    to: ['SAME'],
    plan: null,
    why: 'It answers something the execution has left behind.',
  }),
  row({
    name: `ended-${on.toLowerCase().replaceAll('_', '-')}`,
    from: TERMINAL_STATUSES,
    on,
    to: ['SAME'],
    plan: null,
    why: 'Terminal statuses never change.',
  }),
]);

export const ROWS: readonly Row[] = [...ACTION_ROWS, ...REPORT_ROWS, ...ABSORBING_ROWS];

/* ------------------------------------------------------------------ what follows by itself */

const settled = (execution: Guarded): boolean => underWay(execution.counters) === 0;

export const GUARDS: readonly Guard[] = [
  guard({
    name: 'stopped',
    // A rollback is stopped by its agent's answer: what is under way there is not ours to count.
    from: ACTIVE.filter((status) => status !== 'ROLLING_BACK' && status !== 'PENDING'),
    evenStopping: true,
    when: (execution) => execution.stopping !== null && underWay(execution.counters) === 0,
    to: ['CANCELLED', 'FAILED'],
    plan: plan.endStopped,
    why: 'Stopping, and nothing is under way any more.',
  }),
  guard({
    name: 'validated',
    from: ['VALIDATING'],
    when: (execution) => execution.checksPassed && execution.listing.complete,
    to: ['IN_PROGRESS'],
    plan: plan.begin,
    why: 'Checks passed and the listing of instances is complete.',
  }),
  guard({
    name: 'threshold-reached',
    from: MOVING,
    when: (execution) => execution.counters.FAILED >= execution.plan.failureThreshold,
    to: ['ROLLING_BACK', 'ROLLED_BACK', 'SAME'],
    plan: (execution, nowMs) =>
      plan.giveUp(
        execution,
        `${String(execution.counters.FAILED)} failed instances reach the threshold of ` +
          String(execution.plan.failureThreshold),
        nowMs,
      ),
    why: 'As many instances are FAILED now as the failure threshold allows.',
  }),
  guard({
    name: 'room-unknown',
    from: MOVING,
    when: (execution, nowMs) =>
      settled(execution) &&
      plan.mayBegin(execution, nowMs) &&
      !execution.roomWanted &&
      !plan.roomIsKnown(execution, nowMs),
    to: ['SAME'],
    plan: plan.wantRoom,
    why: 'Nothing may be taken down on a count of the room that is too old.',
  }),
  guard({
    name: 'retry-round',
    from: MOVING,
    when: (execution, nowMs) => plan.phaseAtEnd(execution, nowMs) && execution.failedOnce > 0,
    to: ['SAME'],
    plan: plan.retry,
    why: 'Each failed instance gets a second attempt before the upgrade is given up.',
  }),
  guard({
    name: 'retried-still-failed',
    from: MOVING,
    when: (execution, nowMs) => plan.phaseAtEnd(execution, nowMs) && execution.counters.FAILED > 0,
    to: ['ROLLING_BACK', 'ROLLED_BACK', 'SAME'],
    plan: (execution, nowMs) =>
      plan.giveUp(
        execution,
        `${String(execution.counters.FAILED)} instances failed again when retried`,
        nowMs,
      ),
    why: 'Instances that failed twice will not be helped by a third attempt.',
  }),
  guard({
    name: 'no-room',
    from: MOVING,
    when: (execution, nowMs) =>
      plan.phaseAtEnd(execution, nowMs) &&
      execution.counters.PENDING > 0 &&
      execution.waitingFor === null,
    to: ['SAME'],
    plan: plan.waitForRoom,
    why: 'Instances fell by themselves and fill the room; taking one more would break the promise.',
  }),
  guard({
    name: 'batch-settled',
    from: MOVING,
    when: (execution) =>
      settled(execution) &&
      execution.counters.PENDING > 0 &&
      execution.batch !== null &&
      execution.nextBatchAtMs === null &&
      execution.plan.batchDelaySeconds > 0,
    to: ['SAME'],
    plan: plan.delayNextBatch,
    why: 'The next batch waits for the batch delay.',
  }),
  guard({
    name: 'next-batch',
    from: MOVING,
    when: (execution, nowMs) => settled(execution) && plan.batchFits(execution, nowMs),
    to: ['SAME'],
    plan: plan.beginBatch,
    why: 'The batch before has settled and there is room.',
  }),
  guard({
    name: 'all-completed',
    from: MOVING,
    when: (execution) =>
      execution.total > 0 &&
      execution.counters.COMPLETED === execution.total &&
      execution.postChecksAskedAtMs === null,
    to: ['SAME'],
    plan: plan.askPostChecks,
    why: 'Every taken instance is COMPLETED: the checks after decide.',
  }),
];
