/** The conditions that guards name. Pure, cheap, and without a word about what follows. */
import { pendingInPhase } from '../strategies/phase.js';
import { NOTHING, sizeOf, type BatchChoice, type Planner } from '../strategies/planner.js';
import { freshReading } from '../strategies/room.js';
import { PLANNERS } from '../strategies/strategies.js';
import {
  touched,
  underWay,
  type Execution,
  type Guarded,
  type Stepping,
  type Validating,
} from './execution.js';
import { passed } from './row-conditions.js';

/** Neither an instance nor a set is under way. */
export function settled(execution: Execution): boolean {
  const isOperating = 'setOperation' in execution && execution.setOperation !== null;
  return underWay(execution.counters) === 0 && !isOperating;
}

/** It stops, and the set that was to take over stands beside the live one. */
export function newSetToRetire(execution: Stepping): boolean {
  const { stopping, newSet } = execution;
  if (stopping === null || newSet === null || newSet.leftBehind !== null) return false;
  return settled(execution) && (newSet.state === 'CREATING' || newSet.state === 'STANDING');
}

/** It stops, and the canaries still get their share instead of what they are. */
export function stopsWeighed(execution: Stepping): boolean {
  const { stopping, weighed, setFailure } = execution;
  return stopping !== null && weighed !== null && setFailure === null && settled(execution);
}

export function stopped(execution: Execution): boolean {
  return execution.stopping !== null && settled(execution);
}

export function validated(execution: Validating): boolean {
  return execution.checksPassed && execution.listing.complete;
}

export function thresholdReached(execution: Guarded): boolean {
  return execution.counters.FAILED >= execution.plan.failureThreshold;
}

/** FAILED ones that have used up their attempts. */
export function failedAgain(execution: Guarded): number {
  return execution.counters.FAILED - execution.failedOnce;
}

function plannerOf(execution: Execution): Planner {
  return PLANNERS[execution.plan.strategy];
}

/** What the next batch would take by the room as it was counted last; nothing on an old count. */
export function nextBatch(execution: Guarded, nowMs: number): BatchChoice {
  const planner = plannerOf(execution);
  const room = freshReading(execution, nowMs);
  if (planner.needsRoom && room === null) return NOTHING;
  return planner.nextBatch(execution, room);
}

/** Time alone would let a batch begin: none was before it, or the batch delay is over. */
export function delayIsOver(execution: Guarded, nowMs: number): boolean {
  if (execution.batch === null || execution.plan.batchDelaySeconds === 0) return true;
  return execution.nextBatchAtMs !== null && execution.nextBatchAtMs <= nowMs;
}

/**
 * Something hangs on the room now and no fresh count of it is there: a batch may begin, or failed
 * instances are to be tried again if nothing else fits.
 */
export function roomUnknown(execution: Guarded, nowMs: number): boolean {
  return (
    plannerOf(execution).needsRoom &&
    settled(execution) &&
    pendingInPhase(execution) > 0 &&
    !execution.roomWanted &&
    !isForApproval(execution) &&
    (delayIsOver(execution, nowMs) || execution.failedOnce > 0) &&
    freshReading(execution, nowMs) === null
  );
}

/**
 * The phase has come to its end: everything has settled, or nothing is under way and by a fresh
 * count not even one more fits the room.
 */
export function phaseAtEnd(execution: Guarded, nowMs: number): boolean {
  if (!settled(execution)) return false;
  if (pendingInPhase(execution) === 0) return true;
  if (!plannerOf(execution).needsRoom || freshReading(execution, nowMs) === null) return false;
  return sizeOf(nextBatch(execution, nowMs)) === 0;
}

/** Not when another has failed twice already: nothing begins that is given up at once. */
export function retryDue(execution: Guarded, nowMs: number): boolean {
  return execution.failedOnce > 0 && !triedTwice(execution) && phaseAtEnd(execution, nowMs);
}

export function triedTwice(execution: Guarded): boolean {
  return failedAgain(execution) > 0;
}

/** Others' down instances fill the room; judged anew with each count, so one is always wanted. */
export function noRoom(execution: Guarded, nowMs: number): boolean {
  return (
    pendingInPhase(execution) > 0 &&
    !isForApproval(execution) &&
    delayIsOver(execution, nowMs) &&
    phaseAtEnd(execution, nowMs) &&
    !(execution.waitingFor?.kind === 'ROOM' && execution.roomWanted)
  );
}

/** CANARY: all of them are on the new version and healthy. */
function canariesDone(execution: Guarded): boolean {
  const { status, counters } = execution;
  const isPhaseOver = status === 'CANARY_RUNNING' && pendingInPhase(execution) === 0;
  return isPhaseOver && settled(execution) && counters.COMPLETED === touched(execution);
}

/** The share of the traffic that the new version is to have now. */
export function isToBeWeighed(execution: Guarded): boolean {
  return canariesDone(execution) && execution.weighed !== execution.plan.canaryPercentage;
}

/** Promoted: the rest is on its way, and the canaries' share would overload what remains. */
export function isToBeUnweighed(execution: Guarded): boolean {
  const { status, weighed } = execution;
  return status === 'IN_PROGRESS' && weighed !== null && settled(execution);
}

export function canariesCompleted(execution: Guarded): boolean {
  return canariesDone(execution);
}

/** STAGED: a stage has settled, another follows, and nobody has approved that. */
export function isForApproval(execution: Guarded): boolean {
  const { batch, counters, approvedStage } = execution;
  if (!plannerOf(execution).staged || batch === null) return false;
  return settled(execution) && counters.PENDING > 0 && approvedStage < batch.number;
}

export function hasStaleSet(execution: Guarded): boolean {
  return execution.staleSet !== null && settled(execution);
}

export function lacksNewSet(execution: Guarded): boolean {
  const { plan, newSet } = execution;
  return plan.strategy === 'BLUE_GREEN' && newSet === null && settled(execution);
}

export function setFailed(execution: Guarded): boolean {
  return execution.setFailure !== null;
}

export function isToBeSwitched(execution: Guarded): boolean {
  const { newSet, counters, total } = execution;
  return newSet?.state === 'STANDING' && counters.COMPLETED === total && settled(execution);
}

/** A batch has settled, another follows, and the delay between them has not begun. */
export function delayDue(execution: Guarded): boolean {
  return (
    settled(execution) &&
    pendingInPhase(execution) > 0 &&
    execution.batch !== null &&
    execution.nextBatchAtMs === null &&
    execution.plan.batchDelaySeconds > 0
  );
}

export function batchFits(execution: Guarded, nowMs: number): boolean {
  return (
    settled(execution) &&
    pendingInPhase(execution) > 0 &&
    delayIsOver(execution, nowMs) &&
    sizeOf(nextBatch(execution, nowMs)) > 0
  );
}

/** Also of the sets: while traffic is being weighed or switched, nothing is at its end. */
export function allCompleted(execution: Guarded): boolean {
  const { newSet, total, counters, postChecksAskedAtMs } = execution;
  const isServing = newSet === null || newSet.state === 'LIVE';
  const isAll = total > 0 && counters.COMPLETED === total && isServing;
  return isAll && settled(execution) && postChecksAskedAtMs === null;
}

export function postChecksFailed(execution: Guarded): boolean {
  return execution.postChecksAnswered && !passed(execution.postChecks);
}

export function postChecksPassed(execution: Guarded): boolean {
  return execution.postChecksAnswered && passed(execution.postChecks);
}
