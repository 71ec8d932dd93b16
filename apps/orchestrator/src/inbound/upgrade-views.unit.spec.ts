import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { STATUS_DEADLINES } from '#core/limits.js';
import {
  EXECUTION_STATUSES,
  type Canary,
  type Execution,
  type Rollback,
} from '#core/execution/execution.js';
import { anExecution, T0, type ExecutionBuilder } from '#testing/an-execution.js';
import { given } from '#testing/given.js';
import { action } from '#testing/inputs.js';
import { aStoredExecution } from '../persistence/execution.contract.js';
import type { ExecutionStore } from '../persistence/execution.store.js';
import { UpgradeReadsRunner } from '../upgrade-reads.runner.js';
import { UpgradeRequest } from './upgrade-requests.js';
import { upgradeView, UpgradeView } from './upgrade-views.js';

const REQUEST = UpgradeRequest.parse({
  componentId: randomUUID(),
  fromVersionId: randomUUID(),
  toVersionId: randomUUID(),
});

describe('what a rollback has left over when it ended', () => {
  const back = anExecution().rollingBack().withCounters({ PENDING: 1, COMPLETED: 2, FAILED: 1 });
  const passed = { type: 'DEADLINE_PASSED' } as const;
  const silenceMs = STATUS_DEADLINES.rollbackSilenceMs;
  const IDS = ['i-0', 'i-1', 'i-2'];
  const row = { attempt: 1, status: 'COMPLETED', failure: null, fromVersion: '1.0.0' } as const;

  async function endedAs(execution: Execution) {
    const isTouched = (statuses: readonly string[] | null) => statuses?.includes('COMPLETED');
    const instances: ExecutionStore['instances'] = (_, { statuses }) =>
      Promise.resolve(
        (isTouched(statuses) === true ? IDS : []).map((instanceId, index) => {
          return { ...row, index, instanceId, movedAtMs: T0 };
        }),
      );
    const reads = new UpgradeReadsRunner({ instances } as unknown as ExecutionStore);
    return upgradeView(await reads.shown({ ...aStoredExecution(), execution, request: REQUEST }));
  }

  const UNNAMED = 'the rollback ended before it was taken back; its target knows how it stands';

  it('is named by the rows when the agent was silent, by the agent as far as it spoke', async () => {
    const asked = given(back, T0 + silenceMs).when(passed);
    const { execution } = given(asked.execution, T0 + 2 * silenceMs).when(passed);
    const { rollback } = execution;
    if (rollback === null) throw new Error('it was rolling back');
    const leftOver = [{ instanceId: 'i-1', reason: 'BRING_FAILED: no disk' }];
    const view = await endedAs({ ...execution, rollback: { ...rollback, leftOver } });
    expect(() => UpgradeView.parse(view)).not.toThrow();
    expect(view).toMatchObject({ status: 'FAILED', rollbackInfo: { leftOverCount: 3 } });
    expect(view['rollbackInfo']).toMatchObject({
      leftOver: [
        { instanceId: 'i-0', reason: UNNAMED },
        { instanceId: 'i-1', reason: 'BRING_FAILED: no disk' },
        { instanceId: 'i-2', reason: UNNAMED },
      ],
    });
  });

  it('is named by the rows when it was cancelled by force', async () => {
    const stopping = given(back).when(action('CANCEL', { force: true, reason: 'enough' }));
    const silent = given(stopping.execution, T0 + 2 * silenceMs).when(passed);
    const view = await endedAs(silent.execution);
    expect(view).toMatchObject({ status: 'CANCELLED', rollbackInfo: { leftOverCount: 3 } });
    expect(view['rollbackInfo']).toMatchObject({
      leftOver: IDS.map((instanceId) => ({ instanceId, reason: UNNAMED })),
    });
  });

  it('is a set, of BLUE_GREEN, and says so', async () => {
    const name = 'green';
    const set = { name, state: 'LIVE', previous: 'main', named: 3, cursor: null, leftBehind: null };
    const leftOver = [{ instanceId: 'main', reason: 'switching failed: no answer' }];
    const rollback = { ...back.build().rollback, leftOver } as Rollback;
    const view = await endedAs(
      anExecution().ended('FAILED').with({ newSet: set, rollback }).build(),
    );
    expect(view['rollbackInfo']).toMatchObject({
      leftOver: [{ instanceId: 'main', reason: 'set main: switching failed: no answer' }],
    });
  });
});

describe('an upgrade as it is answered', () => {
  const shown = async (builder: ExecutionBuilder) => {
    const reads = new UpgradeReadsRunner({} as never);
    const stored = { ...aStoredExecution(), execution: builder.build() };
    return upgradeView(await reads.shown({ ...stored, request: REQUEST }));
  };

  it.each(EXECUTION_STATUSES)('is what its schema says, %s', async (status) => {
    const view = await shown(anExecution().in(status));
    expect(() => UpgradeView.parse(view)).not.toThrow();
    expect(view).toMatchObject({ status, revertOf: null, newSet: null });
  });

  it('shows what is known of its canaries, and since when it is paused', async () => {
    const sample = { number: 2, atMs: T0 + 60_000, outcome: 'NO_DATA' } as const;
    const finding = { of: 'health', outcome: 'NO_DATA', value: null, summary: 'silence' } as const;
    const canary: Canary = {
      ...{ beganAtMs: T0, endsAtMs: T0 + 600_000, verdict: 'INCONCLUSIVE', reason: 'no data' },
      ...{ durationOver: false, totals: { PASS: 0, FAIL: 0, NO_DATA: 1, ERROR: 0 } },
      ...{ samples: [{ ...sample, findings: [finding] }], lastHeardAtMs: T0 + 60_000 },
    };
    const paused = { canary, pausedAtMs: T0 + 90_000 };
    const view = await shown(anExecution().in('PAUSED').with(paused));
    expect(() => UpgradeView.parse(view)).not.toThrow();
    expect(view).toMatchObject({
      ...{ pausedFrom: 'IN_PROGRESS', pausedAt: '2030-01-01T00:01:30.000Z' },
      canary: {
        ...{ verdict: 'INCONCLUSIVE', endsAt: '2030-01-01T00:10:00.000Z', durationOver: false },
        samples: [{ number: 2, at: '2030-01-01T00:01:00.000Z', findings: [finding] }],
      },
    });
  });

  it('shows the set that takes over', async () => {
    const name = 'green';
    const set = { name, state: 'LIVE', previous: 'blue', named: 3, cursor: null, leftBehind: null };
    const view = await shown(anExecution().inProgress().with({ newSet: set }));
    expect(() => UpgradeView.parse(view)).not.toThrow();
    expect(view).toMatchObject({ newSet: { name, state: 'LIVE', previous: 'blue' } });
  });
});
