import { expect, it } from '@jest/globals';
import { silentLog } from '#runtime/log.js';
import { SteppedClock } from '#runtime/stepped-clock.js';
import type { ListQuery, TargetDriver } from '#targets/target.driver.js';
import type { RollbackReport, RollbackRunner } from '../rollback.runner.js';
import { RollbackDrive } from './rollback-drive.ticker.js';

it('an instance is restored when it is well in traffic, and not as soon as it is let back in', async () => {
  const clock = new SteppedClock();
  const reports: RollbackReport[] = [];
  const seen = { healthy: true, readmissions: 0 };
  const work = { owesReport: false };
  const timeouts = { drainTimeoutMs: 0, healthCheckIntervalMs: 100, healthCheckTimeoutMs: 60_000 };
  const asked = { target: {}, artifacts: {}, ...timeouts };
  const walking = { index: 0, instanceId: 'i-0', status: 'HEALTH_CHECKING', attempt: 1 };
  const underWay = [{ ...walking, version: '1.0.0', sinceMs: clock.nowMs() }];
  const runner = {
    load: () => Promise.resolve({ work, asked, underWay }),
    mustSpeak: () => false,
    wantOf: () => null,
    report: (_: unknown, __: unknown, report: RollbackReport) => {
      reports.push(report);
      return Promise.resolve({ work, begun: [], isOver: false });
    },
  } as unknown as RollbackRunner;
  const driver = {
    list: ({ ids = [] }: ListQuery) => {
      const { healthy } = seen;
      const one = { version: '1.0.0', admitted: true, healthy, problem: null };
      return Promise.resolve({ instances: ids.map((id) => ({ id, ...one })), nextCursor: null });
    },
    submit: (operations: readonly object[]) => {
      seen.readmissions += 1;
      // What it is worth shows under load.
      seen.healthy = false;
      return Promise.resolve(operations.map(() => ({ state: 'SUCCEEDED' })));
    },
  } as unknown as TargetDriver;
  const drivers = { open: () => driver };
  const parts = { runner, drivers, clock, log: silentLog, onError: () => undefined };
  const running = { id: 'x/3', subject: 'x', shard: 1, key: { executionId: 'x', handOver: 3 } };
  const lease = { shard: 1, epoch: 5 };
  const drive = new RollbackDrive(running, lease, parts as never);
  const turn = async (): Promise<void> => {
    await drive.turn();
    await clock.advance(10_000);
  };
  await turn();
  await turn();
  expect(seen.readmissions).toBe(1);
  expect(reports).toEqual([]);
  seen.healthy = true;
  await turn();
  expect(reports).toMatchObject([{ type: 'STEPS', settled: [{ index: 0, outcome: 'DONE' }] }]);
  drive.abandon();
});
