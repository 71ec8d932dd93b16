/** RESOURCE_AVAILABILITY: whether the strategy finds the room it needs at the target now. */
import { allowedDown } from '../strategies/room.js';
import { judged, type Judgement } from './judgement.js';

/** The target's own count; `down` is what is not both admitted and healthy. */
export interface CountedRoom {
  readonly listed: number;
  readonly down: number;
  /** How many instances the target could run beside all it has. */
  readonly spare: number;
}

export interface RoomQuestion {
  /** A strategy nobody here knows is held to the rule of those that work in place. */
  readonly strategy: string;
  readonly maxUnavailablePercentage: number;
  /** How many instances are to be upgraded at least; null when nobody knows: all there are. */
  readonly expectedInstances: number | null;
}

export function judgeRoom(room: CountedRoom, question: RoomQuestion): Judgement {
  if (room.listed === 0) {
    return judged('FAILED', 'the target lists no instances', { ...room });
  }
  if (question.strategy === 'BLUE_GREEN') return judgeSpare(room, question);
  if (question.strategy === 'RECREATE') {
    const summary = 'RECREATE takes down all instances at once: it needs no room';
    return judged('PASSED', summary, { ...room, needsRoom: false });
  }
  return judgePlaces(room, question);
}

/** The new set runs beside the old one, instance for instance. */
function judgeSpare(room: CountedRoom, { expectedInstances }: RoomQuestion): Judgement {
  const needed = Math.max(room.listed, expectedInstances ?? 0);
  const evidence = { ...room, needed };
  const counts = `a whole new set needs ${String(needed)} instances, the target could add ${String(room.spare)}`;
  return judged(room.spare >= needed ? 'PASSED' : 'FAILED', counts, evidence);
}

/** At least one instance must fit the room now, or the upgrade would stand still at once. */
function judgePlaces(room: CountedRoom, { maxUnavailablePercentage }: RoomQuestion): Judgement {
  const allowed = allowedDown(room.listed, maxUnavailablePercentage);
  const places = Math.max(0, allowed - room.down);
  const evidence = { ...room, maxUnavailablePercentage, allowedDown: allowed, places };
  const counts =
    `${String(room.down)} of ${String(room.listed)} instances are down, ` +
    `${String(allowed)} may be`;
  return places === 0
    ? judged('FAILED', `no room for even one instance: ${counts}`, evidence)
    : judged('PASSED', `room for ${String(places)}: ${counts}`, evidence);
}
