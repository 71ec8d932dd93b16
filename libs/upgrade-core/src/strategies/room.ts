/**
 * Room: how many instances may be down at once, and how many more fit now (spec §5, I4).
 *
 * Down is any instance that is not both admitted to traffic and healthy. Others' down comes from
 * the target's count, our own from the counters, so nothing is counted twice.
 */
import { ROOM_READING_MAX_AGE_MS } from '../limits.js';
import { underWay, type InstanceCounters, type RoomReading } from '../execution/execution.js';

/** U: of `listed` instances so many may be unavailable; whole numbers, at least one. */
export function allowedDown(listed: number, maxUnavailablePercentage: number): number {
  return Math.max(1, Math.floor((listed * maxUnavailablePercentage) / 100));
}

/** How many more healthy instances may be taken down now; 0 when not even one fits. */
export function healthyThatFit(
  room: { readonly listed: number; readonly maxUnavailablePercentage: number },
  othersDown: number,
  counters: InstanceCounters,
): number {
  const allowed = allowedDown(room.listed, room.maxUnavailablePercentage);
  return Math.max(0, allowed - othersDown - counters.FAILED - underWay(counters));
}

/**
 * Null when there is no reading, or one too old to be believed. One from the future was counted by
 * another clock, or before this one was set back: nobody knows how old it is.
 */
export function freshReading(
  { room }: { readonly room: RoomReading | null },
  nowMs: number,
): RoomReading | null {
  if (room === null) return null;
  const ageMs = nowMs - room.countedAtMs;
  return ageMs >= 0 && ageMs <= ROOM_READING_MAX_AGE_MS ? room : null;
}

/**
 * A reading as it stands under the execution's lock: a batch may have begun since it was counted,
 * and those it took count as under way now, not as others' down, and cannot be taken again.
 */
export function readingAsItStands(reading: RoomReading, pending: ReadonlySet<number>): RoomReading {
  const downPending = reading.downPending.filter((index) => pending.has(index));
  const taken = reading.downPending.length - downPending.length;
  return { ...reading, downPending, othersDown: reading.othersDown - taken };
}
