import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import { MemoryShardLeases } from '#postgres/memory-shard-leases.js';
import type { ShardLeases } from '#postgres/shard-leases.js';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { checks } from '#testing/inputs.js';
import { aStoredExecution } from './persistence/execution.contract.js';
import { EXECUTION_TABLES, MemoryExecutionStore } from './persistence/execution.memory.store.js';
import { executionsInMemory } from './persistence/executions-in-memory.contract.js';
import type { StandingDeployment, StoredExecution } from './persistence/execution.store.js';
import { UpgradeRunner } from './upgrade.runner.js';

const QUIET = { committed: () => undefined, decided: () => undefined };

/** Creates an execution that was judged by one deployment, while another stands there. */
async function createOn(
  change: (judgedBy: StandingDeployment) => Partial<StandingDeployment>,
): Promise<StoredExecution> {
  const clock = new SteppedClock();
  const nowMs = (): number => clock.nowMs();
  const database = new MemoryServiceDatabase({ nowMs, tables: EXECUTION_TABLES });
  const leases = new MemoryShardLeases(database, nowMs);
  const store = new MemoryExecutionStore(database);
  const runner = new UpgradeRunner(store, leases, clock, QUIET);
  const { execution, ...brief } = aStoredExecution();
  const { id, tenantId, componentId, kind, plan } = execution;
  const target = brief.snapshot.target;
  const judgedBy = { handOver: 7, currentVersionId: plan.from.id, target, standby: null };
  const { standby, ...standing } = { ...judgedBy, ...change(judgedBy) };
  await database.transaction((tx) =>
    tx.table('deployments').put(`${tenantId}/${componentId}`, { ...standing, standbySet: standby }),
  );
  const asked = { id, tenantId, componentId, kind, revertOf: null, plan, by: 'ann' };
  return runner.create({ ...asked, ...brief });
}

describe('creating an execution', () => {
  it('goes on where the deployment’s last hand-over ended', async () => {
    const { execution } = await createOn(() => ({}));
    expect(execution).toMatchObject({ status: 'PENDING', handOver: 7, sequence: 1 });
  });

  it('is refused when the deployment has become another while it was judged', async () => {
    const refusal = { code: 'DEPLOYMENT_CHANGED', status: 409 };
    const otherVersion = createOn(() => ({ currentVersionId: randomUUID() }));
    await expect(otherVersion).rejects.toMatchObject(refusal);
    const otherTarget = createOn(() => ({ target: { driver: 'agent', settings: {} } }));
    await expect(otherTarget).rejects.toMatchObject(refusal);
    const kept = { set: 'main', versionId: randomUUID(), retireAtMs: 0 };
    await expect(createOn(() => ({ standby: kept }))).rejects.toMatchObject(refusal);
  });
});

it('a revert is recorded beside what it takes back, which stays as it is', async () => {
  const { store, actions, close } = await executionsInMemory();
  const leases = { heldNow: () => [] } as unknown as ShardLeases;
  const runner = new UpgradeRunner(store, leases, new SteppedClock(), QUIET);
  const { execution: reverted, ...brief } = aStoredExecution();
  await store.transaction((tx) => tx.insert({ ...brief, execution: reverted }));
  const { id, componentId, plan } = aStoredExecution().execution;
  const asked = { id, componentId, plan, tenantId: 'acme', kind: 'REVERT', by: 'ann' } as const;
  await runner.create({ ...asked, ...brief, revertOf: reverted.id });
  expect(await actions(reverted.id)).toEqual([`ann REVERT ${String(reverted.revision)}`]);
  expect(await actions(id)).toEqual(['ann CREATE 1']);
  expect((await store.get(reverted.id))?.execution).toEqual(reverted);
  await close();
});

describe('several reports of one execution in one transaction', () => {
  it('are judged by rows that say what was decided before them', async () => {
    const clock = new SteppedClock();
    const nowMs = (): number => clock.nowMs();
    const database = new MemoryServiceDatabase({ nowMs, tables: EXECUTION_TABLES });
    const store = new MemoryExecutionStore(database);
    const leases = new MemoryShardLeases(database, nowMs);
    const runner = new UpgradeRunner(store, leases, clock, QUIET);
    const { execution, ...brief } = aStoredExecution();
    const { id, tenantId, componentId, kind, plan } = execution;
    const asked = { id, tenantId, componentId, kind, revertOf: null, plan, by: 'ann' };
    await runner.create({ ...asked, ...brief });
    await runner.act(id, { type: 'START', by: 'ann', reason: null, force: false }, undefined);
    const listed = [0, 1, 2, 3].map((at) => ({ id: `i-${String(at)}`, version: '1.0.0' }));
    const page = { cursor: null, nextCursor: null, instances: listed };
    await runner.report({ executionId: id, input: { type: 'PAGE_READ', ...page } });
    const gone = { type: 'FLEET_COMPARED', handOver: 1, vanished: [1], appeared: [] } as const;
    const count = { othersDown: 0, downPending: [], countedAtMs: nowMs() };
    await runner.absorb([
      {
        executionId: id,
        input: { type: 'PRE_CHECKS_ENDED', handOver: 1, checks: checks('PASSED') },
      },
      { executionId: id, input: gone },
      { executionId: id, input: gone },
      { executionId: id, input: { type: 'ROOM_COUNTED', room: count } },
    ]);
    const instances = await store.instances(id, { statuses: null, afterIndex: -1, limit: 9 });
    const statuses = instances.map(({ status }) => status);
    expect(statuses).toEqual(['DRAINING', 'FAILED', 'PENDING', 'PENDING']);
  });
});
