import { expect, it } from '@jest/globals';
import { ManualClock } from '#testing/manual-clock.js';
import type { TargetDriver, TargetDrivers } from '#targets/target.driver.js';
import { WatchRunner, type Looked, type RunningWatch } from '../watch.runner.js';
import { WatchDrive } from './watch-drive.ticker.js';
import { WatchTicker, type WatchTickerParts } from './watch.ticker.js';

const lease = { shard: 1, epoch: 1 };
const running = { id: 'w', subject: 'x', shard: 1, key: {} } as unknown as RunningWatch;
const watch = { state: 'RUNNING', pages: 1 };
const LOOK_MS = 700;

/** A watch whose sample is due, at a target that takes its time; `during` happens meanwhile. */
function aDrive(during: () => void = () => undefined) {
  const clock = new ManualClock();
  const reported: Looked[] = [];
  const order = { number: 3, deadlineMs: 10_000, metrics: [] };
  const runner = {
    load: () => Promise.resolve({ watch, asked: { target: {} } }),
    sampleDue: () => order,
    wordDue: () => false,
    pauseMs: () => 1_000,
    page: () => Promise.resolve([{ id: 'i-0', version: '1.1.0' }]),
    judgePage: () => ({ outcome: 'PASS', healthy: 1, unfit: 0, first: [] }),
    report: (_: unknown, __: unknown, looked: Looked) => {
      reported.push(looked);
      return Promise.resolve(watch);
    },
  } as unknown as WatchRunner;
  const driver = {
    list: () => {
      clock.pass(LOOK_MS);
      during();
      return Promise.resolve({ instances: [{ id: 'i-0' }], nextCursor: null });
    },
  } as unknown as TargetDriver;
  const drivers = { open: () => driver } as unknown as TargetDrivers;
  const value = () => Promise.reject(new Error('nobody should ask'));
  const prometheus = { value, close: () => Promise.resolve() };
  const drive = new WatchDrive(running, lease, { runner, drivers, prometheus, clock });
  return { drive, clock, reported };
}

it('a sample is of the moment its look began', async () => {
  const { drive, clock, reported } = aDrive();
  const beganAtMs = clock.nowMs();
  await drive.turn();
  expect(reported).toMatchObject([{ type: 'LOOKED', number: 3, atMs: beganAtMs }]);
  expect(clock.nowMs()).toBeGreaterThan(beganAtMs);
});

it('a look that was cut short by the loss of its lease is not reported', async () => {
  const { drive, reported } = aDrive(() => {
    drive.abandon();
  });
  expect(await drive.turn()).toBe('OVER');
  expect(reported).toEqual([]);
});

it('nothing is reported under the lease of another shard', async () => {
  const nothing = {} as never;
  const runner = new WatchRunner(nothing, nothing, new ManualClock(), 1_000, nothing);
  const other = { shard: 2, epoch: 1 };
  await expect(runner.report(running, other, { type: 'TIME_PASSED' })).rejects.toThrow('lease 2');
});

it('a replica that holds no shard any more says that it runs no watches', () => {
  const counts: number[] = [];
  const parts = { clock: new ManualClock(), counted: (watches: number) => counts.push(watches) };
  const leases = { heldNow: () => [] };
  new WatchTicker(parts as unknown as WatchTickerParts, leases).wake();
  expect(counts).toEqual([0]);
});
