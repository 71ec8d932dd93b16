import { expect, it } from '@jest/globals';
import { silentLog } from '#runtime/log.js';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { anExecution } from '#testing/an-execution.js';
import type { TargetDriver } from '#targets/target.driver.js';
import { ENGINE_LIMITS } from '../orchestrator-limits.js';
import { FleetCensusTicker } from './fleet-census.ticker.js';

it('a comparison that fails leaves the doubt, and is begun again after a pause', async () => {
  const clock = new SteppedClock();
  const lists = { failing: true, count: 0 };
  const driver = {
    list: () => {
      lists.count += 1;
      if (lists.failing) return Promise.reject(new Error('the target is away'));
      return Promise.resolve({ instances: [], nextCursor: null });
    },
  } as unknown as TargetDriver;
  const row = { index: 0, instanceId: 'i-0', status: 'PENDING' };
  const store = { instances: () => Promise.resolve([row]) } as never;
  const ticker = new FleetCensusTicker({ store, clock, log: silentLog }, () => undefined);
  const execution = anExecution().inProgress().withCounters({ PENDING: 1 }).build();
  const lookAgain = async (): Promise<void> => {
    ticker.keepCompared(execution, driver);
    await clock.settle();
    await clock.advance(ENGINE_LIMITS.roomEveryMs);
  };
  ticker.doubt();
  await lookAgain();
  lists.failing = false;
  await lookAgain();
  expect(ticker.comparison).toMatchObject({ vanished: [0] });
  ticker.comparison = null;
  await lookAgain();
  expect(lists.count).toBe(2);
});
