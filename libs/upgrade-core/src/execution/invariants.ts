/**
 * What is true of every execution at rest, that is after every decision. The fold in `effects.ts`
 * and the table keep it so; tests and the simulation look here.
 */
import { isTerminal, touched, underWay, type Execution } from './execution.js';
import { OWN_FIELDS, FIELDS_OF } from './own-fields.js';

/** What is wrong with it, a sentence each; empty when all is well. */
export function checkInvariants(execution: Execution): string[] {
  const problems: string[] = [];
  const must = (holds: boolean, otherwise: string): void => {
    if (!holds) problems.push(otherwise);
  };
  checkCounters(execution, must);
  checkFields(execution, must);
  checkStatus(execution, must);
  checkPlan(execution, must);
  if ('room' in execution) checkMoving(execution, must);
  return problems;
}

type Must = (holds: boolean, otherwise: string) => void;

const isCount = (value: number): boolean => Number.isInteger(value) && value >= 0;

function checkCounters(execution: Execution, must: Must): void {
  const { counters, total, listed, failedOnce, takenByName, revision, sequence } = execution;
  const values = Object.values(counters);
  must(values.every(isCount), `a counter is no count: ${JSON.stringify(counters)}`);
  const sum = values.reduce((all, value) => all + value, 0);
  must(sum === total, `counters sum to ${String(sum)}, not to the total of ${String(total)}`);
  must(total <= listed, `${String(total)} are taken of ${String(listed)} listed`);
  must(
    isCount(failedOnce) && failedOnce <= counters.FAILED,
    `${String(failedOnce)} may be retried of ${String(counters.FAILED)} that failed`,
  );
  must(
    isCount(takenByName) && takenByName <= touched(execution),
    `${String(takenByName)} were taken by name of ${String(touched(execution))} touched`,
  );
  must(revision >= 1, 'the revision begins at 1');
  must(isCount(sequence), 'the sequence counts events');
  if ('listing' in execution) {
    const { alreadyThere } = execution.listing;
    must(isCount(alreadyThere) && alreadyThere + total <= listed, 'more were found than listed');
  }
}

function checkFields(execution: Execution, must: Must): void {
  const own = FIELDS_OF[execution.status];
  for (const field of OWN_FIELDS) {
    const has = field in execution;
    // One that ended before it was started has never listed anything.
    if (field === 'listing' && isTerminal(execution.status)) continue;
    const otherwise = has ? `${execution.status} has no ${field}` : `${field} is missing`;
    must(has === own.includes(field), otherwise);
  }
}

function checkStatus(execution: Execution, must: Must): void {
  const { status, counters, stopping, waitingFor, rollback, total } = execution;
  const ended = isTerminal(status);
  must(
    ended === (execution.completedAtMs !== null),
    'completedAt is that of the end, and only that',
  );
  must(!ended || stopping === null, 'what has ended is not stopping');
  must(!ended || waitingFor === null, 'what has ended waits for nothing');
  const isStarted = execution.startedAtMs !== null;
  must(status !== 'PENDING' || (!isStarted && total === 0), 'PENDING has not begun with anything');
  must(isStarted || status === 'PENDING' || status === 'CANCELLED', 'it runs and was not started');
  must(status !== 'VALIDATING' || counters.PENDING === total, 'nothing is touched in VALIDATING');
  must(status !== 'COMPLETED' || (total > 0 && counters.COMPLETED === total), 'not all COMPLETED');
  const isBack = counters.PENDING + counters.ROLLED_BACK === total;
  must(status !== 'ROLLED_BACK' || isBack, 'ROLLED_BACK, and not all touched ones are');
  const mayBeBack = rollback !== null && (ended || status === 'ROLLING_BACK');
  must(counters.ROLLED_BACK === 0 || mayBeBack, 'instances are rolled back without a rollback');
  must(rollback !== null || !status.startsWith('ROLL'), 'a rollback has a reason and someone');
  must(rollback === null || ended || status === 'ROLLING_BACK', `a rollback is over in ${status}`);
  // A rollback supersedes what was under way: those rows stand where they stood.
  const atRest = !ended || rollback !== null || underWay(counters) === 0;
  must(atRest, 'it ended with instances under way');
  const reasonGiven = execution.failureReason !== null;
  must(!ended || status === 'COMPLETED' || reasonGiven, 'it ended badly and does not say why');
}

function checkMoving(execution: Extract<Execution, { room: unknown }>, must: Must): void {
  const { status, counters, stopping, waitingFor, room, batch, plan } = execution;
  const isMoving = status === 'IN_PROGRESS' || status === 'CANARY_RUNNING';
  must(stopping === null || underWay(counters) > 0, 'it is stopping and nothing is under way');
  must((batch === null) === (touched(execution) === 0), 'instances are touched by batches alone');
  must(batch === null || (batch.number >= 1 && batch.size >= 1), 'a batch without instances');
  if (room !== null) {
    const { othersDown, downPending } = room;
    must(
      isCount(othersDown) && othersDown >= downPending.length,
      'more are down by name than in all',
    );
    const ascending = downPending.every((it, at) => at === 0 || it > (downPending[at - 1] ?? it));
    must(ascending, 'the down ones are not in order');
  }
  if (!isMoving || stopping !== null) return;
  must(counters.FAILED < plan.failureThreshold, 'the threshold is reached and nothing follows');
  must(counters.FAILED === execution.failedOnce, 'one failed twice and nothing follows');
  const waitsForRoom = waitingFor?.kind === 'ROOM';
  must(
    !waitsForRoom || (execution.roomWanted && counters.PENDING > 0),
    'it waits for room in vain',
  );
  const isAsked = execution.postChecksAskedAtMs !== null;
  must(isAsked === (counters.COMPLETED === execution.total), 'checks after belong to the end');
}

function checkPlan({ plan }: Execution, must: Must): void {
  const isPercentage = (value: number): boolean => isCount(value) && value >= 1 && value <= 100;
  must(isPercentage(plan.canaryPercentage), 'canaryPercentage is no percentage');
  must(isPercentage(plan.maxUnavailablePercentage), 'maxUnavailablePercentage is no percentage');
  must(isCount(plan.batchSize) && plan.batchSize >= 1, 'a batch takes at least one');
  must(isCount(plan.failureThreshold) && plan.failureThreshold >= 1, 'a threshold of nothing');
}
