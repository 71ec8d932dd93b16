import { expect, it } from '@jest/globals';
import { STATUS_DEADLINES } from '#core/limits.js';
import { anExecution, T0 } from '#testing/an-execution.js';
import { given } from '#testing/given.js';
import { aStoredExecution } from '../persistence/execution.contract.js';
import { UpgradeReadsRunner } from '../upgrade-reads.runner.js';
import { upgradeView } from './upgrade-views.js';

it('counts what a silent rollback agent left over, although it named none of them', async () => {
  const back = anExecution().rollingBack().withCounters({ PENDING: 1, COMPLETED: 2, FAILED: 1 });
  const passed = { type: 'DEADLINE_PASSED' } as const;
  const silenceMs = STATUS_DEADLINES.rollbackSilenceMs;
  const asked = given(back, T0 + silenceMs).when(passed);
  const { execution } = given(asked.execution, T0 + 2 * silenceMs).when(passed);
  const stored = { ...aStoredExecution(), execution };
  const reads = new UpgradeReadsRunner({} as never);
  const view = upgradeView(await reads.shown(stored));
  expect(view).toMatchObject({
    status: 'FAILED',
    rollbackInfo: { leftOver: [], leftOverCount: 3 },
  });
});
