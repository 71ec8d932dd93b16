import { expect, it } from '@jest/globals';
import { silentLog } from '#runtime/log.js';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { anExecution, type ExecutionBuilder } from '#testing/an-execution.js';
import type { OperationState, TargetDriver } from '#targets/target.driver.js';
import { ExecutionTicker, type EngineParts } from './execution.ticker.js';
import type { Committed, RawReport, StoredExecution } from '../upgrade-asked.runner.js';

const lease = { shard: 1, epoch: 1 };
const oneUpgrading = anExecution().inProgress().withBatch(1, 1).withCounters({ UPGRADING: 1 });
const upgrading = (attempt: number) => {
  const movedAtMs = new SteppedClock().nowMs();
  return [{ index: 0, instanceId: 'i-0', status: 'UPGRADING', attempt, movedAtMs }];
};
const storedOf = (execution: ExecutionBuilder): StoredExecution =>
  ({ execution: execution.build(), snapshot: { target: {} } }) as unknown as StoredExecution;
const committed = (execution: ExecutionBuilder): Committed => {
  return { stored: storedOf(execution), taken: [] };
};

/** An engine whose rows and target say what the test says; its reports find the row busy. */
function anEngine(before: ExecutionBuilder) {
  const clock = new SteppedClock();
  const done: string[] = [];
  const reports: RawReport[] = [];
  const said = {
    rows: () => Promise.resolve(storedOf(before)),
    underWay: before.build().counters.UPGRADING > 0 ? upgrading(1) : [],
    state: () => Promise.resolve<OperationState>({ id: 'o', state: 'SUCCEEDED' }),
  };
  const submit = async (operations: readonly object[]): Promise<OperationState[]> => {
    done.push('submitted');
    const state = await said.state();
    return operations.map(() => state);
  };
  const driver = { submit, submitSet: () => said.state() } as unknown as TargetDriver;
  const get = (): Promise<StoredExecution> => {
    done.push('read');
    return said.rows();
  };
  const report = ({ input }: { input: RawReport }) => {
    reports.push(input);
    return Promise.resolve({ kind: 'BUSY' });
  };
  const parts = {
    store: { get, ownDown: () => Promise.resolve(said.underWay) },
    runner: { report },
    drivers: { open: () => driver },
    ...{ clock, log: silentLog, holds: () => true, over: () => undefined },
  } as unknown as EngineParts;
  const ticker = new ExecutionTicker(before.build().id, lease, parts);
  const stop = async (): Promise<void> => {
    const stopped = ticker.stop();
    await clock.advance(1_000);
    await stopped;
  };
  return { ticker, clock, done, reports, said, stop };
}

it('what an earlier attempt came to is not reported of the next one', async () => {
  const { ticker, clock, done, reports, said, stop } = anEngine(oneUpgrading);
  ticker.start();
  await clock.advance(100);
  expect(reports.at(-1)).toMatchObject({ settled: [{ attempt: 1, indices: [0] }] });
  said.underWay = upgrading(2);
  reports.length = 0;
  ticker.doubt();
  await clock.advance(1_000);
  expect(done.filter((what) => what === 'submitted')).toHaveLength(2);
  expect(reports[0]).toMatchObject({ settled: [{ attempt: 2, indices: [0] }] });
  await stop();
});

it.each([
  ['an instance', oneUpgrading],
  ['a set', anExecution().blueGreen('CREATING')],
])('one that is superseded at %s reads its rows again', async (_, before) => {
  const { ticker, clock, done, said, stop } = anEngine(before);
  const fence = { handOver: 2, epoch: 9 };
  said.state = () => Promise.resolve<OperationState>({ id: 'o', state: 'REFUSED', fence });
  ticker.start();
  await clock.advance(5_000);
  expect(done.filter((what) => what === 'read').length).toBeGreaterThan(1);
  await stop();
});

it.each([
  ['', oneUpgrading],
  [', though it began nothing yet', anExecution().validating()],
])('a commit that is told of after a later one changes nothing%s', async (_, earlier) => {
  const now = oneUpgrading.with({ revision: 5, handOver: 2 });
  const { ticker, clock, reports, said, stop } = anEngine(now);
  const succeeded = { id: 'o', state: 'SUCCEEDED' } as const;
  let answer: (state: OperationState) => void = () => undefined;
  said.state = () => new Promise((resolve) => (answer = resolve));
  ticker.start();
  await clock.advance(1);
  ticker.committed(committed(earlier.with({ revision: 4, handOver: 1 })));
  said.state = () => Promise.resolve(succeeded);
  answer(succeeded);
  await clock.advance(1_000);
  expect(reports.length).toBeGreaterThan(0);
  for (const report of reports) expect(report).toMatchObject({ handOver: 2 });
  await stop();
});

it('what was read while something was committed is read once more before it is believed', async () => {
  const { ticker, clock, done, said, stop } = anEngine(oneUpgrading);
  let answer: (stored: StoredExecution) => void = () => undefined;
  said.rows = () => new Promise((resolve) => (answer = resolve));
  ticker.start();
  await clock.advance(1);
  ticker.committed(committed(oneUpgrading.with({ revision: 3 })));
  said.rows = () => Promise.resolve(storedOf(oneUpgrading.with({ revision: 3 })));
  answer(storedOf(oneUpgrading));
  await clock.advance(100);
  expect(done).toEqual(['read', 'read', 'submitted']);
  await stop();
});

it('what a target says of a step is nobody’s once the execution is rolled back', async () => {
  const { ticker, clock, reports, said, stop } = anEngine(oneUpgrading);
  let answer: (state: OperationState) => void = () => undefined;
  said.state = () => new Promise((resolve) => (answer = resolve));
  ticker.start();
  await clock.advance(1);
  ticker.committed(committed(anExecution().rollingBack().with({ revision: 3 })));
  answer({ id: 'o', state: 'SUCCEEDED' });
  await clock.advance(1_000);
  expect(reports).toEqual([]);
  await stop();
});
