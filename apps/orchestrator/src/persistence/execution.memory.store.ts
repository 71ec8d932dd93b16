import type { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import { SHARDS, shardOf } from '#postgres/shard-of.js';
import { progressEventsOf } from '#contracts/progress-events.js';
import type { ProgressEvent } from '#contracts/progress.messages.js';
import { isTerminal, STEPS } from '#core/execution/execution.js';
import type { Fact } from '#core/execution/execution-facts.js';
import { isListed } from './execution-list.js';
import {
  ExecutionStore,
  type ExecutionTx,
  type FactPointer,
  type InstanceFilter,
  type ListFilter,
  type LocatedFact,
  type StoredExecution,
  type StoredInstance,
} from './execution.store.js';
import { factKey, MemoryExecutionTx, type FactRow } from './execution-tx.memory.store.js';

/** Unique indexes of the orchestrator's tables, for the twin. */
export const EXECUTION_TABLES = {
  executions: {
    unique: {
      executions_one_active: ({ execution }: StoredExecution) =>
        isTerminal(execution.status) ? null : `${execution.tenantId}/${execution.componentId}`,
    },
  },
};

/** The in-memory twin of the orchestrator's executions. */
export class MemoryExecutionStore extends ExecutionStore {
  constructor(private readonly db: MemoryServiceDatabase) {
    super();
  }

  override transaction<T>(work: (tx: ExecutionTx) => Promise<T>): Promise<T> {
    return this.db.transaction((tx) => work(new MemoryExecutionTx(tx)));
  }

  override async get(id: string): Promise<StoredExecution | null> {
    return this.db.transaction(async (tx) => {
      return (await tx.table<StoredExecution>('executions').get(id)) ?? null;
    });
  }

  override async list({ after, limit, ...filter }: ListFilter) {
    const rows = await this.#scan(({ execution }) => isListed(execution, filter));
    return rows
      .sort((a, b) => newestFirst(a.execution, b.execution))
      .filter(({ execution }) => after === null || newestFirst(after, execution) < 0)
      .slice(0, limit);
  }

  override async active(tenantId: string, componentId: string): Promise<StoredExecution | null> {
    const rows = await this.#scan(({ execution }) => {
      const ours = execution.tenantId === tenantId && execution.componentId === componentId;
      return ours && !isTerminal(execution.status);
    });
    return rows[0] ?? null;
  }

  override async instances(id: string, filter: InstanceFilter): Promise<StoredInstance[]> {
    const all = await this.#instancesOf(id);
    return all
      .filter(({ index }) => index > filter.afterIndex)
      .filter(({ status }) => filter.statuses?.includes(status) ?? true)
      .slice(0, filter.limit);
  }

  override async events(id: string, after: number, limit: number): Promise<ProgressEvent[]> {
    const located = await this.#located((row) => row.executionId === id);
    return located
      .sort((a, b) => a.fact.sequence - b.fact.sequence)
      .flatMap(({ fact, head }) => progressEventsOf(fact, head))
      .filter((event) => event.data.sequence > after)
      .slice(0, limit);
  }

  override async activeIn(shards: readonly number[]): Promise<string[]> {
    const rows = await this.#scan(({ execution }) => {
      return !isTerminal(execution.status) && shards.includes(shardOf(execution.id, SHARDS));
    });
    return rows.map(({ execution }) => execution.id);
  }

  override async ownDown(id: string): Promise<StoredInstance[]> {
    const all = await this.#instancesOf(id);
    return all.filter(({ status }) => [...STEPS, 'FAILED'].includes(status));
  }

  override async pendingAmong(id: string, instanceIds: readonly string[]): Promise<number[]> {
    const all = await this.#instancesOf(id);
    return all
      .filter((one) => one.status === 'PENDING' && instanceIds.includes(one.instanceId))
      .map(({ index }) => index);
  }

  override makeRoomForFacts(): Promise<void> {
    return Promise.resolve();
  }

  override async resolvedFacts(pointers: readonly FactPointer[]): Promise<LocatedFact[]> {
    const order = new Map(pointers.map((pointer, at) => [factKey(pointer), at]));
    const located = await this.#located(({ executionId, fact }) =>
      order.has(factKey({ executionId, sequence: fact.sequence })),
    );
    const at = ({ head, fact }: LocatedFact): number =>
      order.get(factKey({ executionId: head.executionId, sequence: fact.sequence })) ?? 0;
    return located.sort((a, b) => at(a) - at(b));
  }

  #scan(where: (row: StoredExecution) => boolean): Promise<StoredExecution[]> {
    return this.db.transaction(async (tx) => {
      const rows = await tx.table<StoredExecution>('executions').scan(where);
      return rows.map(({ row }) => row);
    });
  }

  #instancesOf(id: string): Promise<StoredInstance[]> {
    return this.db.transaction(async (tx) => {
      return (await tx.table<StoredInstance[]>('instances').get(id)) ?? [];
    });
  }

  #located(where: (row: FactRow) => boolean): Promise<LocatedFact[]> {
    return this.db.transaction(async (tx) => {
      const located: LocatedFact[] = [];
      for (const { row } of await tx.table<FactRow>('facts').scan(where)) {
        const stored = await tx.table<StoredExecution>('executions').get(row.executionId);
        if (stored === undefined) continue;
        const { id: executionId, tenantId, componentId, plan } = stored.execution;
        const head = { executionId, tenantId, componentId, targetVersion: plan.to.version };
        const instances = await tx.table<StoredInstance[]>('instances').get(row.executionId);
        located.push({ head, fact: resolved(row.fact, instances ?? []) });
      }
      return located;
    });
  }
}

function resolved(fact: Fact, all: readonly StoredInstance[]): LocatedFact['fact'] {
  if (fact.type !== 'INSTANCES_MOVED') return fact;
  const byIndex = new Map(all.map((one) => [one.index, one]));
  const indices = fact.select.by === 'INDICES' ? fact.select.indices : [];
  const instances = indices.map((index) => {
    const { instanceId: id = '', fromVersion = null, attempt = 1 } = byIndex.get(index) ?? {};
    return fact.to === 'ROLLED_BACK' ? { index, id, fromVersion, attempt } : { index, id };
  });
  return { ...fact, instances };
}

function newestFirst(
  a: { readonly createdAtMs: number; readonly id: string },
  b: { readonly createdAtMs: number; readonly id: string },
): number {
  return b.createdAtMs - a.createdAtMs || b.id.localeCompare(a.id);
}
