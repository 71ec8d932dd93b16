import { expect, it } from '@jest/globals';
import { silentLog } from '#runtime/log.js';
import { SteppedClock } from '#runtime/stepped-clock.js';
import type { Fence, ListQuery, TargetDriver, TargetDrivers } from '#targets/target.driver.js';
import { RollbackRunner, type RollbackReport, type RunningRollback } from '../rollback.runner.js';
import { RollbackDrive } from './rollback-drive.ticker.js';

const lease = { shard: 1, epoch: 5 };
const key = { executionId: 'x', handOver: 3 };
const running = { id: 'x/3', subject: 'x', shard: 1, key } as unknown as RunningRollback;
const instance = { index: 0, instanceId: 'i-0', status: 'DRAINING', attempt: 1, version: '1.0.0' };
const LOOK_MS = 700;
const RUNNING = { state: 'RUNNING' };

/** A rollback that wants what the test says, at a target that takes its time. */
function aDrive(want: object | null, underWay: readonly object[] = []) {
  const clock = new SteppedClock();
  const reports: RollbackReport[] = [];
  const fences: Fence[] = [];
  const seen = { loads: 0, failure: null as Error | null, drivenBy: null as Fence | null };
  const work = { owesReport: false };
  const asked = { target: {}, drainTimeoutMs: 0, healthCheckTimeoutMs: 1_000, artifacts: {} };
  const runner = {
    load: () => {
      seen.loads += 1;
      return Promise.resolve({ work, asked, underWay });
    },
    mustSpeak: () => false,
    wantOf: () => want,
    next: () => Promise.resolve([instance]),
    report: (_: unknown, __: unknown, report: RollbackReport) => {
      if (seen.failure !== null) return Promise.reject(seen.failure);
      reports.push(report);
      return Promise.resolve({ work, begun: [], isOver: false });
    },
  } as unknown as RollbackRunner;
  const driver = {
    room: () => Promise.resolve({ listed: 4, down: 2, spare: 0 }),
    list: async ({ cursor }: ListQuery) => {
      await clock.advance(LOOK_MS);
      const [id, nextCursor] = cursor === undefined ? ['i-1', 'more'] : ['i-2', null];
      return { instances: [{ id }], nextCursor };
    },
    submit: (operations: readonly { id: string }[], fence: Fence) => {
      fences.push(fence);
      const refused = seen.drivenBy && { state: 'REFUSED', fence: seen.drivenBy };
      return Promise.resolve(operations.map(({ id }) => ({ id, ...(refused ?? RUNNING) })));
    },
    poll: (operations: readonly { id: string }[]) =>
      Promise.resolve(operations.map(({ id }) => ({ id, ...RUNNING }))),
  } as unknown as TargetDriver;
  const drivers = { open: () => driver } as unknown as TargetDrivers;
  const parts = { runner, drivers, clock, log: silentLog, onError: () => undefined };
  const drive = new RollbackDrive(running, lease, parts);
  return { drive, clock, reports, fences, seen };
}

it('the room is of the moment it was counted, with the down ones of every page', async () => {
  const { drive, clock, reports } = aDrive({ want: 'COUNT_ROOM' });
  const countedAtMs = clock.nowMs();
  await drive.turn();
  drive.abandon();
  const downIds = ['i-1', 'i-2'];
  expect(reports).toEqual([{ type: 'ROOM', othersDown: 2, downIds, countedAtMs }]);
});

it('a look is of the moment it began', async () => {
  const { drive, clock, reports } = aDrive({ want: 'LOOK', from: 'DOWN', limit: 1 });
  const lookedAtMs = clock.nowMs();
  await drive.turn();
  drive.abandon();
  expect(reports).toMatchObject([{ type: 'LOOKED', from: 'DOWN', lookedAtMs }]);
});

it('operations carry the hand-over and the epoch of the lease', async () => {
  const sinceMs = new SteppedClock().nowMs();
  const { drive, fences } = aDrive(null, [{ ...instance, sinceMs }]);
  await drive.turn();
  drive.abandon();
  expect(fences).toEqual([{ handOver: 3, epoch: 5 }]);
});

it('a target that somebody with a higher fence drives is not asked again at once', async () => {
  const { drive, clock, seen } = aDrive(null, [{ ...instance, sinceMs: 0 }]);
  seen.drivenBy = { handOver: 3, epoch: 6 };
  const pauseMs = await drive.turn();
  drive.abandon();
  expect(pauseMs).toBe(1_000);
  expect(clock.nowMs()).toBe(0);
});

it('after a report that failed everything begins again from the rows', async () => {
  const { drive, seen } = aDrive({ want: 'COUNT_ROOM' });
  seen.failure = new Error('the database is away');
  await expect(drive.turn()).rejects.toThrow('the database is away');
  seen.failure = null;
  await drive.turn();
  drive.abandon();
  expect(seen.loads).toBe(2);
});

it('nothing is reported under the lease of another shard', async () => {
  const nothing = {} as never;
  const runner = new RollbackRunner(nothing, nothing, new SteppedClock(), nothing);
  const other = { shard: 2, epoch: 1 };
  await expect(runner.report(running, other, { type: 'TIME_PASSED' })).rejects.toThrow('lease 2');
});
