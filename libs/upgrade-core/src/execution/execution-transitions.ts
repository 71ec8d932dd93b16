/**
 * THE TABLE (spec §3). A row answers an input in a status; the first row that fits is taken. Then
 * the guards are judged from the top, the first that matches fires, until none does.
 *
 * Read a row as: name, in these statuses, on this input, when (null: always), leads to, does
 * (null: absorbed, nothing changes), why. `docs/STATE_MACHINE.md` is made from this.
 */
import * as batches from './batches.js';
import * as before from './beginnings.js';
import * as canary from './canaries.js';
import * as is from './row-conditions.js';
import * as now from './guard-conditions.js';
import { armDeadline, postponeDeadline } from './deadlines.js';
import * as ends from './ends.js';
import {
  EXECUTION_STATUSES,
  isTerminal,
  TERMINAL_STATUSES,
  type ExecutionStatus,
} from './execution.js';
import { REPORT_TYPES, type ReportType } from './execution-inputs.js';
import * as pauses from './pauses.js';
import * as checks from './post-checks.js';
import * as sets from './sets.js';
import { guard, row, type Destination, type Guard, type Row } from './transition.js';
import * as back from './way-back.js';

const MOVING = ['IN_PROGRESS', 'CANARY_RUNNING'] as const;
const STEPPING = [...MOVING, 'CANARY_MONITORING', 'PAUSED'] as const;
const FORWARD = ['PENDING', 'VALIDATING', ...STEPPING] as const;
const TIMED = ['VALIDATING', ...MOVING, 'CANARY_MONITORING', 'ROLLING_BACK'] as const;
const FOR_A_PERSON = ['PENDING', 'CANARY_MONITORING', 'PAUSED'] as const;

const SAME: readonly Destination[] = ['SAME'];
/** Back at once if auto-rollback, else `stopping → FAILED` in the status it has. */
const GIVEN_UP: readonly Destination[] = ['ROLLING_BACK', 'SAME'];

// Aligned by hand: a row is two lines, so that the whole can be read as a table.
// prettier-ignore
const ACTION_ROWS: readonly Row[] = [
  row('start', ['PENDING'], 'START', null, ['VALIDATING'], before.start,
    'Instances are listed and checks run before anything is touched.'),
  row('pause', MOVING, 'PAUSE', null, ['PAUSED'], pauses.pauseAsAsked,
    'Nothing new starts; instances under way run to COMPLETED or FAILED.'),
  row('resume', ['PAUSED'], 'RESUME', is.pausedByOperator, MOVING, pauses.resume,
    'Where it was paused it goes on, by what has settled meanwhile.'),
  row('approve-own-stage', ['PAUSED'], 'APPROVE', is.approvedByNoOther, SAME, 'FORBIDDEN',
    'A stage is approved by a named person who is not the one who initiated the upgrade.'),
  row('approve', ['PAUSED'], 'APPROVE', is.awaitsApproval, ['IN_PROGRESS'], pauses.approve,
    'The next stage starts without delay, once it fits.'),
  row('promote-canary', ['CANARY_MONITORING'], 'PROMOTE_CANARY', is.promotable, ['IN_PROGRESS'], canary.promoteAsAsked,
    'A person answers for it; UNHEALTHY canaries are promoted by force alone, with a reason.'),
  row('cancel', FORWARD, 'CANCEL', is.notCancelledYet, SAME, ends.stopToCancelled,
    'Nothing new starts, what is under way ends, then CANCELLED; it outranks a stop to FAILED.'),
  row('cancel-rollback', ['ROLLING_BACK'], 'CANCEL', is.byForce, SAME, back.stopRollback,
    'Only by force: it leaves mixed versions behind. A new fence stops the agent.'),
  row('rollback', STEPPING, 'ROLLBACK', null, ['ROLLING_BACK', 'ROLLED_BACK'], back.rollBackAsAsked,
    'At once, whatever is under way or stopping: a new fence supersedes it.'),
  row('revert', ['COMPLETED', 'FAILED', 'CANCELLED'], 'REVERT', null, SAME, null,
    'A new execution takes back what moved; this one stays as it has ended.'),
];

// prettier-ignore
const VALIDATING_ROWS: readonly Row[] = [
  row('page-listed-twice', ['VALIDATING'], 'INSTANCES_LISTED', is.pageKnown, SAME, null,
    'This page of instances has been taken in already.'),
  row('nothing-to-take', ['VALIDATING'], 'INSTANCES_LISTED', is.nothingToTake, ['FAILED'], before.failWithNothingToTake,
    'An upgrade that would move nothing is a mistake, and no success.'),
  row('page-listed', ['VALIDATING'], 'INSTANCES_LISTED', null, SAME, before.takeInPage,
    'Instances become rows page by page, ordered by id.'),
  row('listing-failed', ['VALIDATING'], 'LISTING_FAILED', null, ['FAILED'], before.failListing,
    'What cannot be listed cannot be upgraded.'),
  row('pre-checks-of-older-hand-over', ['VALIDATING'], 'PRE_CHECKS_ENDED', is.older, SAME, null,
    'An answer to a question that has been superseded.'),
  row('pre-checks-failed', ['VALIDATING'], 'PRE_CHECKS_ENDED', is.checksFailed, ['FAILED'], before.failPreChecks,
    'A failed check stops the upgrade before anything is touched; no checks are no pass.'),
  row('pre-checks-passed', ['VALIDATING'], 'PRE_CHECKS_ENDED', null, SAME, before.passPreChecks,
    'PASSED, WARNING and SKIPPED let the upgrade go on once the listing is complete.'),
];

// prettier-ignore
const MOVING_ROWS: readonly Row[] = [
  row('steps-of-older-hand-over', STEPPING, 'STEPS_SETTLED', is.older, SAME, null,
    'Reported under a fence that has been superseded.'),
  row('steps-settled', STEPPING, 'STEPS_SETTLED', null, SAME, batches.settleSteps,
    'An instance that is done goes on, one that failed is FAILED.'),
  row('room-counted', STEPPING, 'ROOM_COUNTED', null, SAME, batches.takeInRoom,
    'How many instances are down for other causes decides what may start.'),
  row('fleet-of-older-hand-over', STEPPING, 'FLEET_COMPARED', is.older, SAME, null,
    'Compared under a fence that has been superseded.'),
  row('fleet-compared', STEPPING, 'FLEET_COMPARED', null, SAME, batches.takeInComparison,
    'What vanished before its turn is FAILED; what appeared is told and not taken.'),
  row('batch-delay-over', STEPPING, 'BATCH_DELAY_OVER', null, SAME, batches.endDelay,
    'The guards look at the time; the timer only wakes them.'),
  row('checks-not-asked', ['VALIDATING', ...MOVING], 'CHECKS_PROGRESSED', is.checksNotAsked, SAME, null,
    'A sign of life of checks that nobody waits for any more.'),
  row('checks-under-way', ['VALIDATING', ...MOVING], 'CHECKS_PROGRESSED', null, SAME, before.noteProgress,
    'Long checks are not silent ones: a sign of life counts as progress.'),
  row('post-checks-not-asked', STEPPING, 'POST_CHECKS_ENDED', is.postChecksNotAsked, SAME, null,
    'An answer to a question that has been superseded, or a second one.'),
  row('post-checks-answered', STEPPING, 'POST_CHECKS_ENDED', null, SAME, checks.takeInPostChecks,
    'What they found is judged with the guards, so that a pause can keep it.'),
];

// prettier-ignore
const SET_ROWS: readonly Row[] = [
  row('other-set-operation', STEPPING, 'SET_OPERATION_ENDED', is.notThisOperation, SAME, null,
    'Not the operation that is under way: repeated, or superseded.'),
  row('set-operation-ended', STEPPING, 'SET_OPERATION_ENDED', null, SAME, sets.endOperation,
    'A set is there, has the traffic, or is gone; or it failed, and a guard judges that.'),
  row('set-page-known', STEPPING, 'SET_LISTED', is.setPageKnown, SAME, null,
    'These rows know their instances already.'),
  row('set-page-listed', STEPPING, 'SET_LISTED', null, SAME, sets.nameInstances,
    'The rows of a new set are there from the start; it tells them their ids.'),
];

// prettier-ignore
const CANARY_ROWS: readonly Row[] = [
  row('watch-of-older-hand-over', ['CANARY_MONITORING'], 'CANARY_WATCHED', is.older, SAME, null,
    'An answer to a question that has been superseded.'),
  row('canary-unhealthy', ['CANARY_MONITORING'], 'CANARY_WATCHED', is.unhealthyForAutoRollback, ['ROLLING_BACK'], canary.rollBackUnhealthy,
    'The canaries fail, and auto-rollback was asked for.'),
  row('canary-promotes-itself', ['CANARY_MONITORING'], 'CANARY_WATCHED', is.promotesItself, ['IN_PROGRESS'], canary.promoteByItself,
    'Automation promotes only when the duration is over and the last verdict is HEALTHY.'),
  row('canary-watched', ['CANARY_MONITORING'], 'CANARY_WATCHED', null, SAME, canary.takeInWatch,
    'Recorded; UNHEALTHY is latched, and no data is no verdict.'),
];

// prettier-ignore
const WAITING_ROWS: readonly Row[] = [
  row('reminder-of-nothing', FOR_A_PERSON, 'REMINDER_DUE', is.waitsForNobody, SAME, null,
    'Nobody is waited for any more.'),
  row('reminder', FOR_A_PERSON, 'REMINDER_DUE', null, SAME, pauses.remind,
    'What waits for a person never expires, but says so each hour.'),
];

// prettier-ignore
const ROLLBACK_ROWS: readonly Row[] = [
  row('rollback-of-older-hand-over', ['ROLLING_BACK'], 'ROLLBACK_PROGRESSED', is.older, SAME, null,
    'Reported under a fence that has been superseded.'),
  row('rollback-stopped', ['ROLLING_BACK'], 'ROLLBACK_PROGRESSED', is.agentStopped, ['CANCELLED'], back.cancelStoppedRollback,
    'The agent has let go: what it had not restored stays as it is, and is listed.'),
  row('rolled-back', ['ROLLING_BACK'], 'ROLLBACK_PROGRESSED', is.allBack, ['ROLLED_BACK'], back.finishRollback,
    'Every touched instance is back on the version it had.'),
  row('rollback-left-over', ['ROLLING_BACK'], 'ROLLBACK_PROGRESSED', is.agentDone, ['FAILED'], back.failRollback,
    'Nothing is under way any more and not all are back: what is left over is named.'),
  row('rollback-progressed', ['ROLLING_BACK'], 'ROLLBACK_PROGRESSED', null, SAME, back.takeInRollback,
    'Restored instances are ROLLED_BACK; a report without any is a sign of life.'),
];

// prettier-ignore
const DEADLINE_ROWS: readonly Row[] = [
  row('deadline-not-reached', TIMED, 'DEADLINE_PASSED', is.deadlineNotReached, SAME, (execution) => [armDeadline(execution)],
    'There was progress since the timer was armed: it is armed again, for later.'),
  row('validation-silent', ['VALIDATING'], 'DEADLINE_PASSED', null, ['FAILED'], before.failValidation,
    'Silence is never a pass.'),
  row('canary-monitor-silent', ['CANARY_MONITORING'], 'DEADLINE_PASSED', null, SAME, canary.askWatchAgain,
    'Three intervals of silence are INCONCLUSIVE; the watch is asked for again.'),
  row('deadline-while-stopping', MOVING, 'DEADLINE_PASSED', is.isStopping, SAME, postponeDeadline,
    'It is stopping already; what is under way has deadlines of its own.'),
  row('no-progress', MOVING, 'DEADLINE_PASSED', null, [...GIVEN_UP, 'ROLLED_BACK'], back.giveUpSilent,
    'Nothing moved for longer than drain, bring and health together may take.'),
  row('stopped-agent-silent', ['ROLLING_BACK'], 'DEADLINE_PASSED', is.isStopping, ['CANCELLED'], back.cancelSilentRollback,
    'The fence keeps a silent agent from doing more, so nobody needs to wait for it.'),
  row('rollback-silent-once', ['ROLLING_BACK'], 'DEADLINE_PASSED', is.notAskedAgain, SAME, back.askRollbackAgain,
    'A message may have gone to an agent that was down: the same work is asked for once more.'),
  row('rollback-silent', ['ROLLING_BACK'], 'DEADLINE_PASSED', null, ['FAILED'], back.giveUpRollback,
    'A new fence keeps the silent agent out; what it did not restore is left over.'),
];

const AFTER_VALIDATING = [...STEPPING, 'ROLLING_BACK'] as const;

/** Where a report may arrive although nobody waits for it any more. */
const LATE: Readonly<Record<ReportType, readonly ExecutionStatus[]>> = {
  INSTANCES_LISTED: AFTER_VALIDATING,
  LISTING_FAILED: AFTER_VALIDATING,
  PRE_CHECKS_ENDED: AFTER_VALIDATING,
  CHECKS_PROGRESSED: ['CANARY_MONITORING', 'PAUSED', 'ROLLING_BACK'],
  STEPS_SETTLED: ['ROLLING_BACK'],
  ROOM_COUNTED: ['ROLLING_BACK'],
  BATCH_DELAY_OVER: ['ROLLING_BACK'],
  DEADLINE_PASSED: ['PAUSED'],
  POST_CHECKS_ENDED: ['ROLLING_BACK'],
  FLEET_COMPARED: ['ROLLING_BACK'],
  SET_OPERATION_ENDED: ['ROLLING_BACK'],
  SET_LISTED: ['ROLLING_BACK'],
  CANARY_WATCHED: ['IN_PROGRESS', 'PAUSED', 'ROLLING_BACK'],
  REMINDER_DUE: ['VALIDATING', ...MOVING, 'ROLLING_BACK'],
  ROLLBACK_PROGRESSED: [],
};

const ABSORBING_ROWS: readonly Row[] = REPORT_TYPES.flatMap((on) => {
  const name = on.toLowerCase().replaceAll('_', '-');
  const whyLate = 'It answers something the execution has left behind.';
  const late = row(`late-${name}`, LATE[on], on, null, SAME, null, whyLate);
  const whyEnded = 'Terminal statuses never change.';
  const ended = row(`ended-${name}`, TERMINAL_STATUSES, on, null, SAME, null, whyEnded);
  return LATE[on].length > 0 ? [late, ended] : [ended];
});

export const ROWS: readonly Row[] = [
  ...ACTION_ROWS,
  ...VALIDATING_ROWS,
  ...MOVING_ROWS,
  ...SET_ROWS,
  ...CANARY_ROWS,
  ...ROLLBACK_ROWS,
  ...DEADLINE_ROWS,
  ...WAITING_ROWS,
  ...ABSORBING_ROWS,
];

/** A rollback is stopped by its agent's answer: what is under way there is not ours to count. */
const STOPPABLE = EXECUTION_STATUSES.filter((it) => !isTerminal(it) && it !== 'ROLLING_BACK');

/** Judged in every status, and alone while the execution is stopping. */
// prettier-ignore
export const GUARDS_WHILE_STOPPING: readonly Guard[] = [
  guard('new-set-retired-first', STEPPING, now.newSetToRetire, SAME, sets.retireNew,
    'Stopping before the switch: the new set goes first, and that is under way.'),
  guard('traffic-evened-first', STEPPING, now.stopsWeighed, SAME, sets.unweigh,
    'Stopping with canaries: nobody would ever take their share of the traffic back.'),
  guard('stopped', STOPPABLE, now.stopped, ['CANCELLED', 'FAILED'], ends.endStopped,
    'Stopping, and nothing is under way any more.'),
];

// prettier-ignore
export const GUARDS: readonly Guard[] = [
  ...GUARDS_WHILE_STOPPING,
  guard('validated', ['VALIDATING'], now.validated, MOVING, before.begin,
    'Checks passed and the listing of instances is complete.'),
  guard('threshold-reached', MOVING, now.thresholdReached, GIVEN_UP,
    (execution, nowMs) => back.giveUp(execution, batches.whyThreshold(execution), nowMs),
    'As many instances are FAILED now as the failure threshold allows.'),
  guard('set-operation-failed', MOVING, now.setFailed, [...GIVEN_UP, 'ROLLED_BACK'], sets.giveUpFailed,
    'A set could not be created, switched to, weighed or retired: as a threshold that is reached.'),
  guard('stale-set', MOVING, now.hasStaleSet, SAME, sets.retireStale,
    'A set that an earlier upgrade has kept goes before anything is touched.'),
  guard('new-set', MOVING, now.lacksNewSet, SAME, sets.createSet,
    'BLUE_GREEN: the new set is made beside the one that serves.'),
  guard('traffic-evened', MOVING, now.isToBeUnweighed, SAME, sets.unweigh,
    'Promoted: before the rest follows, traffic goes by the number of instances again.'),
  guard('room-unknown', MOVING, now.roomUnknown, SAME, batches.wantRoom,
    'Whether one more fits is not judged by a count of the room that is too old.'),
  guard('retry-round', MOVING, now.retryDue, SAME, batches.retry,
    'Each failed instance gets a second attempt before the upgrade is given up.'),
  guard('failed-again', MOVING, now.triedTwice, GIVEN_UP,
    (execution, nowMs) => back.giveUp(execution, batches.whyTriedTwice(execution), nowMs),
    'Instances that failed twice will not be helped by a third attempt.'),
  guard('no-room', MOVING, now.noRoom, SAME, batches.waitForRoom,
    'Instances fell by themselves and fill the room; taking one more would break the promise.'),
  guard('canaries-weighed', ['CANARY_RUNNING'], now.isToBeWeighed, SAME, sets.weighCanaries,
    'Traffic goes with the share that was asked for, where the target can weigh.'),
  guard('canaries-completed', ['CANARY_RUNNING'], now.canariesCompleted, ['CANARY_MONITORING'], canary.monitor,
    'All canaries are on the new version: now they are watched.'),
  guard('stage-settled', ['IN_PROGRESS'], now.isForApproval, ['PAUSED'], pauses.pauseForApproval,
    'STAGED: another stage follows, and a person decides whether.'),
  guard('batch-settled', MOVING, now.delayDue, SAME, batches.delayNextBatch,
    'The next batch waits for the batch delay.'),
  guard('next-batch', MOVING, now.batchFits, SAME, batches.beginBatch,
    'The batch before has settled and there is room.'),
  guard('traffic-switched', ['IN_PROGRESS'], now.isToBeSwitched, SAME, sets.switchTraffic,
    'BLUE_GREEN: the whole new set is healthy; all traffic goes to it in one act.'),
  guard('all-completed', MOVING, now.allCompleted, SAME, checks.askPostChecks,
    'Every taken instance is COMPLETED: the checks after decide.'),
  guard('post-checks-failed', MOVING, now.postChecksFailed, GIVEN_UP, checks.failPostChecks,
    'The new version runs but is not what was wanted.'),
  guard('post-checks-passed', MOVING, now.postChecksPassed, ['COMPLETED'], checks.complete,
    'Every instance is on the target version and the checks agree.'),
];
