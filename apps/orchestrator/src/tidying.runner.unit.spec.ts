import { expect, it } from '@jest/globals';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { anExecution } from '#testing/an-execution.js';
import type { ExecutionStore } from './persistence/execution.store.js';
import { TidyingRunner } from './tidying.runner.js';

it.each([
  ['is written down', 0, ['observed', 'disarmed']],
  ['is left to the execution that has begun since', 1, ['disarmed']],
])('what a target runs after an execution %s', async (_, laterBy, expected) => {
  const execution = anExecution().ended('COMPLETED').build();
  const done: string[] = [];
  const tx = {
    lock: () => Promise.resolve(new Map([[execution.id, { execution }]])),
    deployment: () => Promise.resolve({ handOver: execution.handOver + laterBy }),
    plannedVersions: () => Promise.resolve([]),
    recordObserved: () => Promise.resolve(void done.push('observed')),
    disarm: () => Promise.resolve(void done.push('disarmed')),
  };
  const transaction = (work: (it: typeof tx) => Promise<void>): Promise<void> => work(tx);
  const store = { transaction } as unknown as ExecutionStore;
  const census = { versions: { '2.0.0': 4 }, standing: [] };
  await new TidyingRunner(store, new SteppedClock()).observed(execution.id, census);
  expect(done).toEqual(expected);
});

it('all on one registered version make it the current one; mixed, or on another, they change nothing', async () => {
  const execution = anExecution().ended('FAILED').build();
  const { from, to } = execution.plan;
  const older = { ...from, id: 'one-older', version: '0.9.0' };
  const current: (string | null)[] = [];
  const tx = {
    lock: () => Promise.resolve(new Map([[execution.id, { execution }]])),
    deployment: () => Promise.resolve({ handOver: execution.handOver }),
    plannedVersions: (componentId: string, wanted: readonly string[]) => {
      expect(componentId).toBe(execution.componentId);
      return Promise.resolve([older, from, to].filter(({ version }) => wanted.includes(version)));
    },
    recordObserved: (_: unknown, __: unknown, id: string | null) =>
      Promise.resolve(void current.push(id)),
    disarm: () => Promise.resolve(),
  };
  const transaction = (work: (it: typeof tx) => Promise<void>): Promise<void> => work(tx);
  const runner = new TidyingRunner(
    { transaction } as unknown as ExecutionStore,
    new SteppedClock(),
  );
  for (const versions of [
    { [to.version]: 4 },
    { [from.version]: 4 },
    { [older.version]: 4 },
    { [from.version]: 2, [to.version]: 2 },
    { '9.9.9': 4 },
    {},
  ]) {
    await runner.observed(execution.id, { versions, standing: [] });
  }
  expect(current).toEqual([to.id, from.id, older.id, null, null, null]);
});
