import { expect, it } from '@jest/globals';
import { silentLog } from '#runtime/log.js';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { anExecution } from '#testing/an-execution.js';
import type { TargetDriver } from '#targets/target.driver.js';
import { RoomTicker } from './room.ticker.js';

const COUNT_MS = 700;

it('a count is of the moment it began, and says who is down besides our own', async () => {
  const clock = new SteppedClock();
  const driver = {
    room: async () => {
      await clock.advance(COUNT_MS);
      return { listed: 4, down: 1, spare: 0 };
    },
    list: async () => {
      await clock.advance(COUNT_MS);
      const instances = ['i-0', 'i-1', 'i-2'].map((id) => ({ id }));
      return { instances, nextCursor: null };
    },
  } as unknown as TargetDriver;
  const asked: (readonly string[])[] = [];
  const store = {
    pendingAmong: (_: string, ids: readonly string[]) => {
      asked.push(ids);
      return Promise.resolve([2]);
    },
  };
  const counted = () => Promise.resolve();
  let wake: () => void = () => undefined;
  const woken = new Promise<void>((resolve) => (wake = resolve));
  const ticker = new RoomTicker({ store, clock, log: silentLog }, { counted }, wake);
  const execution = anExecution()
    .inProgress()
    .withCounters({ PENDING: 3, UPGRADING: 1 })
    .with({ roomWanted: true })
    .build();
  const countedAtMs = clock.nowMs();
  ticker.keepCounted(execution, driver, new Map([[0, 'i-0']]), true);
  await woken;
  // Two of others are in the list, which came after the count of one.
  expect(ticker.latest).toEqual({ othersDown: 2, downPending: [2], countedAtMs });
  expect(asked).toEqual([['i-1', 'i-2']]);
});
