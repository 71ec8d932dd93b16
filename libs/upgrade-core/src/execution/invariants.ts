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
  checkSets(execution, must);
  if ('room' in execution) {
    checkMoving(execution, must);
    checkWaiting(execution, must);
  }
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
  // With a new set that is retired, its instances are gone, whatever it was retired for.
  const isGone = execution.newSet?.state === 'RETIRED';
  must(
    counters.ROLLED_BACK === 0 || mayBeBack || isGone,
    'instances are rolled back without a rollback',
  );
  must(rollback !== null || !status.startsWith('ROLL'), 'a rollback has a reason and someone');
  must(rollback === null || ended || status === 'ROLLING_BACK', `a rollback is over in ${status}`);
  // A rollback supersedes what was under way: those rows stand where they stood.
  const atRest = !ended || rollback !== null || underWay(counters) === 0;
  must(atRest, 'it ended with instances under way');
  const reasonGiven = execution.failureReason !== null;
  must(!ended || status === 'COMPLETED' || reasonGiven, 'it ended badly and does not say why');
}

/** BLUE_GREEN's new set, the operations on sets, and the share of the traffic. */
function checkSets(execution: Execution, must: Must): void {
  const { plan, newSet, counters, total, status, setOperations } = execution;
  must(newSet === null || plan.strategy === 'BLUE_GREEN', 'only BLUE_GREEN makes a new set');
  const named = newSet?.named ?? 0;
  must(isCount(named) && named <= total, `${String(named)} of ${String(total)} have names`);
  must(newSet === null || setOperations > 0, 'a new set without an operation on one');
  must(execution.canary === null || plan.strategy === 'CANARY', 'a watch without canaries');
  must((execution.revertOf !== null) === (execution.kind === 'REVERT'), 'a revert is of something');
  must(status !== 'COMPLETED' || execution.weighed === null, 'canaries still get their share');
  if (!('setOperation' in execution)) return;
  const { setOperation, weighed, batch, staleSet } = execution;
  const isWeighing = weighed !== null || setOperation?.verb === 'WEIGH';
  must(!isWeighing || plan.strategy === 'CANARY', 'only canaries get a share of the traffic');
  const isAll = counters.COMPLETED === total;
  must(newSet?.state !== 'LIVE' || isAll, 'traffic goes to a set that is not all COMPLETED');
  must(setOperation?.verb !== 'SWITCH' || isAll, 'it switches to a set that is not all COMPLETED');
  must(setOperation === null || underWay(counters) === 0, 'a set and instances are under way');
  must((setOperation?.number ?? 0) <= setOperations, 'an operation that was not counted');
  must(staleSet === null || batch === null, 'instances are touched beside a stale set');
  const isNamed = newSet !== null && newSet.state !== 'CREATING' && named === total;
  const isBegun = plan.strategy === 'BLUE_GREEN' && batch !== null;
  must(!isBegun || isNamed, 'a new set is begun with before its instances have names');
  const operates = status === 'CANARY_MONITORING' && setOperation !== null;
  must(!operates || execution.stopping !== null, 'sets are worked on while canaries are watched');
}

/** Whom it waits for, and what does not go on meanwhile. */
function checkWaiting(execution: Extract<Execution, { room: unknown }>, must: Must): void {
  const { status, stopping, waitingFor, counters, setFailure, plan } = execution;
  must(stopping === null || waitingFor === null, 'it stops and waits for something else');
  const kind = waitingFor?.kind ?? null;
  if (status === 'PAUSED') {
    const isStage = execution.pauseReason === 'STAGE_APPROVAL';
    must(!isStage || plan.strategy === 'STAGED', 'only stages are approved');
    must(!isStage || underWay(counters) === 0, 'a stage is approved before it has settled');
    must(stopping !== null || kind === (isStage ? 'APPROVAL' : 'RESUME'), 'it waits for the wrong');
    return;
  }
  must(setFailure === null || stopping !== null, 'an operation on a set failed, nothing follows');
  if (status === 'CANARY_MONITORING') {
    must(underWay(counters) === 0, 'instances are under way while canaries are watched');
    must(execution.canary !== null, 'nobody watches the canaries');
    must(kind === null || kind === 'PROMOTION', `canaries wait for ${String(kind)}`);
    const needsPerson = execution.canary?.verdict === 'UNHEALTHY' && !plan.autoRollbackEnabled;
    must(
      !needsPerson || stopping !== null || kind !== null,
      'nobody is told of UNHEALTHY canaries',
    );
    return;
  }
  must(kind === null || kind === 'ROOM', `it moves and waits for ${String(kind)}`);
  must(
    status === 'CANARY_RUNNING' || plan.strategy !== 'CANARY' || execution.canary !== null,
    'canaries were promoted unwatched',
  );
}

function checkMoving(execution: Extract<Execution, { room: unknown }>, must: Must): void {
  const { status, counters, stopping, waitingFor, room, batch, plan } = execution;
  const isMoving = status === 'IN_PROGRESS' || status === 'CANARY_RUNNING';
  const isBusy = underWay(counters) > 0 || execution.setOperation !== null;
  must(stopping === null || isBusy, 'it is stopping and nothing is under way');
  // Those that vanished before their turn left PENDING by name.
  const byBatch = touched(execution) - (batch === null ? execution.takenByName : 0);
  must((batch === null) === (byBatch === 0), 'instances are touched by batches alone');
  must(batch === null || (batch.number >= 1 && batch.size >= 1), 'a batch without instances');
  must(execution.approvedStage <= (batch?.number ?? 0), 'a stage was approved before its end');
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
  const { newSet, setOperation, postChecksAskedAtMs, postChecksAnswered } = execution;
  const isServing = newSet === null || newSet.state === 'LIVE';
  const isEnd = counters.COMPLETED === execution.total && isServing && setOperation === null;
  const isAsked = postChecksAskedAtMs !== null;
  const isLast = isEnd && status === 'IN_PROGRESS';
  must(isAsked === isLast, 'checks after belong to the end');
  must(isAsked || !postChecksAnswered, 'checks after were answered and not asked for');
}

function checkPlan({ plan }: Execution, must: Must): void {
  const isPercentage = (value: number): boolean => isCount(value) && value >= 1 && value <= 100;
  must(isPercentage(plan.canaryPercentage), 'canaryPercentage is no percentage');
  must(isPercentage(plan.maxUnavailablePercentage), 'maxUnavailablePercentage is no percentage');
  must(isCount(plan.batchSize) && plan.batchSize >= 1, 'a batch takes at least one');
  must(isCount(plan.failureThreshold) && plan.failureThreshold >= 1, 'a threshold of nothing');
}
