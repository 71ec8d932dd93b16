import type { MemoryTx } from '#postgres/memory-service-database.js';
import { ServiceTxOver } from '#postgres/service-tx-over.js';
import { UniqueViolationError } from '#postgres/service-database.js';
import { SHARDS, shardOf } from '#postgres/shard-of.js';
import { STEPS, type PlannedVersion } from '#core/execution/execution.js';
import type { Fact, InstancesMoved } from '#core/execution/execution-facts.js';
import type { StandbySet } from '#core/execution/execution-requests.js';
import {
  ActiveExecutionError,
  observedWithoutRows,
  StaleExecutionError,
  type DeploymentRecord,
  type ExecutionChange,
  type ExecutionTx,
  type FactPointer,
  type MovedInstance,
  type NewInstance,
  type RecordedAction,
  type StandingDeployment,
  type StoredExecution,
  type StoredInstance,
} from './execution.store.js';

/** A move's selection in a stored fact names the instances that really moved. */
export interface FactRow {
  readonly executionId: string;
  readonly fact: Fact;
}

interface DeploymentRow {
  target?: StandingDeployment['target'];
  standbySet?: StandingDeployment['standby'];
  currentVersionId: string;
  observedVersions: Record<string, number>;
  handOver: number;
}

type Deployed = Pick<StoredExecution['execution'], 'tenantId' | 'componentId'>;

/** One transaction on the twin of the orchestrator's tables. */
export class MemoryExecutionTx extends ServiceTxOver<MemoryTx> implements ExecutionTx {
  async insert(stored: StoredExecution): Promise<void> {
    try {
      await this.tx.table<StoredExecution>('executions').insert(stored.execution.id, stored);
    } catch (error) {
      if (error instanceof UniqueViolationError) throw new ActiveExecutionError(error.message);
      throw error;
    }
  }

  async deployment(tenantId: string, componentId: string): Promise<StandingDeployment | null> {
    const key = `${tenantId}/${componentId}`;
    // The row is read until the end of the transaction, as FOR SHARE does it.
    if (!(await this.tx.lockRow('deployments', key, 'share'))) return null;
    const row = await this.#deployments().get(key);
    if (row === undefined) return null;
    const { handOver, currentVersionId, target = null, standbySet: standby = null } = row;
    return { handOver, currentVersionId, target, standby };
  }

  async lock(ids: readonly string[], mode: 'wait' | 'skip'): Promise<Map<string, StoredExecution>> {
    const found = new Map<string, StoredExecution>();
    for (const id of [...ids].sort()) {
      if (!(await this.tx.lockRow('executions', id, mode))) continue;
      const stored = await this.#executions().get(id);
      if (stored !== undefined) found.set(id, stored);
    }
    return found;
  }

  async addInstances(
    executionId: string,
    instances: readonly NewInstance[],
    movedAtMs: number,
  ): Promise<void> {
    if (instances.length === 0) return;
    const all = await this.#instancesOf(executionId);
    const known = new Set(all.map(({ index }) => index));
    if (instances.some(({ index }) => known.has(index))) {
      throw new UniqueViolationError('execution_instances', 'execution_instances_pkey');
    }
    const begin = { status: 'PENDING', attempt: 1, failure: null, movedAtMs } as const;
    all.push(...instances.map((instance) => ({ ...instance, ...begin })));
    await this.#instances().put(executionId, all);
  }

  async nameInstances(executionId: string, first: number, ids: readonly string[]): Promise<void> {
    const all = await this.#instancesOf(executionId);
    const named = all.map((one) => {
      const instanceId = one.index < first ? undefined : ids[one.index - first];
      return instanceId === undefined ? one : { ...one, instanceId };
    });
    await this.#instances().put(executionId, named);
  }

  async movedAmong(executionId: string, instanceIds: readonly string[]): Promise<string[]> {
    const all = await this.#instancesOf(executionId);
    return all
      .filter(({ status }) => status !== 'PENDING' && status !== 'ROLLED_BACK')
      .map(({ instanceId }) => instanceId)
      .filter((id) => instanceIds.includes(id));
  }

  async standing(executionId: string, indices: readonly number[]): Promise<StoredInstance[]> {
    const all = await this.#instancesOf(executionId);
    return all.filter(({ index }) => indices.includes(index));
  }

  async pageOfInstances(
    executionId: string,
    page: { afterIndex: number; limit: number; touchedOnly: boolean },
  ): Promise<StoredInstance[]> {
    const all = await this.#instancesOf(executionId);
    return all
      .filter(({ index }) => index > page.afterIndex)
      .filter(({ status }) => !page.touchedOnly || status !== 'PENDING')
      .slice(0, page.limit);
  }

  async save(changes: readonly ExecutionChange[]): Promise<Map<string, MovedInstance[]>> {
    const taken = new Map<string, MovedInstance[]>();
    for (const { before, next, facts } of changes) {
      const updated = await this.#executions().update(next.id, (stored) => {
        const { revision } = stored.execution;
        return revision === before.revision ? { ...stored, execution: next } : undefined;
      });
      if (updated === undefined) {
        throw new StaleExecutionError('an execution has another revision by now');
      }
      if (next.handOver > before.handOver) {
        await this.#changeDeployment(next, (row) => {
          return { ...row, handOver: Math.max(row.handOver, next.handOver) };
        });
      }
      const moved = await this.#saveFacts(next.id, facts);
      if (moved.length > 0) taken.set(next.id, moved);
    }
    return taken;
  }

  async plannedVersions(
    componentId: string,
    versions: readonly string[],
  ): Promise<PlannedVersion[]> {
    const table = this.tx.table<PlannedVersion & { componentId: string }>('versions');
    const rows = await table.scan(
      (row) => row.componentId === componentId && versions.includes(row.version),
    );
    return rows.map(({ row: { id, version, artifacts } }) => ({ id, version, artifacts }));
  }

  async recordAction(action: RecordedAction): Promise<void> {
    await this.tx.table<RecordedAction>('actions').append(action);
  }

  async recordDeployment({ execution, currentVersionId }: DeploymentRecord): Promise<void> {
    const known = observedWithoutRows(execution);
    const observed = known === 'BY_ROWS' ? await this.#observedByRows(execution) : known.observed;
    await this.#changeDeployment(execution, (row) => {
      const observedVersions = observed ?? row.observedVersions;
      return {
        ...row,
        observedVersions,
        currentVersionId: currentVersionId ?? row.currentVersionId,
      };
    });
  }

  async #observedByRows(execution: StoredExecution['execution']): Promise<Record<string, number>> {
    const observedVersions: Record<string, number> = {};
    const count = (version: string, by = 1): void => {
      observedVersions[version] = (observedVersions[version] ?? 0) + by;
    };
    const target = execution.plan.to.version;
    const there = 'listing' in execution ? execution.listing.alreadyThere : 0;
    if (there > 0) count(target, there);
    for (const { status, fromVersion } of await this.#instancesOf(execution.id)) {
      const back = status === 'PENDING' || status === 'ROLLED_BACK';
      count(status === 'COMPLETED' ? target : back ? (fromVersion ?? 'unknown') : 'unknown');
    }
    return observedVersions;
  }

  recordStandby(of: Deployed, standbySet: StandbySet | null): Promise<void> {
    return this.#changeDeployment(of, (row) => ({ ...row, standbySet }));
  }

  recordObserved(
    of: Deployed,
    versions: Readonly<Record<string, number>>,
    currentVersionId: string | null,
  ): Promise<void> {
    return this.#changeDeployment(of, (row) => ({
      ...row,
      observedVersions: { ...versions },
      currentVersionId: currentVersionId ?? row.currentVersionId,
    }));
  }

  async #changeDeployment(
    { tenantId, componentId }: Deployed,
    change: (row: DeploymentRow) => DeploymentRow,
  ): Promise<void> {
    await this.#deployments().update(`${tenantId}/${componentId}`, change);
  }

  async #saveFacts(executionId: string, facts: readonly Fact[]): Promise<MovedInstance[]> {
    const moved: MovedInstance[] = [];
    const all = await this.#instancesOf(executionId);
    const rows = facts.map((fact): [string, FactRow] => {
      const key = factKey({ executionId, sequence: fact.sequence });
      if (fact.type !== 'INSTANCES_MOVED') return [key, { executionId, fact }];
      const indices = moveIn(all, fact);
      if (fact.from === 'PENDING' || fact.select.by === 'NEXT')
        moved.push(...engineNeeds(all, fact, indices));
      return [key, { executionId, fact: { ...fact, select: { by: 'INDICES', indices } } }];
    });
    if (facts.some((fact) => fact.type === 'INSTANCES_MOVED')) {
      await this.#instances().put(executionId, all);
    }
    await this.tx.table<FactRow>('facts').putAll(rows);
    const shard = shardOf(executionId, SHARDS);
    await this.tx.point(
      facts.map((fact) => ({ shard, subject: executionId, position: fact.sequence })),
    );
    return moved;
  }

  async #instancesOf(executionId: string): Promise<StoredInstance[]> {
    return (await this.#instances().get(executionId)) ?? [];
  }

  #instances() {
    return this.tx.table<StoredInstance[]>('instances');
  }

  #executions() {
    return this.tx.table<StoredExecution>('executions');
  }

  #deployments() {
    return this.tx.table<DeploymentRow>('deployments');
  }
}

/** Moves instances in place; all that the decision counted on must stand where it says. */
function moveIn(all: StoredInstance[], fact: InstancesMoved): number[] {
  const fits = (one: StoredInstance): boolean =>
    one.status === fact.from && (fact.fromAttempt === null || one.attempt === fact.fromAttempt);
  const { select } = fact;
  const wanted = new Set(select.by === 'INDICES' ? select.indices : []);
  const moving =
    select.by === 'INDICES'
      ? all.filter((one) => wanted.has(one.index) && fits(one))
      : all.filter((one) => one.index >= select.start && fits(one)).slice(0, select.count);
  if (moving.length !== fact.count) {
    throw new StaleExecutionError(
      `${String(moving.length)} of ${String(fact.count)} instances stood in ${fact.from}`,
    );
  }
  for (const one of moving) {
    const attempt = fact.fromAttempt === null ? one.attempt : fact.attempt;
    const { to: status, failure, atMs: movedAtMs } = fact;
    all[all.indexOf(one)] = { ...one, status, attempt, failure, movedAtMs };
  }
  return moving.map(({ index }) => index);
}

function engineNeeds(
  all: readonly StoredInstance[],
  fact: InstancesMoved,
  indices: readonly number[],
): MovedInstance[] {
  if (!(STEPS as readonly string[]).includes(fact.to)) return [];
  const ids = new Map(all.map(({ index, instanceId }) => [index, instanceId]));
  return indices.map((index) => {
    const { to: status, attempt } = fact;
    return { index, instanceId: ids.get(index) ?? '', status, attempt };
  });
}

export function factKey({ executionId, sequence }: FactPointer): string {
  return `${executionId}/${String(sequence)}`;
}
