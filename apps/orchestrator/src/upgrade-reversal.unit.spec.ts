import { expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { NO_INSTANCES } from '#core/execution/execution.js';
import { REQUEST_LIMITS } from '#core/limits.js';
import type { UpgradeRequest } from './create-upgrade.js';
import { aStoredExecution } from './persistence/execution.contract.js';
import type { StoredExecution } from './persistence/execution.store.js';
import { UpgradeReversalRunner } from './upgrade-reversal.runner.js';
import type { UpgradeCreationRunner } from './upgrade-creation.runner.js';
import type { UpgradeRunner } from './upgrade.runner.js';

const REVERT = { type: 'REVERT', by: 'ann', reason: null, force: false } as const;

/** One of four instances, all of which have moved to a version of its own. */
function moved(): StoredExecution {
  const counters = { ...NO_INSTANCES, COMPLETED: 4 };
  const stored = aStoredExecution({
    status: 'COMPLETED',
    counters,
    total: 4,
  });
  const plan = { ...stored.execution.plan, to: { ...stored.execution.plan.to, id: randomUUID() } };
  const request = { skipChecks: [], totalInstances: 4, batchSize: 3 };
  return { ...stored, execution: { ...stored.execution, plan }, request };
}

/** Reverts it where these have come later, the newest first; what is created then. */
async function revert(stored: StoredExecution, later: readonly StoredExecution[]) {
  const created: { request: UpgradeRequest }[] = [];
  const runner = new UpgradeReversalRunner(
    { act: () => Promise.resolve(stored) } as unknown as UpgradeRunner,
    {
      create: (asked: { request: UpgradeRequest }) => {
        created.push(asked);
        return Promise.resolve(stored);
      },
    } as unknown as UpgradeCreationRunner,
    {
      list: ({ after, limit }) => {
        const from = 1 + later.findIndex(({ execution }) => execution.id === after?.id);
        return Promise.resolve(later.slice(from, from + limit));
      },
    },
    { deployment: () => Promise.resolve(null) },
  );
  await runner.revert(randomUUID(), stored.execution.id, REVERT, undefined);
  return created[0]?.request;
}

it('a later upgrade is found however many that moved nothing have come after it', async () => {
  const idle = Array.from({ length: 2 * REQUEST_LIMITS.pageMax }, () => aStoredExecution());
  const later = moved();
  await expect(revert(moved(), [...idle, later, ...idle])).rejects.toMatchObject({
    ...{ code: 'SUPERSEDED', status: 422 },
    extra: { laterExecutionId: later.execution.id },
  });
  expect(await revert(moved(), idle)).toBeDefined();
});

it('a revert asks for what the upgrade asked for, but for how many and which way', async () => {
  const stored = moved();
  const { from, to } = stored.execution.plan;
  expect(await revert(stored, [])).toMatchObject({
    ...{ fromVersionId: to.id, toVersionId: from.id, totalInstances: null, batchSize: 3 },
  });
});
