/**
 * `decideRollback`: what an input does to a rollback. Pure; the answer is a value: the next
 * counters, which instances move, and what is said. Moves and sayings are committed together, so a
 * result is never about anything that did not happen, and never forgotten.
 *
 * The order of taking (spec §6): those to readmit, those that are down, then healthy ones within
 * the room. The batch is the barrier, without delay.
 */
import { ATTEMPTS_MAX, ROLLBACK_LIMITS, ROOM_READING_MAX_AGE_MS } from '../limits.js';
import { STEPS, type Step } from '../execution/execution.js';
import { clipped } from '../texts.js';
import { allowedDown } from '../strategies/room.js';
import { speakIfOwed } from './rollback-reports.js';
import type {
  RollbackAsked,
  RollbackDecision,
  RollbackInput,
  SettledRollbackSteps,
} from './rollback-inputs.js';
import { takeQuestion } from './rollback-questions.js';
import {
  batchOf,
  mustSpeak,
  underWay,
  unsettled,
  type RollbackMove,
  type RollbackStatus,
  type RollbackWork,
  type Sight,
} from './rollback.js';
import {
  endSetOperation,
  expireSetOperation,
  leaveSetOver,
  setsWant,
  type SetsBack,
} from './sets-back.js';

/** Judges `input`; `work` is null when this key was never asked for. */
export function decideRollback(
  work: RollbackWork | null,
  input: RollbackInput,
  nowMs: number,
): RollbackDecision {
  if (input.type === 'ROLLBACK_ASKED') return takeQuestion(work, input, nowMs);
  if (work === null) return { kind: 'IMPOSSIBLE', why: `${input.type} of nothing asked for` };
  if (work.state !== 'RUNNING' && !work.owesReport) {
    return { kind: 'ABSORBED', why: `is ${work.state}` };
  }
  const draft = new Draft(work);
  if (work.state === 'RUNNING') {
    if (work.sets === null) {
      takeReport(draft, input);
      goOn(draft, input, nowMs);
    } else {
      bringSetsBack(draft, work.sets, input, nowMs);
    }
    if (mustSpeak(draft.work, nowMs)) draft.set({ owesReport: true });
  }
  const [next, says] = speakIfOwed(draft.work, nowMs);
  if (next === work) return { kind: 'ABSORBED', why: 'nothing is due' };
  return { kind: 'DECIDED', next, moves: draft.moves, says, storesPage: false, stopsOlder: false };
}

/** The one place where counters move, so that no rule can get them wrong. */
class Draft {
  readonly moves: RollbackMove[] = [];

  constructor(public work: RollbackWork) {}

  set(fields: Partial<RollbackWork>): void {
    this.work = { ...this.work, ...fields };
  }

  move(
    select: RollbackMove['select'],
    from: RollbackStatus,
    to: RollbackStatus,
    more: { begins?: boolean; reason?: string | readonly string[] } = {},
  ): void {
    const count = select.by === 'NEXT' ? select.count : select.indices.length;
    if (count === 0) return;
    const { counters, settled } = this.work;
    if (counters[from] < count) {
      throw new Error(`${String(count)} cannot leave ${from}: ${String(counters[from])} are there`);
    }
    const moved = { ...counters, [from]: counters[from] - count };
    const settles = to === 'RESTORED' || to === 'LEFT_OVER';
    this.moves.push({
      ...{ select, from, to },
      begins: more.begins ?? false,
      reason: more.reason === undefined ? null : bounded(more.reason),
      settledFrom: settles ? settled + 1 : null,
    });
    this.set({
      counters: { ...moved, [to]: moved[to] + count },
      settled: settles ? settled + count : settled,
    });
  }
}

function bounded(reason: string | readonly string[]): string | readonly string[] {
  const { reasonMaxChars } = ROLLBACK_LIMITS;
  if (typeof reason === 'string') return clipped(reason, reasonMaxChars);
  return reason.map((one) => clipped(one, reasonMaxChars));
}

function named(indices: readonly number[]): RollbackMove['select'] {
  return { by: 'INDICES', indices };
}

/* ------------------------------------------------------------------ what was reported */

type Report = Exclude<RollbackInput, RollbackAsked>;

function takeReport(draft: Draft, input: Report): void {
  switch (input.type) {
    case 'INSTANCES_LOOKED_AT':
      takeSights(draft, input.from, input.seen);
      break;
    case 'STEPS_SETTLED':
      for (const settled of input.settled) takeSettled(draft, settled);
      // The batch is the barrier, and a settled batch is told of (spec §1).
      if (input.settled.length > 0 && underWay(draft.work.counters) === 0) {
        draft.set({ owesReport: true });
      }
      break;
    case 'ROOM_COUNTED':
      draft.move(named(input.fallen), 'UP', 'DOWN');
      break;
    case 'TARGET_REFUSED':
      leaveAllOver(draft, `the target cannot be opened: ${input.reason}`);
      break;
    case 'SET_OPERATION_ENDED':
    case 'TIME_PASSED':
      break;
  }
}

/** There are no instances: the rollback ends with its sets. */
function bringSetsBack(draft: Draft, sets: SetsBack, input: Report, nowMs: number): void {
  const next = setsAfter(sets, input, nowMs);
  if (next === sets) return;
  draft.set({ sets: next });
  if (setsWant(next) === null) draft.set({ state: 'ENDED', owesReport: true });
}

function setsAfter(sets: SetsBack, input: Report, nowMs: number): SetsBack {
  if (input.type === 'SET_OPERATION_ENDED') return endSetOperation(sets, input, nowMs);
  if (input.type === 'TARGET_REFUSED') {
    return leaveSetOver(sets, `the target cannot be opened: ${input.reason}`);
  }
  return expireSetOperation(sets, nowMs);
}

function takeSights(
  draft: Draft,
  from: 'UNSEEN' | 'DOWN',
  seen: Readonly<Record<Sight, readonly number[]>>,
): void {
  draft.move(named(seen.THERE), from, 'THERE');
  draft.move(named(seen.UP), from, 'UP');
  if (from === 'UNSEEN') draft.move(named(seen.DOWN), from, 'DOWN');
  draft.move(named(seen.VANISHED), from, 'LEFT_OVER', { reason: VANISHED });
}

function leaveAllOver(draft: Draft, reason: string): void {
  let most: number = ROLLBACK_LIMITS.leftOverPerDecisionMax;
  for (const status of [...STEPS, 'UNSEEN', 'THERE', 'DOWN', 'UP'] as const) {
    const count = Math.min(most, draft.work.counters[status]);
    draft.move({ by: 'NEXT', count }, status, 'LEFT_OVER', { reason });
    most -= count;
  }
}

const VANISHED = 'VANISHED: the instance is not there any more';

/** Where a step leads that is done. Readmitting belongs to the health check's step. */
const AFTER: Readonly<Record<Step, RollbackStatus>> = {
  DRAINING: 'UPGRADING',
  UPGRADING: 'HEALTH_CHECKING',
  HEALTH_CHECKING: 'RESTORED',
};

function takeSettled(draft: Draft, settled: SettledRollbackSteps): void {
  const { step, attempt, outcome, failure, reasons, indices } = settled;
  if (outcome === 'DONE') {
    draft.move(named(indices), step, AFTER[step]);
    return;
  }
  if (failure === 'VANISHED') {
    draft.move(named(indices), step, 'LEFT_OVER', { reason: VANISHED });
    return;
  }
  if (attempt < ATTEMPTS_MAX) {
    // It is looked at again before its retry: one that fails its readmission may well be serving,
    // and taking that one down would need room.
    draft.move(named(indices), step, 'UNSEEN');
    return;
  }
  const reason = indices.map(
    (_, at) => `${failure ?? 'FAILED'}: ${reasons[at] ?? 'no reason given'}`,
  );
  draft.move(named(indices), step, 'LEFT_OVER', { reason });
  if (indices.length === 0) return;
  draft.set({ gaveUp: draft.work.gaveUp ?? 'another instance could not be brought back' });
}

/* ------------------------------------------------------------------ what is begun */

/** Begins the next batch, gives the rest up, or ends; nothing while a batch is under way. */
function goOn(draft: Draft, input: Report, nowMs: number): void {
  if (underWay(draft.work.counters) > 0) return;
  const free = batchOf(draft.work);
  const there = Math.min(free, draft.work.counters.THERE);
  draft.move({ by: 'NEXT', count: there }, 'THERE', 'HEALTH_CHECKING', { begins: true });
  const down = downSeen(input, nowMs).slice(0, free - there);
  draft.move(named(down), 'DOWN', 'DRAINING', { begins: true });
  if (draft.work.ignoresRoom) takeWithoutRoom(draft, free - there - down.length);
  if (underWay(draft.work.counters) > 0) return;
  const { UNSEEN, DOWN, UP } = draft.work.counters;
  if (UNSEEN + DOWN > 0) return;
  if (UP > 0 && draft.work.gaveUp === null && input.type === 'ROOM_COUNTED') {
    takeHealthy(draft, input, nowMs);
  }
  if (draft.work.gaveUp !== null) {
    const reason = `not taken back, because ${draft.work.gaveUp}`;
    const count = Math.min(ROLLBACK_LIMITS.leftOverPerDecisionMax, draft.work.counters.UP);
    draft.move({ by: 'NEXT', count }, 'UP', 'LEFT_OVER', { reason });
  }
  if (unsettled(draft.work.counters) === 0) draft.set({ state: 'ENDED', owesReport: true });
}

/** Instances that are down by what was seen just now; what was seen earlier proves nothing (I4). */
function downSeen(input: Report, nowMs: number): readonly number[] {
  if (input.type === 'INSTANCES_LOOKED_AT') {
    return isFresh(input.lookedAtMs, nowMs) ? input.seen.DOWN : [];
  }
  if (input.type === 'ROOM_COUNTED') return isFresh(input.countedAtMs, nowMs) ? input.fallen : [];
  return [];
}

/** One from the future was read before the clock was set back: nobody knows how old it is. */
function isFresh(readAtMs: number, nowMs: number): boolean {
  const ageMs = nowMs - readAtMs;
  return ageMs >= 0 && ageMs <= ROOM_READING_MAX_AGE_MS;
}

/** What is up goes with the rest, as long as none is left over. */
function takeWithoutRoom(draft: Draft, free: number): void {
  const { counters, gaveUp } = draft.work;
  const count = gaveUp === null ? Math.min(free, counters.UP) : 0;
  draft.move({ by: 'NEXT', count }, 'UP', 'DRAINING', { begins: true });
}

function takeHealthy(
  draft: Draft,
  room: Extract<RollbackInput, { type: 'ROOM_COUNTED' }>,
  nowMs: number,
): void {
  if (!isFresh(room.countedAtMs, nowMs)) return;
  const { listed, maxUnavailablePercentage, counters } = draft.work;
  const allowed = allowedDown(listed, maxUnavailablePercentage);
  // Nothing of ours is under way behind the barrier, so others' down is all there is.
  const fit = Math.max(0, allowed - room.othersDown);
  const count = Math.min(fit, batchOf(draft.work), counters.UP);
  if (count > 0) {
    draft.set({ noRoom: null });
    draft.move({ by: 'NEXT', count }, 'UP', 'DRAINING', { begins: true });
    return;
  }
  const { noRoom } = draft.work;
  // Only the time between two counts in a row is waiting: a clock that jumped ends no wait.
  const sinceMs = noRoom === null ? 0 : Math.max(0, nowMs - noRoom.foundAtMs);
  const waitedMs = (noRoom?.waitedMs ?? 0) + Math.min(sinceMs, 2 * ROOM_READING_MAX_AGE_MS);
  draft.set({ noRoom: { waitedMs, foundAtMs: nowMs } });
  if (waitedMs < ROLLBACK_LIMITS.roomWaitMs) return;
  const counts = `${String(room.othersDown)} instances are down and ${String(allowed)} may be`;
  draft.set({ gaveUp: `there was no room for too long: ${counts}` });
}
