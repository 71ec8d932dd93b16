/** Reads what the services' schemas say. Read only: the connection itself refuses to write. */
import { Pool } from 'pg';
import { DOCTOR_LIMITS } from './doctor-limits.js';
import { SCHEMAS, type AppliedMigrations } from './schemas.js';
import {
  SERVICE_NAMES,
  type ExecutionSeen,
  type LeaseSeen,
  type ServiceName,
  type ServiceSeen,
  type WorkSeen,
} from './seen.js';

/** A list that was cut at its limit says so. */
export interface Cut<Row> {
  readonly rows: readonly Row[];
  readonly isCut: boolean;
}

export function openReadOnly(databaseUrl: string): Pool {
  const pool = new Pool({
    connectionString: databaseUrl,
    application_name: 'doctor',
    max: 4,
    connectionTimeoutMillis: DOCTOR_LIMITS.connectMs,
    statement_timeout: DOCTOR_LIMITS.statementMs,
    options: '-c default_transaction_read_only=on',
  });
  pool.on('error', () => undefined);
  return pool;
}

/** This machine's clock less the database's, by the middle of the fastest of three questions. */
export async function clockAheadMs(pool: Pool): Promise<number> {
  let best = { tookMs: Infinity, aheadMs: 0 };
  for (let round = 0; round < 3; round += 1) {
    const askedMs = Date.now();
    const { rows } = await pool.query<{ now_ms: number }>(
      'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now_ms',
    );
    const tookMs = Date.now() - askedMs;
    const aheadMs = askedMs + tookMs / 2 - Number(rows[0]?.now_ms);
    if (tookMs < best.tookMs) best = { tookMs, aheadMs };
  }
  return best.aheadMs;
}

async function migrationsOf(pool: Pool, schema: string): Promise<string[] | null> {
  const table = `${schema}.migrations`;
  const there = await pool.query<{ found: string | null }>('SELECT to_regclass($1) AS found', [
    table,
  ]);
  if (there.rows[0]?.found === null) return null;
  const { rows } = await pool.query<{ name: string }>(`SELECT name FROM ${table}`);
  return rows.map(({ name }) => name);
}

export async function readMigrations(pool: Pool): Promise<AppliedMigrations> {
  const found = new Map<ServiceName, readonly string[]>();
  for (const name of SERVICE_NAMES) {
    const applied = await migrationsOf(pool, SCHEMAS[name].schema);
    if (applied !== null) found.set(name, applied);
  }
  return found;
}

/** Something of it stands in the database, or has of old. */
export async function hasTenant(pool: Pool, tenant: string): Promise<boolean> {
  const { rows } = await pool.query<{ found: boolean }>(
    `SELECT EXISTS (SELECT FROM orchestrator.deployments WHERE tenant_id = $1)
         OR EXISTS (SELECT FROM orchestrator.executions WHERE tenant_id = $1) AS found`,
    [tenant],
  );
  return rows[0]?.found === true;
}

export async function oldestInOutbox(pool: Pool, name: ServiceName): Promise<string | null> {
  const { schema } = SCHEMAS[name];
  const { rows } = await pool.query<{ id: string | null }>(
    `SELECT min(id) AS id FROM ${schema}.outbox`,
  );
  return rows[0]?.id ?? null;
}

/** One service's plumbing; `before` is what its outbox began with at the first look. */
export async function readService(
  pool: Pool,
  name: ServiceName,
  {
    applied,
    before,
  }: { readonly applied: readonly string[] | null; readonly before: string | null },
): Promise<ServiceSeen> {
  const { schema } = SCHEMAS[name];
  const leases = await pool.query<LeaseSeen>(
    `SELECT shard, epoch, coalesce(until > clock_timestamp(), false) AS "isHeld"
     FROM ${schema}.shard_leases ORDER BY shard`,
  );
  const outbox = await pool.query<{ rows: number; id: string | null }>(
    `SELECT count(*)::int AS rows, min(id) AS id FROM ${schema}.outbox`,
  );
  const late = await pool.query<{ count: number; oldest: number | null }>(
    `SELECT count(*)::int AS count, (extract(epoch FROM min(at)) * 1000)::float8 AS oldest
     FROM ${schema}.due_work WHERE at < clock_timestamp() - $1 * interval '1 millisecond'`,
    [DOCTOR_LIMITS.timerLateMs],
  );
  const { rows = 0, id = null } = outbox.rows[0] ?? {};
  return {
    name,
    applied,
    known: SCHEMAS[name].migrations.map((migration) => migration.name),
    leases: leases.rows,
    outbox: { rows, moves: rows > 0 || before !== null, stands: id !== null && id === before },
    lateTimers: { count: late.rows[0]?.count ?? 0, oldestAtMs: late.rows[0]?.oldest ?? null },
  };
}

/** A service without a schema, or with one whose tables are not those this code knows. */
export function unreadService(name: ServiceName, applied: readonly string[] | null): ServiceSeen {
  const known = SCHEMAS[name].migrations.map((migration) => migration.name);
  const outbox = { rows: 0, moves: false, stands: false };
  const lateTimers = { count: 0, oldestAtMs: null };
  return { name, applied, known, leases: [], outbox, lateTimers };
}

interface ExecutionColumns {
  id: string;
  tenant_id: string;
  component_id: string;
  shard: number;
  status: string;
  active: boolean;
  revision: string;
  sequence: string;
  hand_over: number;
  asked: boolean;
  created_at: string;
  last_progress_at: string;
  first_untold: string | null;
}

const EXECUTIONS = `
  SELECT e.id, e.tenant_id, e.component_id, e.shard, e.status, e.active, e.revision, e.sequence,
         (e.detail->>'handOver')::int AS hand_over,
         e.detail->>'postChecksAskedAtMs' IS NOT NULL
           AND NOT coalesce((e.detail->>'postChecksAnswered')::boolean, false) AS asked,
         e.created_at, e.last_progress_at, o.first_untold
  FROM orchestrator.executions e
  LEFT JOIN (SELECT subject, min(position) AS first_untold FROM orchestrator.outbox
             WHERE subject IS NOT NULL GROUP BY subject) o ON o.subject = e.id`;

/** Active ones, and those that moved of late; of one tenant, or of all. */
export async function readExecutions(
  pool: Pool,
  tenant: string | null,
): Promise<Cut<ExecutionSeen>> {
  const all: ExecutionSeen[] = [];
  let after = '00000000-0000-0000-0000-000000000000';
  while (all.length < DOCTOR_LIMITS.executionsMax) {
    const { rows } = await pool.query<ExecutionColumns>(
      `${EXECUTIONS} WHERE e.id > $1 AND ($2::text IS NULL OR e.tenant_id = $2)
         AND (e.active OR e.last_progress_at > $3) ORDER BY e.id LIMIT $4`,
      [after, tenant, Date.now() - DOCTOR_LIMITS.eventsKeptMs, DOCTOR_LIMITS.rowsPerPage],
    );
    all.push(...rows.map(executionSeen));
    if (rows.length < DOCTOR_LIMITS.rowsPerPage) return { rows: all, isCut: false };
    after = rows.at(-1)?.id ?? after;
  }
  return { rows: all, isCut: true };
}

/** Those of the ids that are there, whenever they moved last. */
export async function readNamed(pool: Pool, ids: readonly string[]): Promise<ExecutionSeen[]> {
  const found: ExecutionSeen[] = [];
  for (let at = 0; at < ids.length; at += DOCTOR_LIMITS.rowsPerPage) {
    const page = ids.slice(at, at + DOCTOR_LIMITS.rowsPerPage);
    const { rows } = await pool.query<ExecutionColumns>(
      `${EXECUTIONS} WHERE e.id = ANY ($1::uuid[])`,
      [page],
    );
    found.push(...rows.map(executionSeen));
  }
  return found;
}

function executionSeen(row: ExecutionColumns): ExecutionSeen {
  const sequence = Number(row.sequence);
  return {
    id: row.id,
    tenantId: row.tenant_id,
    componentId: row.component_id,
    shard: row.shard,
    status: row.status,
    isActive: row.active,
    revision: Number(row.revision),
    sequence,
    toldSequence: row.first_untold === null ? sequence : Number(row.first_untold) - 1,
    handOver: row.hand_over,
    createdAtMs: Number(row.created_at),
    lastProgressAtMs: Number(row.last_progress_at),
    awaitsPostChecks: row.asked,
    isSettled: false,
  };
}

const WORK: Readonly<Record<WorkSeen['service'], string>> = {
  validator: `SELECT 'validator' AS service, execution_id, hand_over, kind,
    CASE state WHEN 'GATHERING' THEN state WHEN 'RUNNING' THEN state ELSE 'OVER' END AS state
    FROM validator.validations`,
  'canary-monitor': `SELECT 'canary-monitor' AS service, execution_id, hand_over, '' AS kind,
    CASE state WHEN 'GATHERING' THEN state WHEN 'RUNNING' THEN state ELSE 'OVER' END AS state
    FROM canary_monitor.watches`,
  'rollback-agent': `SELECT 'rollback-agent' AS service, execution_id, hand_over, '' AS kind,
    CASE WHEN work->>'state' IN ('GATHERING', 'RUNNING') THEN work->>'state' ELSE 'OVER' END
      AS state FROM rollback_agent.rollbacks`,
};

/** What a service has written down of late, the newest first. */
export async function readWork(pool: Pool, service: WorkSeen['service']): Promise<Cut<WorkSeen>> {
  interface Row {
    service: WorkSeen['service'];
    execution_id: string;
    hand_over: number;
    kind: string;
    state: WorkSeen['state'];
  }
  const { rows } = await pool.query<Row>(
    `${WORK[service]} WHERE touched_at > now() - $1 * interval '1 millisecond'
     ORDER BY touched_at DESC LIMIT $2`,
    [DOCTOR_LIMITS.eventsKeptMs, DOCTOR_LIMITS.workRowsMax],
  );
  const seen = rows.map(({ execution_id: executionId, hand_over: handOver, ...row }) => {
    return { ...row, executionId, handOver };
  });
  return { rows: seen, isCut: rows.length === DOCTOR_LIMITS.workRowsMax };
}
