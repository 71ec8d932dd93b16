/**
 * A rollback as the agent sees it: the instances of one hand-over on their way back to the version
 * they had. Like an execution it holds counters, never its instances.
 */
import { ROLLBACK_LIMITS, SPEAK_AFTER_MS } from '../limits.js';
import { STEPS, type LeftOver, type Step } from '../execution/execution.js';
import { setsWant, type SetsBack, type SetsWant } from './sets-back.js';

/**
 * Where an instance stands.
 *
 * UNSEEN: nobody has looked at it since it was handed over, or since it last failed.
 * THERE: on its version and healthy; to readmit it is enough, and takes nothing down.
 * DOWN: not both admitted and healthy; taking it needs no room, but a look of now.
 * UP: serves on another version; taking it needs room.
 */
export const ROLLBACK_STATUSES = [
  'UNSEEN',
  'THERE',
  'DOWN',
  'UP',
  ...STEPS,
  'RESTORED',
  'LEFT_OVER',
] as const;
export type RollbackStatus = (typeof ROLLBACK_STATUSES)[number];

export type RollbackCounters = Readonly<Record<RollbackStatus, number>>;

/** GATHERING: pages are missing. STOPPED: by a newer hand-over; nothing more is begun. */
export type RollbackState = 'GATHERING' | 'RUNNING' | 'ENDED' | 'STOPPED';

export interface RollbackKey {
  readonly executionId: string;
  readonly handOver: number;
}

/** Times are milliseconds since 1970. */
export interface RollbackWork extends RollbackKey {
  /** STOP: only remembers that older hand-overs were stopped, and has no instances. */
  readonly kind: 'ROLL_BACK' | 'STOP';
  /** Of the question that was asked last: the one that results answer. */
  readonly commandId: string;
  readonly pages: number;
  /** Pages that are stored, ascending. */
  readonly pagesStored: readonly number[];
  readonly state: RollbackState;
  /** N: all instances the target listed; the room is reckoned from it. */
  readonly listed: number;
  readonly maxUnavailablePercentage: number;
  readonly batchSize: number;
  /** RECREATE: everything at once, up to the bound of what is under way. */
  readonly ignoresRoom: boolean;
  /** BLUE_GREEN: sets go back instead of instances, of which there are none; else null. */
  readonly sets: SetsBack | null;
  readonly counters: RollbackCounters;
  /** Instances that are RESTORED or LEFT_OVER are numbered 1, 2, 3… as they settle: the last one. */
  readonly settled: number;
  /** Number of the last settled instance that was told of. */
  readonly reported: number;
  /** Something must be said at the next decision: all that is settled, or that it lives. */
  readonly owesReport: boolean;
  /** Why no further healthy instance is taken; null while they are. */
  readonly gaveUp: string | null;
  /** Nothing has fitted the room for so long, and when that was last found; null: it fits. */
  readonly noRoom: { readonly waitedMs: number; readonly foundAtMs: number } | null;
  /** Results said so far: the number of the last one. */
  readonly said: number;
  readonly lastSaidAtMs: number;
}

/** Which instances a move takes: named ones, or the next by index that stand in its `from`. */
export type RollbackSelection =
  | { readonly by: 'INDICES'; readonly indices: readonly number[] }
  | { readonly by: 'NEXT'; readonly count: number };

export interface RollbackMove {
  readonly select: RollbackSelection;
  readonly from: RollbackStatus;
  readonly to: RollbackStatus;
  /** A new attempt begins: its number is raised by one. */
  readonly begins: boolean;
  /** Why they are LEFT_OVER: one for all, or one for each named index in their order; else null. */
  readonly reason: string | readonly string[] | null;
  /** The first one's number as they settle, the next ones' follow by index; null: they do not. */
  readonly settledFrom: number | null;
}

/** A result to be sent. Which instances it names is in the rows: those settled in this range. */
export interface RollbackSaying {
  /** Makes its id the same however often it is made. */
  readonly number: number;
  readonly state: 'RUNNING' | 'ENDED' | 'STOPPED';
  /** Whose settled instances: its own, or those of the hand-over it stopped. */
  readonly handOver: number;
  /** Numbers greater than `after`, up to `upTo`; none when they are equal. */
  readonly after: number;
  readonly upTo: number;
  /** Of a rollback by sets: traffic is where it was, and the new set is gone. */
  readonly setsRestored: boolean;
  /** The set that could not be brought back; null: none. */
  readonly setLeftOver: LeftOver | null;
}

/** Instances that settled, by how; in the order of their numbers. */
export interface SettledInstances {
  readonly restored: readonly number[];
  readonly leftOver: readonly LeftOver[];
}

export const NO_COUNTERS: RollbackCounters = {
  UNSEEN: 0,
  THERE: 0,
  DOWN: 0,
  UP: 0,
  DRAINING: 0,
  UPGRADING: 0,
  HEALTH_CHECKING: 0,
  RESTORED: 0,
  LEFT_OVER: 0,
};

export function isStep(status: RollbackStatus): status is Step {
  return (STEPS as readonly string[]).includes(status);
}

/** Instances a target is working on now. */
export function underWay(counters: RollbackCounters): number {
  return counters.DRAINING + counters.UPGRADING + counters.HEALTH_CHECKING;
}

/** Instances that have not ended either way. */
export function unsettled(counters: RollbackCounters): number {
  const { UNSEEN, THERE, DOWN, UP } = counters;
  return UNSEEN + THERE + DOWN + UP + underWay(counters);
}

/** Most instances that are under way at once. */
export function batchOf(work: Pick<RollbackWork, 'batchSize' | 'ignoresRoom'>): number {
  const { underWayMax } = ROLLBACK_LIMITS;
  return work.ignoresRoom ? underWayMax : Math.min(work.batchSize, underWayMax);
}

/** A sign of life is due. A clock that jumped, either way, brings one too many, never silence. */
export function mustSpeak(work: RollbackWork, nowMs: number): boolean {
  return work.state === 'RUNNING' && Math.abs(nowMs - work.lastSaidAtMs) >= SPEAK_AFTER_MS;
}

/** As a newer hand-over leaves it: what it had not told of, the newer one tells. */
export function stopped(work: RollbackWork): RollbackWork {
  if (work.state === 'ENDED' || work.state === 'STOPPED') return { ...work, owesReport: false };
  return { ...work, state: 'STOPPED', owesReport: false };
}

/** Its owner still has something to do or to say. */
export function isActive(work: RollbackWork): boolean {
  return work.state === 'RUNNING' || (work.state !== 'GATHERING' && work.owesReport);
}

/** What the owner must find out before anything more can be begun; null: nothing now. */
export type RollbackWant =
  | { readonly want: 'LOOK'; readonly from: 'UNSEEN' | 'DOWN'; readonly limit: number }
  | { readonly want: 'COUNT_ROOM' }
  | SetsWant
  /** Nothing: it only has to be decided again, because a decision does not move a million rows. */
  | { readonly want: 'GO_ON' };

export function wantOf(work: RollbackWork): RollbackWant | null {
  const { counters } = work;
  if (work.state !== 'RUNNING') return null;
  if (work.sets !== null) return setsWant(work.sets);
  if (counters.UNSEEN > 0) return { want: 'LOOK', from: 'UNSEEN', limit: ROLLBACK_LIMITS.lookMax };
  if (underWay(counters) > 0) return null;
  if (counters.DOWN > 0) return { want: 'LOOK', from: 'DOWN', limit: batchOf(work) };
  const needsRoom = !work.ignoresRoom && work.gaveUp === null;
  if (counters.UP > 0 && needsRoom) return { want: 'COUNT_ROOM' };
  return unsettled(counters) > 0 ? { want: 'GO_ON' } : null;
}

/** What a look found, by how the instance can be taken. */
export type Sight = 'THERE' | 'DOWN' | 'UP' | 'VANISHED';

/** @param seen as the target sees it now; undefined: it is not there any more */
export function sightOf(
  version: string,
  seen:
    | { readonly version: string | null; readonly admitted: boolean; readonly healthy: boolean }
    | undefined,
): Sight {
  if (seen === undefined) return 'VANISHED';
  // Even one that serves is readmitted under our own fence: an operation of the way forward that
  // still runs on it is superseded by that, and cannot end after us.
  if (seen.version === version && seen.healthy) return 'THERE';
  return seen.admitted && seen.healthy ? 'UP' : 'DOWN';
}
