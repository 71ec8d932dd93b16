import { expect, it } from '@jest/globals';
import type { Execution } from '#core/execution/execution.js';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { anExecution } from '#testing/an-execution.js';
import { TIDYING_LIMITS } from './orchestrator-limits.js';
import type { ExecutionStore } from './persistence/execution.store.js';
import { TidyingRunner } from './tidying.runner.js';

interface Version {
  readonly id: string;
  readonly version: string;
}

/** Tidies after this execution, and keeps what is written in turn. */
function tidyingAfter(
  execution: Execution,
  { handOver = execution.handOver, registered = [] as readonly Version[] } = {},
) {
  const written: string[] = [];
  const tx = {
    lock: () => Promise.resolve(new Map([[execution.id, { execution }]])),
    deployment: () => Promise.resolve({ handOver }),
    plannedVersions: (componentId: string, wanted: readonly string[]) =>
      Promise.resolve(
        componentId === execution.componentId
          ? registered.filter(({ version }) => wanted.includes(version))
          : [],
      ),
    recordObserved: (_: unknown, __: unknown, currentVersionId: string | null) =>
      Promise.resolve(void written.push(`observed ${String(currentVersionId)}`)),
    arm: () => Promise.resolve(void written.push('armed')),
    disarm: () => Promise.resolve(void written.push('disarmed')),
  };
  const transaction = (work: (it: typeof tx) => Promise<void>): Promise<void> => work(tx);
  const clock = new SteppedClock();
  const runner = new TidyingRunner({ transaction } as unknown as ExecutionStore, clock);
  const observe = (versions: Readonly<Record<string, number>>): Promise<void> =>
    runner.observed(execution.id, { versions, standing: [] });
  return { observe, written, clock };
}

it.each([
  ['is written down', 0, ['observed null', 'disarmed']],
  ['is left to the execution that has begun since', 1, ['disarmed']],
])('what a target runs after an execution %s', async (_, laterBy, expected) => {
  const execution = anExecution().ended('COMPLETED').build();
  const { observe, written } = tidyingAfter(execution, { handOver: execution.handOver + laterBy });
  await observe({ '2.0.0': 4 });
  expect(written).toEqual(expected);
});

const ended = anExecution().ended('FAILED').build();
const { from, to } = ended.plan;
const older = { id: 'one-older', version: '0.9.0' };

it.each([
  ['the version aimed at is the current one where all run it', { [to.version]: 4 }, to.id],
  ['the version come from is the current one where all run it', { [from.version]: 4 }, from.id],
  ['any other version of the component is where all run it', { [older.version]: 4 }, older.id],
  ['the current one stays where some run another', { [from.version]: 2, [to.version]: 2 }, null],
  ['the current one stays where all run what nobody registered', { '9.9.9': 4 }, null],
  ['the current one stays where nothing is listed', {}, null],
])('%s', async (_, versions: Record<string, number>, current) => {
  const { observe, written } = tidyingAfter(ended, { registered: [older, from, to] });
  await observe(versions);
  expect(written).toEqual([`observed ${String(current)}`, 'disarmed']);
});

it.each([
  ['asked again', 'unknown', 0, 'armed'],
  ['not asked for ever', 'unknown', TIDYING_LIMITS.silentAskedForMs, 'disarmed'],
  ['asked once', to.version, 0, 'disarmed'],
])('a target is %s that says it runs %s, %d ms after the end', async (_, version, ms, expected) => {
  const { observe, written, clock } = tidyingAfter({
    ...ended,
    lastProgressAtMs: new SteppedClock().nowMs(),
  });
  await clock.advance(ms);
  await observe({ [version]: 1 });
  expect(written).toEqual(['observed null', expected]);
});
