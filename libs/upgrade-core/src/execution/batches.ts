/** Instances on their way: steps, room, batches and the retry round. */
import { APPEARED_NAMED_MAX, ATTEMPTS_MAX, STEP_LIMITS } from '../limits.js';
import { freshReading, readingAsItStands } from '../strategies/room.js';
import { PLANNERS } from '../strategies/strategies.js';
import { clipped } from '../texts.js';
import { failedAgain, nextBatch } from './guard-conditions.js';
import { workSinceAfter } from './batch-work.js';
import { ask, move, note, set, type Effect } from './effects.js';
import type {
  Execution,
  Guarded,
  InstanceStatus,
  RoomReading,
  Step,
  Stepping,
} from './execution.js';
import type { Report, SettledSteps } from './execution-inputs.js';

type ReportOf<Type extends Report['type']> = Extract<Report, { type: Type }>;

const AFTER: Readonly<Record<Step, InstanceStatus>> = {
  DRAINING: 'UPGRADING',
  UPGRADING: 'HEALTH_CHECKING',
  HEALTH_CHECKING: 'COMPLETED',
};

export function settleSteps(
  execution: Stepping,
  report: ReportOf<'STEPS_SETTLED'>,
  nowMs: number,
): Effect[] {
  const moves = report.settled.map((group) =>
    move({
      from: group.step,
      to: group.outcome === 'DONE' ? AFTER[group.step] : 'FAILED',
      attempt: group.attempt,
      select: { by: 'INDICES', indices: group.indices },
      failure: group.outcome === 'DONE' ? null : (group.failure ?? 'TIMEOUT'),
      closedConnections: group.closedConnections,
      why: whySettled(execution, group),
    }),
  );
  return report.room === null ? moves : [...moves, ...takeIn(execution, report.room, nowMs)];
}

function whySettled(execution: Execution, group: SettledSteps): string {
  if (group.outcome === 'FAILED') {
    const reason = clipped(group.reason ?? 'no reason given', STEP_LIMITS.reasonMaxChars);
    return `${group.failure ?? 'TIMEOUT'}: ${reason}`;
  }
  switch (group.step) {
    case 'DRAINING':
      return group.closedConnections > 0
        ? `drain timed out, ${String(group.closedConnections)} connections closed`
        : 'drained';
    case 'UPGRADING':
      return `brought to ${execution.plan.to.version}`;
    case 'HEALTH_CHECKING':
      return execution.newSet === null
        ? `healthy on ${execution.plan.to.version} and admitted to traffic`
        : `healthy on ${execution.plan.to.version}`;
  }
}

export function takeInRoom(
  execution: Stepping,
  report: ReportOf<'ROOM_COUNTED'>,
  nowMs: number,
): Effect[] {
  return takeIn(execution, report.room, nowMs);
}

/** Counts can overtake each other: an older one must not push out a newer one that still holds. */
function takeIn(execution: Stepping, room: RoomReading, nowMs: number): Effect[] {
  const known = freshReading(execution, nowMs);
  const isNewer = known === null || room.countedAtMs >= known.countedAtMs;
  return [set({ room: isNewer ? room : known, roomWanted: false })];
}

/** Somebody changed the fleet meanwhile: what is gone is FAILED, what came is told and not taken. */
export function takeInComparison(
  { room }: Stepping,
  { vanished, appeared }: ReportOf<'FLEET_COMPARED'>,
): Effect[] {
  const gone: Effect[] = [
    move({
      ...{ from: 'PENDING', to: 'FAILED', attempt: 1, failure: 'VANISHED' },
      select: { by: 'INDICES', indices: vanished },
      why: 'VANISHED: the target does not list it any more',
    }),
    // Those that were counted as down are our FAILED ones now, and cannot go first any more.
    ...(room === null ? [] : [set({ room: withoutIndices(room, vanished) })]),
  ];
  if (appeared.length === 0) return gone;
  const named = appeared.slice(0, APPEARED_NAMED_MAX).join(', ');
  const more = appeared.length > APPEARED_NAMED_MAX ? ', …' : '';
  return [...gone, note('APPEARED', `instances that are not taken have appeared: ${named}${more}`)];
}

function withoutIndices(room: RoomReading, indices: readonly number[]): RoomReading {
  const gone = new Set(indices);
  return readingAsItStands(room, new Set(room.downPending.filter((index) => !gone.has(index))));
}

export function wantRoom(): Effect[] {
  return [set({ roomWanted: true }), ask({ type: 'COUNT_ROOM' })];
}

/**
 * The timer only wakes the guards, which look at the time: one that came too early comes again,
 * but not in a pause, where the delay stands still.
 */
export function endDelay(execution: Stepping, _: unknown, nowMs: number): Effect[] {
  const atMs = execution.status === 'PAUSED' ? null : execution.nextBatchAtMs;
  if (atMs === null || atMs <= nowMs) return [ask({ type: 'DISARM_TIMER', timer: 'BATCH_DELAY' })];
  return [ask({ type: 'ARM_TIMER', timer: 'BATCH_DELAY', atMs })];
}

export function delayNextBatch(execution: Guarded, nowMs: number): Effect[] {
  const delayMs = execution.plan.batchDelaySeconds * 1_000;
  const atMs = nowMs + delayMs;
  return [
    set({ nextBatchAtMs: atMs, workSinceMs: workSinceAfter(execution, delayMs) }),
    ask({ type: 'ARM_TIMER', timer: 'BATCH_DELAY', atMs }),
  ];
}

/** The lowest index at which an instance can still be PENDING. */
function cursorOf({ total, counters, takenByName }: Execution): number {
  return Math.max(0, total - counters.PENDING - takenByName);
}

export function beginBatch(execution: Guarded, nowMs: number): Effect[] {
  const { down, healthy } = nextBatch(execution, nowMs);
  const number = (execution.batch?.number ?? 0) + 1;
  const size = down.length + healthy;
  const why = `batch ${String(number)}`;
  const { firstStep } = PLANNERS[execution.plan.strategy];
  const begin = { from: 'PENDING', to: firstStep, attempt: 1 } as const;
  const effects: Effect[] = [
    set({ batch: { number, size }, nextBatchAtMs: null, waitingFor: null, roomWanted: false }),
    move({
      ...begin,
      select: { by: 'INDICES', indices: down },
      why: `${why}: down already, goes first`,
    }),
    move({ ...begin, select: { by: 'NEXT', count: healthy, start: cursorOf(execution) }, why }),
  ];
  const { room } = execution;
  if (room !== null && down.length > 0) {
    // They count as under way from here on, and must not be counted a second time.
    const downPending = room.downPending.slice(down.length);
    const left = { ...room, downPending, othersDown: room.othersDown - down.length };
    effects.push(set({ room: left }));
  }
  return effects;
}

export function retry(execution: Guarded): Effect[] {
  const count = execution.failedOnce;
  const why = `${String(count)} failed instances are tried again`;
  return [
    set({ waitingFor: null }),
    note('RETRY_ROUND', why),
    move({
      from: 'FAILED',
      to: PLANNERS[execution.plan.strategy].firstStep,
      fromAttempt: 1,
      attempt: ATTEMPTS_MAX,
      select: { by: 'NEXT', count, start: 0 },
      why: 'retry round',
    }),
  ];
}

/** A count stays wanted as long as it waits, so that room is noticed when it comes. */
export function waitForRoom(execution: Guarded, nowMs: number): Effect[] {
  if (execution.waitingFor?.kind === 'ROOM') return wantRoom();
  const down = execution.room?.othersDown ?? 0;
  return [
    set({ waitingFor: { kind: 'ROOM', who: 'target', sinceMs: nowMs }, workSinceMs: null }),
    note('WAITING', `${String(down)} instances are down for other causes: no room`, {
      waitingKind: 'ROOM',
    }),
    ...wantRoom(),
  ];
}

export function whyThreshold(execution: Guarded): string {
  const { counters, plan } = execution;
  const failed = String(counters.FAILED);
  return `${failed} failed instances reach the threshold of ${String(plan.failureThreshold)}`;
}

export function whyTriedTwice(execution: Guarded): string {
  return `${String(failedAgain(execution))} instances failed again when retried`;
}
