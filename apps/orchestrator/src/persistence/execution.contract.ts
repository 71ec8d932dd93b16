import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { decide } from '#core/execution/decide.js';
import { applyEffects, note } from '#core/execution/effects.js';
import { createExecution, type Execution } from '#core/execution/execution.js';
import type { Input } from '#core/execution/execution-inputs.js';
import { ProgressEvent } from '#contracts/progress.messages.js';
import {
  ActiveExecutionError,
  StaleExecutionError,
  type ExecutionStore,
  type ListFilter,
  type MovedInstance,
  type StoredExecution,
} from './execution.store.js';

/** What an implementation brings: an empty store with one deployment. */
export interface ExecutionsUnderTest {
  readonly store: ExecutionStore;
  /** A deployment of this tenant and component, on version `1.0.0`. */
  deploy(tenantId: string, componentId: string, currentVersionId: string): Promise<void>;
  deployment(
    tenantId: string,
    componentId: string,
  ): Promise<{ currentVersionId: string; observedVersions: Record<string, number> }>;
  /** What was recorded of who did what, in that order: `<who> <action> <revision>`. */
  actions(executionId: string): Promise<string[]>;
  /** What the outbox points at, oldest first. */
  pointers(): Promise<{ executionId: string; sequence: number }[]>;
  close(): Promise<void>;
}

const AT_MS = Date.UTC(2026, 0, 2);
const FROM = { id: randomUUID(), version: '1.0.0', artifacts: { image: 'a:1' } };
const TO = { id: randomUUID(), version: '1.1.0', artifacts: { image: 'a:2' } };

export function aStoredExecution(more: Partial<Execution> = {}): StoredExecution {
  const [id, componentId] = [randomUUID(), randomUUID()];
  const plan: Execution['plan'] = {
    from: FROM,
    to: TO,
    strategy: 'ROLLING',
    canaryPercentage: 10,
    batchSize: 2,
    batchDelaySeconds: 0,
    healthCheckIntervalSeconds: 0,
    healthCheckTimeoutSeconds: 10,
    maxUnavailablePercentage: 50,
    totalInstances: null,
    autoRollbackEnabled: true,
    failureThreshold: 3,
    initiatedBy: null,
    allowDowntime: false,
    canaryDurationSeconds: 600,
    autoPromote: false,
    blueGreenRetentionSeconds: 600,
    drainTimeoutSeconds: 30,
    newSet: null,
    staleSet: null,
  };
  const ends = { kind: 'UPGRADE', revertOf: null, plan, handOver: 0 } as const;
  const asked = { id, tenantId: 'acme', componentId, ...ends };
  const execution = { ...createExecution(asked, AT_MS), ...more } as Execution;
  const snapshot = {
    tenantId: execution.tenantId,
    componentId: execution.componentId,
    componentName: 'api',
    stateless: true,
    target: { driver: 'simulated', settings: {} },
    from: FROM,
    to: TO,
    strategy: 'ROLLING',
    allowDowntime: false,
    batchSize: 2,
    maxUnavailablePercentage: 50,
    drainTimeoutMs: 30_000,
    healthCheckIntervalMs: 0,
    healthCheckTimeoutMs: 10_000,
  };
  const compatibility = {
    valid: true,
    upgradeType: 'MINOR',
    riskLevel: 'LOW',
    requiresDowntime: false,
    blockers: [],
    warnings: [],
  };
  const tried = { installedComponents: {}, requires: {}, smokeTests: [], canaryMetrics: [] };
  const request = { batchSize: 2 };
  return { execution, snapshot, compatibility, skipChecks: [], ...tried, request };
}

const ROOM = { othersDown: 0, downPending: [], countedAtMs: AT_MS };
const done = (step: 'DRAINING' | 'UPGRADING' | 'HEALTH_CHECKING', indices: number[]): Input => {
  const how = { attempt: 1, outcome: 'DONE', failure: null, reason: null } as const;
  const settled = [{ step, indices, closedConnections: 0, ...how }];
  return { type: 'STEPS_SETTLED', handOver: 1, settled, room: null };
};

export function executionContract(open: () => Promise<ExecutionsUnderTest>): void {
  let under: ExecutionsUnderTest;
  let store: ExecutionStore;
  let stored: StoredExecution;

  beforeEach(async () => {
    under = await open();
    ({ store } = under);
    stored = aStoredExecution();
    const { tenantId, componentId } = stored.execution;
    await under.deploy(tenantId, componentId, FROM.id);
    await store.transaction((tx) => tx.insert(stored));
  });
  afterEach(() => under.close());

  /** Locks, decides and saves, as the runner does. */
  async function take(...inputs: Input[]): Promise<MovedInstance[]> {
    return store.transaction(async (tx) => {
      const { id } = stored.execution;
      const locked = (await tx.lock([id], 'wait')).get(id);
      if (locked === undefined) throw new Error('there is no such execution');
      let next = locked.execution;
      const facts = [];
      for (const input of inputs) {
        const decision = decide(next, input, AT_MS);
        if (decision.kind !== 'DECIDED') throw new Error(`${input.type} was ${decision.kind}`);
        ({ next } = decision);
        facts.push(...decision.facts);
      }
      const moved = await tx.save([{ before: locked.execution, next, facts }]);
      return moved.get(id) ?? [];
    });
  }

  async function runningWith(instances: number): Promise<MovedInstance[]> {
    const { id } = stored.execution;
    await store.transaction(async (tx) => {
      const listed = Array.from({ length: instances }, (_, index) => {
        return { index, instanceId: `i-${String(index)}`, fromVersion: '1.0.0' };
      });
      await tx.addInstances(id, listed, AT_MS);
    });
    const counts = { listed: instances, taken: instances, alreadyThere: 0 };
    const check = { check: 'HEALTH_ENDPOINTS', outcome: 'PASSED', summary: '' } as const;
    return take(
      { type: 'START', by: 'ann', reason: null, force: false },
      { type: 'INSTANCES_LISTED', ...counts, cursor: null, nextCursor: null },
      {
        type: 'PRE_CHECKS_ENDED',
        handOver: 1,
        checks: [{ ...check, evidence: {}, durationMs: 1 }],
      },
      { type: 'ROOM_COUNTED', room: ROOM },
    );
  }

  it('gives back what was stored', async () => {
    expect(await store.get(stored.execution.id)).toEqual(stored);
    expect(await store.get(randomUUID())).toBeNull();
  });

  it('keeps every field of an execution through a decision', async () => {
    await runningWith(4);
    const read = await store.get(stored.execution.id);
    const locked = await store.transaction((tx) => tx.lock([stored.execution.id], 'wait'));
    expect(locked.get(stored.execution.id)).toEqual(read);
    expect(read?.execution).toMatchObject({
      status: 'IN_PROGRESS',
      room: ROOM,
      batch: { number: 1, size: 2 },
      counters: { PENDING: 2, DRAINING: 2 },
      handOver: 1,
    });
  });

  it('answers which instances were taken, by index and by name', async () => {
    const moved = await runningWith(4);
    expect(moved).toEqual([
      { index: 0, instanceId: 'i-0', status: 'DRAINING', attempt: 1 },
      { index: 1, instanceId: 'i-1', status: 'DRAINING', attempt: 1 },
    ]);
    const own = await store.ownDown(stored.execution.id);
    expect(own.map(({ index, status }) => [index, status])).toEqual([
      [0, 'DRAINING'],
      [1, 'DRAINING'],
    ]);
  });

  it('moves several steps of one transaction in their order', async () => {
    await runningWith(4);
    await take(done('DRAINING', [0]), done('UPGRADING', [0]), done('DRAINING', [1]));
    const instances = await store.instances(stored.execution.id, {
      statuses: null,
      afterIndex: -1,
      limit: 10,
    });
    expect(instances.map(({ status }) => status)).toEqual([
      'HEALTH_CHECKING',
      'UPGRADING',
      'PENDING',
      'PENDING',
    ]);
  });

  it('begins the next batch in the transaction that completes the one before', async () => {
    await runningWith(4);
    await take(done('DRAINING', [0, 1]));
    await take(done('UPGRADING', [0, 1]));
    const moved = await take(done('HEALTH_CHECKING', [0, 1]));
    expect(moved.map(({ index }) => index)).toEqual([2, 3]);
  });

  it('refuses a move of instances that stand elsewhere, and changes nothing', async () => {
    await runningWith(4);
    await take(done('DRAINING', [0]));
    const before = await store.get(stored.execution.id);
    await expect(take(done('DRAINING', [0]))).rejects.toThrow(StaleExecutionError);
    expect(await store.get(stored.execution.id)).toEqual(before);
  });

  it('refuses a revision that is no longer the one', async () => {
    const { execution } = stored;
    const change = { before: { ...execution, revision: 9 }, next: execution, facts: [] };
    await expect(store.transaction((tx) => tx.save([change]))).rejects.toThrow(StaleExecutionError);
  });

  it('lets a tenant’s component have one active execution', async () => {
    const { tenantId, componentId } = stored.execution;
    const second = aStoredExecution({ tenantId, componentId });
    await expect(store.transaction((tx) => tx.insert(second))).rejects.toThrow(
      ActiveExecutionError,
    );
    await take({ type: 'CANCEL', by: 'ann', reason: null, force: false });
    await store.transaction((tx) => tx.insert(second));
    expect((await store.active(tenantId, componentId))?.execution.id).toBe(second.execution.id);
  });

  it('leaves out locked rows when asked to skip them', async () => {
    const { id } = stored.execution;
    await store.transaction(async (tx) => {
      await tx.lock([id], 'wait');
      const other = await store.transaction((second) => second.lock([id], 'skip'));
      expect(other.size).toBe(0);
    });
  });

  it('makes events of what the outbox points at, the same as the pages of events', async () => {
    await runningWith(4);
    await take(done('DRAINING', [0, 1]));
    const located = await store.resolvedFacts(await under.pointers());
    const events = await store.events(stored.execution.id, 0, 100);
    expect(events.map(({ data }) => data.sequence)).toEqual(events.map((_, at) => at + 1));
    expect(located.map(({ fact }) => fact.sequence)).toEqual(
      expect.arrayContaining([events.at(-2)?.data.sequence]),
    );
    for (const event of events) expect(() => ProgressEvent.parse(event)).not.toThrow();
    expect(await store.events(stored.execution.id, 3, 2)).toEqual(events.slice(3, 5));
  });

  it('goes on behind events that a restored database has forgotten, however many', async () => {
    const { id } = stored.execution;
    await store.transaction(async (tx) => {
      const before = (await tx.lock([id], 'wait')).get(id)!.execution;
      const at = { revision: before.revision + 1, nowMs: AT_MS };
      const told = { ...before, sequence: 500 };
      const { next, facts } = applyEffects(told, [note('RESTORED', 'restored')], at);
      await tx.save([{ before, next, facts }]);
    });
    expect((await store.events(id, 1, 2)).map(({ data }) => data.sequence)).toEqual([501]);
  });

  it('records what runs when an execution ends, and who reached which hand-over', async () => {
    const { tenantId, componentId } = stored.execution;
    await runningWith(4);
    await take(done('DRAINING', [0, 1]), done('UPGRADING', [0, 1]));
    await take(done('HEALTH_CHECKING', [0, 1]));
    const now = await store.get(stored.execution.id);
    await store.transaction(async (tx) => {
      if (now === null) throw new Error('there is no such execution');
      const { execution } = now;
      await tx.recordDeployment({ execution, currentVersionId: TO.id, leftOver: [] });
      const standing = await tx.deployment(tenantId, componentId);
      expect(standing).toMatchObject({ handOver: 1 });
    });
    expect(await under.deployment(tenantId, componentId)).toEqual({
      currentVersionId: TO.id,
      observedVersions: { '1.1.0': 2, unknown: 2 },
    });
  });

  it('tells the rows of a new set their ids, page by page, before they move', async () => {
    const { id } = stored.execution;
    await store.transaction(async (tx) => {
      const unnamed = [0, 1, 2].map((index) => ({ index, instanceId: '', fromVersion: null }));
      await tx.addInstances(id, unnamed, AT_MS);
      await tx.nameInstances(id, 0, ['n-0', 'n-1']);
      await tx.nameInstances(id, 2, ['n-2']);
    });
    const rows = await store.instances(id, { statuses: null, afterIndex: -1, limit: 10 });
    expect(rows.map(({ instanceId }) => instanceId)).toEqual(['n-0', 'n-1', 'n-2']);
  });

  it('knows which instances it has moved', async () => {
    await runningWith(4);
    const { id } = stored.execution;
    const moved = await store.transaction((tx) => tx.movedAmong(id, ['i-1', 'i-3', 'i-9']));
    expect(moved).toEqual(['i-1']);
  });

  it('keeps which set stands beside the live one, until it is gone', async () => {
    const { tenantId, componentId } = stored.execution;
    const standby = { set: 'main', versionId: FROM.id, retireAtMs: AT_MS };
    await store.transaction((tx) => tx.recordStandby(stored.execution, standby));
    const standing = () => store.transaction((tx) => tx.deployment(tenantId, componentId));
    expect(await standing()).toMatchObject({ standby });
    await store.transaction((tx) => tx.recordStandby(stored.execution, null));
    expect(await standing()).toMatchObject({ standby: null });
  });

  it('keeps what a target said that it runs, also when an upgrade ends that touched nothing', async () => {
    const { tenantId, componentId } = stored.execution;
    const versions = { '1.0.0': 3, unknown: 1 };
    await store.transaction(async (tx) => {
      await tx.recordObserved(stored.execution, versions, TO.id);
      const { execution } = stored;
      await tx.recordDeployment({ execution, currentVersionId: null, leftOver: [] });
    });
    const { observedVersions, currentVersionId } = await under.deployment(tenantId, componentId);
    expect({ observedVersions, currentVersionId }).toEqual({
      observedVersions: versions,
      currentVersionId: TO.id,
    });
  });

  it('says of a deployment with a new set what that set says, and nothing before the switch', async () => {
    const { tenantId, componentId } = stored.execution;
    const plan = { ...stored.execution.plan, newSet: 'u-1' };
    const set = { name: 'u-1', previous: 'main', named: 3, cursor: null, leftBehind: null };
    const ends = async (state: 'STANDING' | 'RETIRED' | 'LIVE') => {
      const newSet = { ...set, state };
      const execution = { ...stored.execution, plan, newSet, total: 3 };
      const record = { execution, currentVersionId: null, leftOver: [] };
      await store.transaction((tx) => tx.recordDeployment(record));
      return (await under.deployment(tenantId, componentId)).observedVersions;
    };
    expect(await ends('STANDING')).toEqual({});
    expect(await ends('RETIRED')).toEqual({});
    expect(await ends('LIVE')).toEqual({ '1.1.0': 3 });
  });

  describe('lists', () => {
    const anything = {
      ...{ tenantId: null, componentId: null, statuses: null, strategy: null, kind: null },
      ...{ active: null, createdAfterMs: null, createdBeforeMs: null, after: null, limit: 10 },
    };

    it('hold what every filter lets through', async () => {
      const { plan } = stored.execution;
      const [quick, canary] = [
        aStoredExecution({ createdAtMs: AT_MS + 10, kind: 'REVERT' }),
        aStoredExecution({
          ...{ tenantId: 'other', createdAtMs: AT_MS + 20 },
          plan: { ...plan, strategy: 'CANARY' },
        }),
      ];
      await store.transaction(async (tx) => {
        await tx.insert(quick);
        await tx.insert(canary);
      });
      await take({ type: 'CANCEL', by: 'ann', reason: null, force: false });
      const of = async (filter: Partial<ListFilter>) =>
        (await store.list({ ...anything, ...filter })).map(({ execution }) => execution.id);
      const [first, second, third] = [stored, quick, canary].map(({ execution }) => execution.id);
      expect(await of({})).toEqual([third, second, first]);
      expect(await of({ tenantId: 'acme' })).toEqual([second, first]);
      expect(await of({ componentId: quick.execution.componentId })).toEqual([second]);
      expect(await of({ statuses: ['CANCELLED', 'FAILED'] })).toEqual([first]);
      expect(await of({ strategy: 'CANARY' })).toEqual([third]);
      expect(await of({ kind: 'REVERT' })).toEqual([second]);
      expect(await of({ active: true })).toEqual([third, second]);
      expect(await of({ active: false })).toEqual([first]);
      expect(await of({ createdAfterMs: AT_MS + 10 })).toEqual([third]);
      expect(await of({ createdBeforeMs: AT_MS + 10 })).toEqual([first]);
      const page = { active: true, tenantId: 'acme', after: canary.execution };
      expect(await of(page)).toEqual([second]);
    });
  });
}
