/** Looks at the database, the topics, the database again, and the targets, and says what it saw. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import {
  absentService,
  clockAheadMs,
  oldestInOutbox,
  openReadOnly,
  readExecutions,
  readNamed,
  readService,
  readWork,
  schemasThere,
} from './database-reading.js';
import { diagnose } from './diagnose.js';
import { DOCTOR_LIMITS } from './doctor-limits.js';
import type { Diagnosis } from './finding.js';
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
 * cannot be asked at all; every other part that cannot is named.
 */
export async function examine({ databaseUrl, brokers, tenant }: Examined): Promise<Diagnosis> {
  const pool = openReadOnly(databaseUrl);
  try {
    const notLookedAt: string[] = [];
    const there = await schemasThere(pool).catch((cause: unknown) => {
      throw new Error(`the database cannot be asked: ${reasonOf(cause)}`, { cause });
    });
    const before = await firstLook(pool, there, tenant);
    const [topics] = await Promise.all([
      topicsOrNot(brokers, tenant, notLookedAt),
      sleep(DOCTOR_LIMITS.secondLookMs),
    ]);
    const seen = await secondLook(pool, { there, before, topics, tenant, notLookedAt });
    return { findings: diagnose(seen), notLookedAt };
  } finally {
    await pool.end();
  }
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
  readonly there: readonly ServiceName[];
  readonly before: FirstLook;
  readonly topics: TopicsSeen | null;
  readonly tenant: string | null;
  /** Filled. */
  readonly notLookedAt: string[];
}

/** What others can only have from an execution or a lease is read before these. */
async function secondLook(pool: Pool, look: SecondLook): Promise<Seen> {
  const { there, before, topics, tenant, notLookedAt } = look;
  const hasOrchestrator = there.includes('orchestrator');
  const deployments = hasOrchestrator
    ? await readDeployments(pool, tenant)
    : { seen: [], notLookedAt: [] };
  notLookedAt.push(...deployments.notLookedAt);
  const work: WorkSeen[] = [];
  for (const name of there) {
    if (name === 'orchestrator') continue;
    const { rows, isCut } = await readWork(pool, name);
    work.push(...rows);
    if (isCut) notLookedAt.push(`${name}: older work`);
  }
  const executions = hasOrchestrator ? await executionsNow(pool, { ...look, work }) : [];
  const services = await Promise.all(
    SERVICE_NAMES.map(async (name) =>
      there.includes(name)
        ? readService(pool, name, before.oldest.get(name) ?? null)
        : absentService(name),
    ),
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
