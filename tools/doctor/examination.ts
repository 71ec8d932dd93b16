/** Looks at the database, the topics, the database again, and the targets, and says what it saw. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import {
  clockAheadMs,
  hasTenant,
  oldestInOutbox,
  openReadOnly,
  readExecutions,
  readMigrations,
  readNamed,
  readService,
  readWork,
  unreadService,
} from './database-reading.js';
import { diagnose } from './diagnose.js';
import { DOCTOR_LIMITS } from './doctor-limits.js';
import type { Diagnosis } from './finding.js';
import { SCHEMA_PROBLEMS, schemaProblem, type AppliedMigrations } from './schemas.js';
import {
  SERVICE_NAMES,
  type ExecutionSeen,
  type Seen,
  type ServiceName,
  type TopicsSeen,
  type WorkSeen,
} from './seen.js';
import { readDeployments } from './targets-reading.js';
import { readTopics } from './topics-reading.js';

export interface Examined {
  readonly databaseUrl: string;
  readonly brokers: readonly string[];
  readonly tenant: string | null;
}

/**
 * Database, topics, database again: an event stands in the database before it is on the topic, so
 * the first look must be behind the topics and the second before them. Throws when the database
 * cannot be asked at all, or the tenant is nobody's; every other part that cannot is named.
 */
export async function examine({ databaseUrl, brokers, tenant }: Examined): Promise<Diagnosis> {
  const pool = openReadOnly(databaseUrl);
  try {
    const notLookedAt: string[] = [];
    const applied = await readMigrations(pool).catch((cause: unknown) => {
      throw new Error(`the database cannot be asked: ${reasonOf(cause)}`, { cause });
    });
    const there = readable(applied, tenant, notLookedAt);
    const before = await firstLook(pool, there, tenant);
    const [topics] = await Promise.all([
      topicsOrNot(brokers, tenant, notLookedAt),
      sleep(DOCTOR_LIMITS.secondLookMs),
    ]);
    if (tenant !== null && there.includes('orchestrator')) {
      await refuseUnknownTenant(pool, tenant, topics);
    }
    const seen = await secondLook(pool, { applied, there, before, topics, tenant, notLookedAt });
    const executions = seen.executions.filter((each) => isOf(tenant, each)).length;
    const lookedAt = { tenant, deployments: seen.deployments.length, executions };
    return { lookedAt, findings: diagnose(seen), notLookedAt };
  } finally {
    await pool.end();
  }
}

function isOf(tenant: string | null, { tenantId }: ExecutionSeen): boolean {
  return tenant === null || tenantId === tenant;
}

/**
 * Whose tables this code knows. A schema that is missing is a finding, except to a tenant, who hears
 * nothing of the installation; of an older one nothing is read.
 */
function readable(
  applied: AppliedMigrations,
  tenant: string | null,
  notLookedAt: string[],
): ServiceName[] {
  return SERVICE_NAMES.filter((name) => {
    const problem = schemaProblem(name, applied);
    if (problem === null || problem === 'NEWER') return true;
    if (problem === 'OLDER' || tenant !== null) {
      notLookedAt.push(`${name}: ${SCHEMA_PROBLEMS[problem]}`);
    }
    return false;
  });
}

/** A name that was mistyped must not look like a tenant in good order. */
async function refuseUnknownTenant(
  pool: Pool,
  tenant: string,
  topics: TopicsSeen | null,
): Promise<void> {
  const isTold = topics?.told.some(({ tenantId }) => tenantId === tenant) ?? false;
  if (isTold || (await hasTenant(pool, tenant))) return;
  const where =
    topics === null ? 'the database does not know it' : 'neither database nor topics do';
  throw new Error(`no tenant "${tenant}" is known: ${where}`);
}

async function topicsOrNot(
  brokers: readonly string[],
  tenant: string | null,
  notLookedAt: string[],
): Promise<TopicsSeen | null> {
  try {
    const read = await readTopics(brokers, tenant);
    notLookedAt.push(...read.notLookedAt);
    return read.seen;
  } catch (error) {
    notLookedAt.push(`Kafka at ${brokers.join(', ')}: ${reasonOf(error)}`);
    return null;
  }
}

/** In words; where several addresses were tried (::1, then 127.0.0.1), the reasons are inside. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}

interface FirstLook {
  readonly oldest: ReadonlyMap<ServiceName, string | null>;
  readonly executions: ReadonlyMap<string, ExecutionSeen>;
}

async function firstLook(
  pool: Pool,
  there: readonly ServiceName[],
  tenant: string | null,
): Promise<FirstLook> {
  const oldest = new Map<ServiceName, string | null>();
  for (const name of there) oldest.set(name, await oldestInOutbox(pool, name));
  const { rows } = there.includes('orchestrator')
    ? await readExecutions(pool, tenant)
    : { rows: [] };
  return { oldest, executions: new Map(rows.map((row) => [row.id, row])) };
}

interface SecondLook {
  readonly applied: AppliedMigrations;
  /** Of these services' tables this code knows all. */
  readonly there: readonly ServiceName[];
  readonly before: FirstLook;
  readonly topics: TopicsSeen | null;
  readonly tenant: string | null;
  /** Filled. */
  readonly notLookedAt: string[];
}

/** What others can only have from an execution or a lease is read before these. */
async function secondLook(pool: Pool, look: SecondLook): Promise<Seen> {
  const { applied, there, before, tenant, notLookedAt } = look;
  const hasOrchestrator = there.includes('orchestrator');
  // Executions that could not be read are not unknown ones.
  const isUnread = applied.has('orchestrator') && !hasOrchestrator;
  const topics = isUnread && look.topics ? { ...look.topics, told: [], work: [] } : look.topics;
  const deployments = hasOrchestrator
    ? await readDeployments(pool, tenant)
    : { seen: [], notLookedAt: [] };
  notLookedAt.push(...deployments.notLookedAt);
  const work: WorkSeen[] = [];
  for (const name of there) {
    if (name === 'orchestrator' || isUnread) continue;
    const { rows, isCut } = await readWork(pool, name);
    work.push(...rows);
    if (isCut) notLookedAt.push(`${name}: older work`);
  }
  const executions = hasOrchestrator ? await executionsNow(pool, { ...look, work }) : [];
  const services = await Promise.all(
    SERVICE_NAMES.map(async (name) => {
      const has = applied.get(name) ?? null;
      return there.includes(name)
        ? readService(pool, name, { applied: has, before: before.oldest.get(name) ?? null })
        : unreadService(name, has);
    }),
  );
  const aheadMs = await clockAheadMs(pool);
  const seen = { tenant, clockAheadMs: aheadMs, nowMs: Date.now() - aheadMs, services, topics };
  return { ...seen, executions, work, deployments: deployments.seen };
}

/** As they are by now, with what the first look knew; and those that only others speak of. */
async function executionsNow(
  pool: Pool,
  { before, topics, tenant, work, notLookedAt }: SecondLook & { work: readonly WorkSeen[] },
): Promise<ExecutionSeen[]> {
  const { rows, isCut } = await readExecutions(pool, tenant);
  if (isCut) notLookedAt.push(`executions beyond ${String(DOCTOR_LIMITS.executionsMax)}`);
  const known = new Set(rows.map(({ id }) => id));
  const spokenOf = [...(topics?.told ?? []), ...(topics?.work ?? []), ...work];
  const named = new Set(spokenOf.map(({ executionId }) => executionId));
  const others = [...named].filter((id) => !known.has(id));
  const now = [...rows, ...(await readNamed(pool, others))];
  return now.map((execution) => {
    const first = before.executions.get(execution.id);
    return {
      ...execution,
      toldSequence: first?.toldSequence ?? 0,
      isSettled: first?.revision === execution.revision,
    };
  });
}
