import { SHARDS, shardOf } from '#postgres/shard-of.js';
import { ServiceTxOver } from '#postgres/service-tx-over.js';
import { UniqueViolationError } from '#postgres/service-database.js';
import type { PgTx } from '#postgres/pg-service-database.js';
import {
  isTerminal,
  STEPS,
  type Execution,
  type PlannedVersion,
} from '#core/execution/execution.js';
import type { InstancesMoved } from '#core/execution/execution-facts.js';
import type { StandbySet } from '#core/execution/execution-requests.js';
import {
  ActiveExecutionError,
  StaleExecutionError,
  type DeploymentRecord,
  type ExecutionChange,
  type ExecutionTx,
  type MovedInstance,
  type NewInstance,
  type RecordedAction,
  type StandingDeployment,
  type StoredExecution,
  type StoredInstance,
} from './execution.store.js';
import {
  INSERT_FACTS,
  INSTANCE_COLUMNS,
  LOCK,
  MOVE_NAMED,
  MOVE_NEXT,
  UPDATE_EXECUTIONS,
} from './execution.statements.js';
import { detailOf, executionOf, hotColumns, type ExecutionRow } from './execution.row.js';
import { bodyOf, multirangeOf } from './fact.row.js';
import { failureCode, instanceOf, statusCode, type InstanceRow } from './instance.row.js';
import { wavesOf, type PlacedMove } from './move-waves.js';
import { INSERT_OUTCOMES, outcomeRows } from './statistics.statements.js';
import type { BriefCache } from './brief-cache.js';
import { DeploymentRows } from './deployment.pg.store.js';

interface MovedRow {
  n: number;
  count: number;
  indices: number[] | null;
  ids: string[] | null;
}

type Deployed = Pick<Execution, 'tenantId' | 'componentId'>;

/** One transaction on the orchestrator's tables. */
export class PgExecutionTx extends ServiceTxOver<PgTx> implements ExecutionTx {
  private readonly deployments: DeploymentRows;

  constructor(
    tx: PgTx,
    private readonly briefs: BriefCache,
  ) {
    super(tx);
    this.deployments = new DeploymentRows(tx);
  }

  async insert({ execution, ...brief }: StoredExecution): Promise<void> {
    const hot = hotColumns(execution, execution);
    try {
      await this.tx.query(
        '',
        `INSERT INTO executions (id, shard, active, revision, sequence, last_progress_at, counters,
           failed_once, status, detail, tenant_id, component_id, created_at, kind, strategy)
         VALUES ($1, $2, true, $3, $4, $5, $6, 0, $7, $8, $9, $10, $11, $12, $13)`,
        [
          execution.id,
          shardOf(execution.id, SHARDS),
          hot.revision,
          hot.sequence,
          hot.last_progress_at,
          hot.counters,
          hot.status,
          detailOf(execution),
          execution.tenantId,
          execution.componentId,
          execution.createdAtMs,
          execution.kind,
          execution.plan.strategy,
        ],
      );
    } catch (error) {
      if (error instanceof UniqueViolationError) throw new ActiveExecutionError(error.message);
      throw error;
    }
    await this.tx.query('', 'INSERT INTO execution_briefs (id, plan, brief) VALUES ($1, $2, $3)', [
      execution.id,
      execution.plan,
      brief,
    ]);
  }

  deployment(tenantId: string, componentId: string): Promise<StandingDeployment | null> {
    return this.deployments.deployment(tenantId, componentId);
  }

  recordDeployment(record: DeploymentRecord): Promise<void> {
    return this.deployments.recordDeployment(record);
  }

  recordStandby(of: Deployed, standby: StandbySet | null): Promise<void> {
    return this.deployments.recordStandby(of, standby);
  }

  recordObserved(...observed: Parameters<ExecutionTx['recordObserved']>): Promise<void> {
    return this.deployments.recordObserved(...observed);
  }

  async lock(ids: readonly string[], mode: 'wait' | 'skip'): Promise<Map<string, StoredExecution>> {
    const locked = `${LOCK} WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE`;
    const rows = await this.tx.query<ExecutionRow>(
      `execution.lock.${mode}`,
      mode === 'skip' ? `${locked} SKIP LOCKED` : locked,
      [ids],
    );
    const briefs = await this.briefs.of(
      rows.map((row) => row.id),
      (text, values) => this.tx.query('', text, values),
    );
    const found = new Map<string, StoredExecution>();
    for (const row of rows) {
      const { plan, ...brief } = briefs.get(row.id) ?? missing(row.id);
      found.set(row.id, { ...brief, execution: executionOf(row, plan) });
    }
    return found;
  }

  async addInstances(
    executionId: string,
    instances: readonly NewInstance[],
    nowMs: number,
  ): Promise<void> {
    if (instances.length === 0) return;
    await this.tx.query(
      'instances.add',
      `INSERT INTO execution_instances
         (execution_id, index, status, attempt, moved_at, instance_id, from_version)
       SELECT $1, index, 0, 1, $2, instance_id, from_version
       FROM unnest($3::int[], $4::text[], $5::text[]) AS n(index, instance_id, from_version)`,
      [
        executionId,
        nowMs,
        instances.map((instance) => instance.index),
        instances.map((instance) => instance.instanceId),
        instances.map((instance) => instance.fromVersion),
      ],
    );
  }

  async nameInstances(executionId: string, first: number, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await this.tx.query(
      'instances.name',
      `UPDATE execution_instances i SET instance_id = n.id
       FROM unnest($3::text[]) WITH ORDINALITY AS n(id, at)
       WHERE i.execution_id = $1 AND i.index = $2::int + n.at - 1`,
      [executionId, first, ids],
    );
  }

  async movedAmong(executionId: string, instanceIds: readonly string[]): Promise<string[]> {
    const rows = await this.tx.query<{ instance_id: string }>(
      '',
      `SELECT instance_id FROM execution_instances
       WHERE execution_id = $1 AND instance_id = ANY ($2::text[])
         AND status <> ALL (ARRAY[${String(statusCode('PENDING'))}, ${String(statusCode('ROLLED_BACK'))}])`,
      [executionId, instanceIds],
    );
    return rows.map((row) => row.instance_id);
  }

  async standing(executionId: string, indices: readonly number[]): Promise<StoredInstance[]> {
    const rows = await this.tx.query<InstanceRow>(
      'instances.standing',
      `SELECT ${INSTANCE_COLUMNS} FROM execution_instances
       WHERE execution_id = $1 AND index = ANY ($2::int[]) ORDER BY index`,
      [executionId, indices],
    );
    return rows.map(instanceOf);
  }

  async pageOfInstances(
    executionId: string,
    page: { afterIndex: number; limit: number; touchedOnly: boolean },
  ): Promise<StoredInstance[]> {
    const rows = await this.tx.query<InstanceRow>(
      'instances.page',
      `SELECT ${INSTANCE_COLUMNS} FROM execution_instances
       WHERE execution_id = $1 AND index > $2 AND (NOT $3 OR status > 0) ORDER BY index LIMIT $4`,
      [executionId, page.afterIndex, page.touchedOnly, page.limit],
    );
    return rows.map(instanceOf);
  }

  async save(changes: readonly ExecutionChange[]): Promise<Map<string, MovedInstance[]>> {
    if (changes.length === 0) return new Map();
    const taken = new Map<string, MovedInstance[]>();
    const resolved = new Map<InstancesMoved, readonly number[]>();
    // All of them travel together, and the server takes them in this order: one round trip.
    const [waves] = await Promise.all([
      Promise.all(wavesOf(changes).map((wave) => this.moveWave(wave))),
      this.updateExecutions(changes),
    ]);
    for (const [{ fact, executionId }, row] of waves.flat()) {
      resolved.set(fact, row.indices ?? named(fact));
      const moved = taken.get(executionId) ?? [];
      moved.push(...movedInstances(fact, row));
      taken.set(executionId, moved);
    }
    // Not awaited: it travels with the commit, which fails when this does.
    this.insertFacts(changes, resolved).catch(() => undefined);
    return taken;
  }

  async plannedVersions(
    componentId: string,
    versions: readonly string[],
  ): Promise<PlannedVersion[]> {
    if (versions.length === 0) return [];
    return this.tx.query<PlannedVersion>(
      '',
      'SELECT id, version, artifacts FROM versions WHERE component_id = $1 AND version = ANY ($2)',
      [componentId, versions],
    );
  }

  async recordAction(action: RecordedAction): Promise<void> {
    const { executionId, by, reason, force, revision, atMs } = action;
    await this.tx.query(
      '',
      `INSERT INTO execution_actions (execution_id, action, claimed_by, reason, force, revision, at)
       VALUES ($1, $2, $3, $4, $5, $6, $7)`,
      [executionId, action.action, by, reason, force, revision, atMs],
    );
  }

  private async updateExecutions(changes: readonly ExecutionChange[]): Promise<void> {
    const records = changes.map(({ before, next }) => hotColumns(before, next));
    const raised = changes.filter(({ before, next }) => next.handOver > before.handOver);
    const beside = raised.map(({ next }) => this.deployments.keepHandOver(next));
    const outcomes = outcomeRows(changes);
    if (outcomes.length > 0) beside.push(this.insertOutcomes(outcomes));
    const rows = await this.tx.query<{ id: string }>('executions.update', UPDATE_EXECUTIONS, [
      JSON.stringify(records),
    ]);
    await Promise.all(beside);
    if (rows.length !== changes.length) {
      throw new StaleExecutionError('an execution has another revision by now');
    }
  }

  private async insertOutcomes(rows: readonly Record<string, unknown>[]): Promise<void> {
    await this.tx.query('outcomes.insert', INSERT_OUTCOMES, [JSON.stringify(rows)]);
  }

  /** All moves of one wave in one statement; answers what each of them really moved. */
  private async moveWave(wave: readonly PlacedMove[]): Promise<[PlacedMove, MovedRow][]> {
    const byName = wave[0]?.fact.select.by === 'INDICES';
    const rows = byName ? await this.moveNamed(wave) : await this.moveNext(wave);
    const found = new Map(rows.map((row) => [row.n, row]));
    return wave.map((place, n) => {
      const row = found.get(n);
      if (row?.count !== place.fact.count) {
        throw new StaleExecutionError(
          `${String(row?.count ?? 0)} of ${String(place.fact.count)} instances stood in ` +
            place.fact.from,
        );
      }
      return [place, row];
    });
  }

  private moveNamed(wave: readonly PlacedMove[]): Promise<MovedRow[]> {
    return this.tx.query<MovedRow>('instances.move-named', MOVE_NAMED, [
      wave.map((_, n) => n),
      wave.map(({ executionId }) => executionId),
      wave.map(({ fact }) => multirangeOf(named(fact))),
      wave.map(({ fact }) => statusCode(fact.from)),
      wave.map(({ fact }) => fact.fromAttempt),
      wave.map(({ fact }) => statusCode(fact.to)),
      wave.map(({ fact }) => (fact.fromAttempt === null ? null : fact.attempt)),
      wave.map(({ fact }) => failureCode(fact.failure)),
      wave.map(({ fact }) => fact.atMs),
    ]);
  }

  private moveNext(wave: readonly PlacedMove[]): Promise<MovedRow[]> {
    return this.tx.query<MovedRow>('instances.move-next', MOVE_NEXT, [
      wave.map((_, n) => n),
      wave.map(({ executionId }) => executionId),
      wave.map(({ fact }) => (fact.select.by === 'NEXT' ? fact.select.start : 0)),
      wave.map(({ fact }) => fact.count),
      wave.map(({ fact }) => statusCode(fact.from)),
      wave.map(({ fact }) => fact.fromAttempt),
      wave.map(({ fact }) => statusCode(fact.to)),
      wave.map(({ fact }) => fact.attempt),
      wave.map(({ fact }) => fact.atMs),
    ]);
  }

  private async insertFacts(
    changes: readonly ExecutionChange[],
    resolved: ReadonlyMap<InstancesMoved, readonly number[]>,
  ): Promise<void> {
    const facts = changes.flatMap(({ next, facts }) =>
      facts.map((fact) => ({ executionId: next.id, fact })),
    );
    const inserted = this.tx.query('facts.insert', INSERT_FACTS, [
      facts.map(({ executionId }) => executionId),
      facts.map(({ fact }) => fact.sequence),
      facts.map(({ fact }) => (fact.type === 'INSTANCES_MOVED' ? fact.count : 1)),
      facts.map(({ fact }) => fact.atMs),
      facts.map(({ fact }) =>
        fact.type === 'INSTANCES_MOVED' ? multirangeOf(resolved.get(fact) ?? []) : null,
      ),
      facts.map(({ fact }) => JSON.stringify(bodyOf(fact))),
    ]);
    const pointed = this.tx.point(
      facts.map(({ executionId, fact }) => ({
        shard: shardOf(executionId, SHARDS),
        subject: executionId,
        position: fact.sequence,
      })),
    );
    await Promise.all([inserted, pointed]);
  }
}

function named(fact: InstancesMoved): readonly number[] {
  return fact.select.by === 'INDICES' ? fact.select.indices : [];
}

function movedInstances(fact: InstancesMoved, row: MovedRow): MovedInstance[] {
  if (row.ids === null || isTerminal(fact.executionStatus)) return [];
  if (!(STEPS as readonly string[]).includes(fact.to)) return [];
  const { to: status, attempt } = fact;
  return row.ids.map((instanceId, at) => {
    return { index: row.indices?.[at] ?? 0, instanceId, status, attempt };
  });
}

function missing(id: string): never {
  throw new Error(`execution ${id} has no brief`);
}
