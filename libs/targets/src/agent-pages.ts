/**
 * What holds between the pages of one listing. An agent is asked page by page, over hours and by
 * several replicas, so what was listed before travels in the cursor: an agent that repeats itself
 * would have an instance taken twice, and one that never ends would be listed for ever.
 */
import { REQUEST_LIMITS } from '#core/limits.js';
import type { ListPage, ListQuery } from './target.driver.js';

/** Where a listing stands after a page that is not its last. */
interface Standing {
  /** The agent's own cursor. */
  readonly cursor: string;
  /** The greatest id so far; null: none was listed. */
  readonly lastId: string | null;
  /** How many were listed so far. */
  readonly listed: number;
}

/** The query as the agent is to be asked it. */
export function askedOf(query: ListQuery): ListQuery {
  if (query.cursor === undefined) return query;
  return { ...query, cursor: standingOf(query.cursor).cursor };
}

/** What an answer says against the contract, in words that follow `answered`; null: nothing. */
export function faultOf(query: ListQuery, page: ListPage): string | null {
  const { instances, nextCursor } = page;
  if (instances.length > query.limit) return 'with more instances than were asked for';
  const before = query.cursor === undefined ? null : standingOf(query.cursor);
  if (query.ids !== undefined) {
    const asked = new Set(query.ids);
    const isAsked = instances.every(({ id }) => asked.delete(id));
    return isAsked ? null : 'about other instances than were asked about, or twice about one';
  }
  let lastId = before?.lastId ?? null;
  for (const { id } of instances) {
    if (lastId !== null && id <= lastId) return 'with instances that are not in the order of ids';
    lastId = id;
  }
  if (nextCursor === null) return null;
  // Of down ones alone there may be none among those looked at.
  const isMore = instances.length > 0 || query.downOnly === true;
  if (!isMore || nextCursor === before?.cursor) return 'with a page that leads no further';
  const most = REQUEST_LIMITS.totalInstancesMax;
  const listed = (before?.listed ?? 0) + instances.length;
  return listed > most ? `with more than ${String(most)} instances` : null;
}

/** The page with the cursor that the next one is to be asked with. */
export function withStanding(query: ListQuery, page: ListPage): ListPage {
  const { instances, nextCursor: cursor } = page;
  if (cursor === null) return page;
  const before = query.cursor === undefined ? null : standingOf(query.cursor);
  const lastId = instances.at(-1)?.id ?? before?.lastId ?? null;
  const listed = (before?.listed ?? 0) + instances.length;
  const standing: Standing = { cursor, lastId, listed };
  return { instances, nextCursor: JSON.stringify(standing) };
}

function standingOf(cursor: string): Standing {
  return JSON.parse(cursor) as Standing;
}
