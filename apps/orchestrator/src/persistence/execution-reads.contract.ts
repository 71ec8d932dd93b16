import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { NO_INSTANCES, type Execution } from '#core/execution/execution.js';
import type { InstancesMoved } from '#core/execution/execution-facts.js';
import { aStoredExecution, type ExecutionsUnderTest } from './execution.contract.js';
import { StaleExecutionError, type ExecutionStore, type NewInstance } from './execution.store.js';

const AT_MS = Date.UTC(2026, 0, 2);
const ANYTHING = {
  ...{ tenantId: null, componentId: null, statuses: null, strategy: null, kind: null },
  ...{ active: null, createdAfterMs: null, createdBeforeMs: null, after: null, limit: 10 },
};

/** What a store refuses and answers that no plain run of an execution asks of it. */
export function executionReadsContract(open: () => Promise<ExecutionsUnderTest>): void {
  let under: ExecutionsUnderTest;
  let store: ExecutionStore;
  let execution: Execution;

  beforeEach(async () => {
    under = await open();
    ({ store } = under);
    const stored = aStoredExecution();
    ({ execution } = stored);
    const { tenantId, componentId, plan } = execution;
    await under.deploy(tenantId, componentId, plan.from.id);
    await store.transaction((tx) => tx.insert(stored));
  });
  afterEach(() => under.close());

  const listed = (fromVersions: readonly (string | null)[]): NewInstance[] =>
    fromVersions.map((fromVersion, index) => {
      return { index, instanceId: `i-${String(index)}`, fromVersion };
    });

  /** Moves one instance, as a decision of the execution would. */
  async function move(index: number, fact: Pick<InstancesMoved, 'from' | 'to'>, attempt = 1) {
    const { revision, sequence } = execution;
    const before = { total: 4, completed: 0, failed: 0, rolledBack: 0, percentage: 0 };
    const moved: InstancesMoved = {
      ...{ type: 'INSTANCES_MOVED', why: 'a test', failure: null, closedConnections: 0, before },
      ...{ sequence: sequence + 1, revision: revision + 1, atMs: AT_MS, count: 1 },
      ...{ executionStatus: 'IN_PROGRESS', fromAttempt: fact.from === 'FAILED' ? 1 : attempt },
      ...{ attempt, select: { by: 'INDICES', indices: [index] }, ...fact },
    };
    const next = { ...execution, revision: revision + 1, sequence: sequence + 1 };
    await store.transaction((tx) => tx.save([{ before: execution, next, facts: [moved] }]));
    execution = next;
  }

  it('lists the newest first and goes on where the page before ended', async () => {
    const tenantId = 'lists';
    const all = [1, 2, 3].map((n) => aStoredExecution({ tenantId, createdAtMs: AT_MS + n }));
    await store.transaction(async (tx) => {
      for (const one of all) await tx.insert(one);
    });
    const first = await store.list({ ...ANYTHING, tenantId, limit: 2 });
    expect(first.map(({ execution }) => execution.createdAtMs - AT_MS)).toEqual([3, 2]);
    const after = first.at(-1)?.execution ?? null;
    const rest = await store.list({
      ...ANYTHING,
      ...{ tenantId, statuses: ['PENDING'], after, limit: 2 },
    });
    expect(rest.map(({ execution }) => execution.createdAtMs - AT_MS)).toEqual([1]);
    const none = await store.list({ ...ANYTHING, tenantId, statuses: ['FAILED'] });
    expect(none).toEqual([]);
  });

  it('refuses a report about an attempt that another has followed', async () => {
    await store.transaction((tx) => tx.addInstances(execution.id, listed(['1.0.0']), AT_MS));
    await move(0, { from: 'PENDING', to: 'FAILED' });
    await move(0, { from: 'FAILED', to: 'UPGRADING' }, 2);
    const late = move(0, { from: 'UPGRADING', to: 'HEALTH_CHECKING' }, 1);
    await expect(late).rejects.toThrow(StaleExecutionError);
    await move(0, { from: 'UPGRADING', to: 'HEALTH_CHECKING' }, 2);
    const [row] = await store.ownDown(execution.id);
    expect(row).toMatchObject({ status: 'HEALTH_CHECKING', attempt: 2 });
  });

  it('records every action, also one that is told exactly as another', async () => {
    const pause = { action: 'PAUSE', reason: null, force: false, revision: 3 } as const;
    const record = (by: string): Promise<void> =>
      store.transaction((tx) =>
        tx.recordAction({ ...pause, by, executionId: execution.id, atMs: AT_MS }),
      );
    await record('ann');
    await record('bob');
    await record('ann');
    const recorded = await under.actions(execution.id);
    expect(recorded).toEqual(['ann PAUSE 3', 'bob PAUSE 3', 'ann PAUSE 3']);
  });

  it('counts what runs at the end: what was there already, came, came back and is unknown', async () => {
    const { tenantId, componentId, plan } = execution;
    const versions = ['1.0.0', '0.9.0', null, '1.0.0'];
    await store.transaction((tx) => tx.addInstances(execution.id, listed(versions), AT_MS));
    await move(0, { from: 'PENDING', to: 'COMPLETED' });
    await move(1, { from: 'PENDING', to: 'ROLLED_BACK' });
    await move(3, { from: 'PENDING', to: 'FAILED' });
    const counters = { ...NO_INSTANCES, PENDING: 1, COMPLETED: 1, ROLLED_BACK: 1, FAILED: 1 };
    const listing = { cursor: null, complete: true, alreadyThere: 3 };
    const ended = { ...execution, total: 4, counters, listing } as Execution;
    await store.transaction((tx) =>
      tx.recordDeployment({ execution: ended, currentVersionId: null, leftOver: [] }),
    );
    expect(await under.deployment(tenantId, componentId)).toEqual({
      currentVersionId: plan.from.id,
      observedVersions: { '1.1.0': 1 + 3, '0.9.0': 1, unknown: 2 },
    });
  });

  it('pages a list over executions that were created in the same moment', async () => {
    const tenantId = 'at-once';
    const all = [1, 2, 3, 4, 5].map(() => aStoredExecution({ tenantId }));
    await store.transaction(async (tx) => {
      for (const one of all) await tx.insert(one);
    });
    const found: string[] = [];
    for (let after: Execution | null = null; ;) {
      const page = await store.list({ ...ANYTHING, tenantId, after, limit: 2 });
      found.push(...page.map((one) => one.execution.id));
      after = page.at(-1)?.execution ?? null;
      if (page.length < 2) break;
    }
    const ids = all.map((one) => one.execution.id);
    expect(found).toEqual(ids.toSorted().reverse());
  });

  it('tells the active execution of one tenant from another’s of the same component', async () => {
    const { componentId } = execution;
    const theirs = aStoredExecution({ tenantId: 'other', componentId });
    await under.deploy('other', componentId, execution.plan.from.id);
    await store.transaction((tx) => tx.insert(theirs));
    expect((await store.active('acme', componentId))?.execution.id).toBe(execution.id);
    expect((await store.active('other', componentId))?.execution.id).toBe(theirs.execution.id);
    expect(await store.active('third', componentId)).toBeNull();
    expect(await store.active('acme', randomUUID())).toBeNull();
    await store.transaction((tx) => tx.recordObserved(theirs.execution, { '9.9.9': 1 }, null));
    expect((await under.deployment('acme', componentId)).observedVersions).toEqual({});
  });

  it('keeps the highest hand-over that any execution of the deployment has reached', async () => {
    const { tenantId, componentId } = execution;
    const reach = async (handOver: number): Promise<void> => {
      const next = { ...execution, handOver, revision: execution.revision + 1 };
      const change = { before: { ...execution, handOver: 0 }, next, facts: [] };
      await store.transaction((tx) => tx.save([change]));
      execution = next;
    };
    await reach(5);
    await reach(3);
    const standing = await store.transaction((tx) => tx.deployment(tenantId, componentId));
    expect(standing?.handOver).toBe(5);
  });
}
