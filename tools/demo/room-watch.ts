/** Looks at the fleet from outside, through its agent, as often as it answers. */
import { setTimeout as pause } from 'node:timers/promises';

const LOOK_EVERY_MS = 100;
const ANSWER_LIMIT_MS = 5_000;
const LIST_LIMIT = 1_000;

export interface RoomSeen {
  /** How often the whole live set was seen. */
  readonly looks: number;
  /** The most instances that one look saw not both admitted and healthy. */
  readonly mostDown: number;
  /** Who they were, and what was wrong with them. */
  readonly who: readonly string[];
  /** The fewest instances that the live set had. */
  readonly fewest: number;
}

export interface RoomWatch {
  /** Ends with the look under way; what it says then is final. */
  stop(): Promise<RoomSeen>;
}

interface Seen {
  readonly id: string;
  readonly admitted: boolean;
  readonly healthy: boolean;
  readonly problem: string | null;
}

/** @param url the agent, as `http://127.0.0.1:8095` */
export function watchRoom(url: string, fleet: string): RoomWatch {
  const ending = new AbortController();
  let seen: RoomSeen = { looks: 0, mostDown: 0, who: [], fewest: Infinity };
  const watch = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      const instances = await look(`${url}/v1/fleets/${fleet}/list`);
      if (instances !== undefined) seen = withLook(seen, instances);
      await pause(LOOK_EVERY_MS, undefined, { signal: ending.signal }).catch(() => undefined);
    }
  };
  const watching = watch();
  return {
    async stop() {
      ending.abort();
      await watching;
      return seen;
    },
  };
}

/** Every instance of the set that has the traffic; undefined: the agent did not answer. */
async function look(url: string): Promise<readonly Seen[] | undefined> {
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ limit: LIST_LIMIT }),
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    });
    if (!answer.ok) return undefined;
    return ((await answer.json()) as { instances: Seen[] }).instances;
  } catch {
    return undefined;
  }
}

export function withLook(before: RoomSeen, instances: readonly Seen[]): RoomSeen {
  const down = instances.filter(({ admitted, healthy }) => !admitted || !healthy);
  const isWorse = down.length > before.mostDown;
  return {
    looks: before.looks + 1,
    mostDown: isWorse ? down.length : before.mostDown,
    who: isWorse ? down.map(whyDown) : before.who,
    fewest: Math.min(before.fewest, instances.length),
  };
}

function whyDown({ id, admitted, problem }: Seen): string {
  return `${id} (${[...(admitted ? [] : ['not admitted']), ...(problem === null ? [] : [problem])].join(', ')})`;
}
