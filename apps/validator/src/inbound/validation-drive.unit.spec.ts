import { expect, it } from '@jest/globals';
import { SystemClock, type Clock } from '#runtime/clock.js';
import { SteppedClock } from '#runtime/stepped-clock.js';
import type { TargetDrivers } from '#targets/target.driver.js';
import { ValidationRunner, type RunningValidation } from '../validation.runner.js';
import { ValidationDrive } from './validation-drive.ticker.js';

const lease = { shard: 1, epoch: 1 };
const running = { id: 'v', subject: 'x', shard: 1, key: {} } as unknown as RunningValidation;
const validation = { state: 'RUNNING' };

/** A runner with one check to carry out, whose reports fail or not as the test says. */
function aDrive(check = 'HEALTH_CHECK', clock: Clock = new SystemClock()) {
  const reported: unknown[] = [];
  const failures: Error[] = [];
  const runner = {
    load: () => Promise.resolve({ validation, asked: {}, left: [check] }),
    begin: () => ({ first: { judgement: { outcome: 'PASSED' } }, ranMs: 0, leftMs: 1_000 }),
    resultOf: (name: string) => ({ check: name }),
    mustSpeak: () => false,
    report: (_: unknown, __: unknown, input: unknown) => {
      const failure = failures.pop();
      if (failure !== undefined) return Promise.reject(failure);
      reported.push(input);
      return Promise.resolve(validation);
    },
  } as unknown as ValidationRunner;
  let wake: () => void = () => undefined;
  const woken = new Promise<void>((resolve) => (wake = resolve));
  const drivers = {} as TargetDrivers;
  const callSmokeTest = () => Promise.reject(new Error('nobody should call'));
  const parts = { runner, drivers, callSmokeTest, clock, wake };
  return { drive: new ValidationDrive(running, lease, parts), reported, failures, woken };
}

it('a check whose report fails is reported again, and only once it got through no more', async () => {
  const { drive, reported, failures, woken } = aDrive();
  await drive.turn();
  await woken;
  failures.push(new Error('the database is away'));
  await expect(drive.turn()).rejects.toThrow('the database is away');
  await drive.turn();
  await drive.turn();
  expect(reported).toEqual([{ type: 'CHECKS_ENDED', checks: [{ check: 'HEALTH_CHECK' }] }]);
});

it('a check that has ended leaves no timer behind', async () => {
  const clock = new SteppedClock();
  const { drive, woken } = aDrive('HEALTH_CHECK', clock);
  await drive.turn();
  await woken;
  await clock.settle();
  expect(clock.sleeping).toBe(0);
});

it('nothing is reported under the lease of another shard', async () => {
  const nothing = {} as never;
  const runner = new ValidationRunner(nothing, nothing, new SystemClock(), nothing);
  const other = { shard: 2, epoch: 1 };
  await expect(runner.report(running, other, { type: 'TIME_PASSED' })).rejects.toThrow('lease 2');
});
