import { expect, it } from '@jest/globals';
import { SteppedClock } from '#runtime/stepped-clock.js';
import type { ListQuery, TargetDriver } from '#targets/target.driver.js';
import type { ExpectedInstance } from '../validation.runner.js';
import { CheckProbe } from './check.probe.js';

const { signal } = new AbortController();

/** Looks at a page that expects these; what the target was asked to list. */
async function seen(expected: ExpectedInstance[]) {
  const asked: ListQuery[] = [];
  const list = (query: ListQuery) => {
    asked.push(query);
    return Promise.resolve({ instances: [], nextCursor: null });
  };
  const probe = new CheckProbe({
    driver: { list } as unknown as TargetDriver,
    pageOf: () => Promise.resolve(expected),
    callSmokeTest: () => Promise.reject(new Error('nobody should call')),
    clock: new SteppedClock(),
  });
  const sight = await probe.see({ want: 'PAGE', page: 1 }, signal);
  return { asked, sight };
}

it('of a page the instances it names are listed, and of one that names none nobody is asked', async () => {
  const version = '1.1.0';
  const { asked } = await seen([
    { id: 'a', version },
    { id: 'b', version },
  ]);
  expect(asked).toEqual([{ ids: ['a', 'b'], limit: 2 }]);
  const none = await seen([]);
  expect(none.asked).toEqual([]);
  expect(none.sight).toEqual({ want: 'PAGE', expected: [], instances: [] });
});
