import { expect, it } from '@jest/globals';
import { silentLog } from '#runtime/log.js';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { anExecution, type ExecutionBuilder } from '#testing/an-execution.js';
import type { ListQuery, TargetDriver } from '#targets/target.driver.js';
import { ExecutionTicker, type EngineParts } from './execution.ticker.js';
import type { StoredExecution } from '../upgrade-asked.runner.js';

const lease = { shard: 1, epoch: 1 };
const storedOf = (execution: ExecutionBuilder): StoredExecution =>
  ({ execution: execution.build(), snapshot: { target: {} } }) as unknown as StoredExecution;

/** An execution's engine at a target where everything is well; reports end as the test says. */
function anEngine(before: ExecutionBuilder, underWay: readonly object[] = []) {
  const clock = new SteppedClock();
  const seen = { isHeld: true, lists: 0, excepted: [] as (readonly string[])[] };
  const answers: object[] = [];
  const stored = storedOf(before);
  const { version } = stored.execution.plan.to;
  const driver = {
    list: ({ ids = [] }: ListQuery) => {
      seen.lists += 1;
      const up = { version, admitted: true, healthy: true, problem: null };
      return Promise.resolve({ instances: ids.map((id) => ({ id, ...up })), nextCursor: null });
    },
    room: (except: readonly string[]) => {
      seen.excepted.push(except);
      return Promise.resolve({ listed: stored.execution.listed, down: 0, spare: 0 });
    },
    submit: (operations: readonly { id: string }[]) =>
      Promise.resolve(operations.map(({ id }) => ({ id, state: 'SUCCEEDED' }))),
  } as unknown as TargetDriver;
  const parts = {
    store: { get: () => Promise.resolve(stored), ownDown: () => Promise.resolve(underWay) },
    runner: { report: () => Promise.resolve(answers.shift() ?? { kind: 'BUSY' }) },
    drivers: { open: () => driver },
    ...{ clock, log: silentLog, holds: () => seen.isHeld, over: () => undefined },
  } as unknown as EngineParts;
  const ticker = new ExecutionTicker(stored.execution.id, lease, parts);
  const stop = async (): Promise<void> => {
    const stopped = ticker.stop();
    await clock.advance(1_000);
    await stopped;
  };
  return { ticker, clock, seen, answers, stop };
}

it('asks its target nothing while the lease is not held', async () => {
  const listing = { cursor: null, complete: false, alreadyThere: 0 };
  const { ticker, clock, seen, stop } = anEngine(anExecution().validating().with({ listing }));
  ticker.start();
  await clock.advance(1_000);
  const { lists } = seen;
  expect(lists).toBeGreaterThan(0);
  seen.isHeld = false;
  await clock.advance(5_000);
  expect(seen.lists).toBe(lists);
  seen.isHeld = true;
  await clock.advance(5_000);
  expect(seen.lists).toBeGreaterThan(lists);
  await stop();
});

it('leaves an instance out of the room’s count no longer than it is under way', async () => {
  const upgrade = anExecution().inProgress().withBatch(1, 1);
  const before = upgrade.withCounters({ PENDING: 2, HEALTH_CHECKING: 1 });
  const clockStartMs = new SteppedClock().nowMs();
  const { ticker, clock, seen, answers, stop } = anEngine(before, [
    { index: 0, instanceId: 'i-0', status: 'HEALTH_CHECKING', attempt: 1, movedAtMs: clockStartMs },
  ]);
  const { execution, ...brief } = storedOf(upgrade.withCounters({ PENDING: 2, COMPLETED: 1 }));
  const after = { ...execution, roomWanted: true, revision: execution.revision + 1 };
  answers.push({
    kind: 'COMMITTED',
    change: { stored: { ...brief, execution: after }, taken: [] },
  });
  const committed = answers[0] as { change: Parameters<ExecutionTicker['committed']>[0] };
  ticker.start();
  await clock.advance(1);
  expect(seen.excepted[0]).toEqual(['i-0']);
  ticker.committed(committed.change);
  await clock.advance(5_000);
  expect(seen.excepted.at(-1)).toEqual([]);
  await stop();
});
