import { expect, it } from '@jest/globals';
import { silentLog } from '#runtime/log.js';
import { SteppedClock } from '#runtime/stepped-clock.js';
import type { OperationState, TargetDrivers } from '#targets/target.driver.js';
import type { TidyingRunner } from '../tidying.runner.js';
import { TidyingTicker } from './tidying.ticker.js';

const fence = { handOver: 2, epoch: 9 };

/** What becomes of a set to be retired at a target that says this of the operation and its sets. */
async function retiring(state: OperationState, sets: readonly string[]): Promise<string[]> {
  const clock = new SteppedClock();
  const came: string[] = [];
  const say = (what: string) => (): Promise<void> => Promise.resolve(void came.push(what));
  const operation = { verb: 'retireSet', set: 'blue' };
  const due = { target: {}, handOver: 1, drainTimeoutMs: 0, operation };
  const tidying = {
    due: () => Promise.resolve(due),
    done: say('done'),
    superseded: say('superseded'),
    postpone: say('postponed'),
  } as unknown as TidyingRunner;
  const driver = {
    submitSet: () => Promise.resolve(state),
    sets: () => Promise.resolve(sets.map((name) => ({ name, live: name === 'green' }))),
  };
  const drivers = { open: () => driver } as unknown as TargetDrivers;
  const ticker = new TidyingTicker({ tidying, drivers, clock, log: silentLog });
  ticker.tidy('x', 'RETIRE_STANDBY', { shard: 1, epoch: 1 });
  await clock.settle();
  return came;
}

it.each<[string, OperationState, string[]]>([
  ['postponed', { id: 'o', state: 'FAILED', reason: 'no' }, ['green', 'blue']],
  ['postponed', { id: 'o', state: 'SUCCEEDED' }, ['green', 'blue']],
  ['done', { id: 'o', state: 'SUCCEEDED' }, ['green']],
  ['superseded', { id: 'o', state: 'REFUSED', fence }, ['green', 'blue']],
])('what is left is %s when the target says %j and has the sets %j', async (came, state, sets) => {
  expect(await retiring(state, sets)).toEqual([came]);
});
