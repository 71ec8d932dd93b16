import type { PgServiceDatabase } from '#postgres/pg-service-database.js';
import { progressEventsOf } from '#contracts/progress-events.js';
import type { ProgressEvent } from '#contracts/progress.messages.js';
import { HOUSEKEEPING_LIMITS } from '../orchestrator-limits.js';
import { BriefCache } from './brief-cache.js';
import { executionOf, type ExecutionRow } from './execution.row.js';
import { FACTS_AFTER, FACTS_BY_POINTER, INSTANCE_COLUMNS, LOCK } from './execution.statements.js';
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
import { listedBy } from './execution-list.js';
import { PgExecutionTx } from './execution-tx.pg.store.js';
import { factOf, indicesOf, type FactBody } from './fact.row.js';
import { instanceOf, statusCode, type InstanceRow } from './instance.row.js';

interface FactRow {
  execution_id: string;
  sequence: string;
  count: number;
  at_ms: number;
  instances: string | null;
  body: FactBody;
  ids: string[] | null;
  versions: (string | null)[] | null;
  attempts: number[] | null;
}

/** Executions on Postgres, in the orchestrator's own schema. */
export class PgExecutionStore extends ExecutionStore {
  readonly #briefs = new BriefCache();

  constructor(private readonly db: PgServiceDatabase) {
    super();
  }

  override transaction<T>(work: (tx: ExecutionTx) => Promise<T>): Promise<T> {
    return this.db.transaction((tx) => work(new PgExecutionTx(tx, this.#briefs)));
  }

  override async get(id: string): Promise<StoredExecution | null> {
    return (await this.#select('WHERE id = $1', [id]))[0] ?? null;
  }

  override list(filter: ListFilter): Promise<StoredExecution[]> {
    return this.#select(...listedBy(filter));
  }

  override async active(tenantId: string, componentId: string): Promise<StoredExecution | null> {
    const where = 'WHERE tenant_id = $1 AND component_id = $2 AND active';
    return (await this.#select(where, [tenantId, componentId]))[0] ?? null;
  }

  override async instances(id: string, filter: InstanceFilter): Promise<StoredInstance[]> {
    const rows = await this.db.statement<InstanceRow>(
      'instances.list',
      `SELECT ${INSTANCE_COLUMNS} FROM execution_instances
       WHERE execution_id = $1 AND index > $2 AND ($3::int[] IS NULL OR status = ANY ($3))
       ORDER BY index LIMIT $4`,
      [id, filter.afterIndex, filter.statuses?.map(statusCode) ?? null, filter.limit],
    );
    return rows.map(instanceOf);
  }

  override async events(
    id: string,
    afterSequence: number,
    limit: number,
  ): Promise<ProgressEvent[]> {
    const rows = await this.db.statement<FactRow>('facts.after', FACTS_AFTER, [
      id,
      afterSequence,
      limit,
    ]);
    const located = await this.#located(rows);
    return located
      .flatMap(({ fact, head }) => progressEventsOf(fact, head))
      .filter((event) => event.data.sequence > afterSequence)
      .slice(0, limit);
  }

  override async activeIn(shards: readonly number[]): Promise<string[]> {
    const rows = await this.db.statement<{ id: string }>(
      '',
      'SELECT id FROM executions WHERE active AND shard = ANY ($1::smallint[])',
      [shards],
    );
    return rows.map((row) => row.id);
  }

  override async ownDown(id: string): Promise<StoredInstance[]> {
    const rows = await this.db.statement<InstanceRow>(
      'instances.own-down',
      `SELECT ${INSTANCE_COLUMNS} FROM execution_instances
       WHERE execution_id = $1 AND status IN (1, 2, 3, 5) ORDER BY index`,
      [id],
    );
    return rows.map(instanceOf);
  }

  override async pendingAmong(id: string, instanceIds: readonly string[]): Promise<number[]> {
    const rows = await this.db.statement<{ index: number }>(
      '',
      `SELECT index FROM execution_instances
       WHERE execution_id = $1 AND status = 0 AND instance_id = ANY ($2::text[]) ORDER BY index`,
      [id, instanceIds],
    );
    return rows.map((row) => row.index);
  }

  override async makeRoomForFacts(nowMs: number): Promise<void> {
    const { factWeeksAhead, factsKeptMs } = HOUSEKEEPING_LIMITS;
    await this.db.statement('', 'SELECT ensure_fact_partitions(to_timestamp($1::float8), $2)', [
      nowMs / 1_000,
      factWeeksAhead,
    ]);
    await this.db.statement('', 'SELECT drop_fact_partitions(to_timestamp($1::float8))', [
      (nowMs - factsKeptMs) / 1_000,
    ]);
  }

  override async resolvedFacts(pointers: readonly FactPointer[]): Promise<LocatedFact[]> {
    const rows = await this.db.statement<FactRow>('facts.by-pointer', FACTS_BY_POINTER, [
      pointers.map((pointer) => pointer.executionId),
      pointers.map((pointer) => pointer.sequence),
    ]);
    return this.#located(rows);
  }

  async #select(where: string, values: unknown[]): Promise<StoredExecution[]> {
    const rows = await this.db.statement<ExecutionRow>('', `${LOCK} ${where}`, values);
    const briefs = await this.#briefs.of(
      rows.map((row) => row.id),
      (text, params) => this.db.statement('', text, params),
    );
    return rows.flatMap((row) => {
      const found = briefs.get(row.id);
      if (found === undefined) return [];
      const { plan, ...brief } = found;
      return [{ ...brief, execution: executionOf(row, plan) }];
    });
  }

  async #located(rows: readonly FactRow[]): Promise<LocatedFact[]> {
    const ids = [...new Set(rows.map((row) => row.execution_id))];
    const briefs = await this.#briefs.of(ids, (text, values) =>
      this.db.statement('', text, values),
    );
    return rows.flatMap((row) => {
      const brief = briefs.get(row.execution_id);
      if (brief === undefined) return [];
      const { tenantId, componentId } = brief.snapshot;
      const targetVersion = brief.plan.to.version;
      const head = { executionId: row.execution_id, tenantId, componentId, targetVersion };
      return [{ head, fact: resolved(row) }];
    });
  }
}

function resolved(row: FactRow): LocatedFact['fact'] {
  const indices = row.instances === null ? [] : indicesOf(row.instances);
  const { count, body } = row;
  const fact = factOf({ sequence: Number(row.sequence), count, atMs: row.at_ms, indices, body });
  if (fact.type !== 'INSTANCES_MOVED') return fact;
  const instances = indices.map((index, at) => {
    const id = row.ids?.[at] ?? '';
    if (row.versions === null) return { index, id };
    const attempt = row.attempts?.[at];
    return { index, id, fromVersion: row.versions[at] ?? null, ...(attempt && { attempt }) };
  });
  return { ...fact, instances };
}
