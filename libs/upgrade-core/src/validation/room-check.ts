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

/** What there is beside the set that traffic goes to. */
export interface CountedSets {
  /** The target can run a second set beside the live one. */
  readonly canRunSets: boolean;
  /** Instances of sets without traffic. */
  readonly standing: number;
}

/** For strategies that work in what is there; {@link judgeSpare} for a set beside it. */
export function judgeRoom(room: CountedRoom, question: RoomQuestion): Judgement {
  if (room.listed === 0) return judgeEmpty(room);
  if (question.strategy === 'RECREATE') {
    const summary = 'RECREATE takes down all instances at once: it needs no room';
    return judged('PASSED', summary, { ...room, needsRoom: false });
  }
  return judgePlaces(room, question);
}

/**
 * BLUE_GREEN: the new set runs beside the old one, instance for instance. A set that an earlier
 * upgrade has kept counts as room: it is switched back to, or retired before the new one is created.
 */
export function judgeSpare(
  room: CountedRoom,
  { canRunSets, standing }: CountedSets,
  { expectedInstances }: RoomQuestion,
): Judgement {
  if (room.listed === 0) return judgeEmpty(room);
  const needed = Math.max(room.listed, expectedInstances ?? 0);
  const evidence = { ...room, canRunSets, standing, needed };
  if (!canRunSets) {
    return judged('FAILED', 'the target cannot run a second set beside the live one', evidence);
  }
  const kept = standing === 0 ? '' : `, and ${String(standing)} stand without traffic`;
  const summary = `a whole new set needs ${String(needed)} instances, the target could add ${String(room.spare)}${kept}`;
  return judged(room.spare + standing >= needed ? 'PASSED' : 'FAILED', summary, evidence);
}

function judgeEmpty(room: CountedRoom): Judgement {
  return judged('FAILED', 'the target lists no instances', { ...room });
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
