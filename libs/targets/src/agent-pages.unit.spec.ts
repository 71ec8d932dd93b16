import { expect, it } from '@jest/globals';
import { REQUEST_LIMITS } from '#core/limits.js';
import { askedOf, faultOf, withStanding } from './agent-pages.js';
import { LIST_PAGE_MAX } from './target-limits.js';
import type { ListPage, ListQuery } from './target.driver.js';

const limit = LIST_PAGE_MAX;

function pageOf(ids: readonly string[], nextCursor: string | null): ListPage {
  const state = { version: '1.0.0', admitted: true, healthy: true, problem: null };
  return { instances: ids.map((id) => ({ id, ...state })), nextCursor };
}

it('an agent is asked with its own cursor, whatever else travels in ours', () => {
  const { nextCursor } = withStanding({ limit }, pageOf(['a'], 'its own'));
  expect(askedOf({ limit, cursor: nextCursor ?? '' })).toEqual({ limit, cursor: 'its own' });
  expect(withStanding({ limit }, pageOf(['a'], null)).nextCursor).toBeNull();
});

it('a listing ends when more were listed than one upgrade may take', () => {
  let query: ListQuery = { limit };
  let fault: string | null = null;
  let listed = 0;
  while (fault === null) {
    const ids = Array.from({ length: limit }, () => String((listed += 1)).padStart(9, '0'));
    const page = pageOf(ids, String(listed));
    fault = faultOf(query, page);
    query = { limit, cursor: withStanding(query, page).nextCursor ?? '' };
  }
  expect(fault).toBe('with more than 1000000 instances');
  expect(listed).toBe(REQUEST_LIMITS.totalInstancesMax + limit);
});

it('of down ones a page may be empty and lead on, but not to itself', () => {
  const query = { limit, downOnly: true };
  const first = pageOf([], 'x');
  expect(faultOf(query, first)).toBeNull();
  const cursor = withStanding(query, first).nextCursor ?? '';
  expect(faultOf({ ...query, cursor }, pageOf([], 'y'))).toBeNull();
  expect(faultOf({ ...query, cursor }, pageOf([], 'x'))).toBe('with a page that leads no further');
});
