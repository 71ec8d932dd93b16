/** Reads what the topics say, in a group of its own: nobody's offsets are touched. */
import type { Admin, Kafka } from 'kafkajs';
import { TOPIC_SPECS, TOPICS } from '#contracts/topics.js';
import { deadLetterTopicOf } from '#messaging/dead-letters.js';
import type { IncomingMessage } from '#messaging/incoming-message.js';
import { hastyKafka } from '#messaging/kafka-client.js';
import { readLoosely, withAdmin } from '#messaging/loose-reader.js';
import { silentLog } from '#runtime/log.js';
import { DOCTOR_LIMITS } from './doctor-limits.js';
import type { GroupSeen, ServiceName, ToldSeen, TopicsSeen, WorkMessageSeen } from './seen.js';

const WORK_TOPICS = Object.values(TOPICS).filter((topic) => topic !== TOPICS.progress);

/** Who reads what; a service's group has its name. */
const READ_BY: Readonly<Record<ServiceName, readonly string[]>> = {
  orchestrator: [TOPICS.validatorResults, TOPICS.canaryResults, TOPICS.rollbackResults],
  validator: [TOPICS.validatorCommands],
  'canary-monitor': [TOPICS.canaryCommands],
  'rollback-agent': [TOPICS.rollbackCommands],
};

export interface TopicsRead {
  readonly seen: TopicsSeen;
  readonly notLookedAt: readonly string[];
}

export async function readTopics(
  brokers: readonly string[],
  tenant: string | null,
): Promise<TopicsRead> {
  const kafka = hastyKafka({ brokers, clientId: 'doctor', log: silentLog });
  const there = new Set(await withAdmin(kafka, (admin) => admin.listTopics()));
  const missing = TOPIC_SPECS.map(({ name }) => name).filter((name) => !there.has(name));
  const notLookedAt: string[] = [];
  const told = new Map<string, Telling>();
  const work = new Map<string, WorkMessageSeen>();
  let isCut = false;
  const scan = async (topic: string, take: (message: IncomingMessage) => void): Promise<void> => {
    if (!there.has(topic)) return;
    const skipped = await scanTopic(kafka, topic, take);
    if (skipped === 0) return;
    notLookedAt.push(`${topic}: its oldest ${String(skipped)} messages`);
    if (topic === TOPICS.progress) isCut = true;
  };
  await Promise.all([
    scan(TOPICS.progress, (message) => {
      hear(told, message, tenant);
    }),
    ...WORK_TOPICS.map((topic) =>
      scan(topic, (message) => {
        note(work, topic, message);
      }),
    ),
  ]);
  const [groups, deadLetters] = await withAdmin(kafka, async (admin) => [
    await readGroups(admin, there),
    await countDeadLetters(admin, there),
  ]);
  const seen = { missing, isCut, told: [...told.values()].map(asTold), work: [...work.values()] };
  return { seen: { ...seen, groups, deadLetters }, notLookedAt };
}

/** Every message that is there now, but no more than the newest; answers how many were left out. */
async function scanTopic(
  kafka: Kafka,
  topic: string,
  take: (message: IncomingMessage) => void,
): Promise<number> {
  const offsets = await withAdmin(kafka, (admin) => admin.fetchTopicOffsets(topic));
  const most = BigInt(Math.floor(DOCTOR_LIMITS.messagesMax / Math.max(1, offsets.length)));
  const ends = new Map<number, bigint>();
  const starts = new Map<number, bigint>();
  let skipped = 0n;
  for (const { partition, low, high } of offsets) {
    const from = BigInt(high) - most > BigInt(low) ? BigInt(high) - most : BigInt(low);
    skipped += from - BigInt(low);
    if (from >= BigInt(high)) continue;
    starts.set(partition, from);
    ends.set(partition, BigInt(high));
  }
  if (ends.size === 0) return 0;
  const over = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => {
    const seconds = String(DOCTOR_LIMITS.topicReadMs / 1_000);
    over.reject(new Error(`${topic} could not be read within ${seconds} s`));
  }, DOCTOR_LIMITS.topicReadMs);
  // Also when reading does not even begin in time.
  over.promise.catch(() => undefined);
  try {
    const reader = await readLoosely(kafka, topic, starts, (messages, partition, lastOffset) => {
      const end = ends.get(partition);
      if (end === undefined) return;
      for (const message of messages) if (BigInt(message.offset) < end) take(message);
      if (lastOffset + 1n >= end) ends.delete(partition);
      if (ends.size === 0) over.resolve(undefined);
    });
    await over.promise.finally(() => reader.stop());
  } finally {
    clearTimeout(timer);
  }
  return Number(skipped);
}

/** What was heard of one execution; only runs of sequences are kept, not each of them. */
interface Telling {
  readonly executionId: string;
  readonly tenantId: string;
  /** Disjoint and in order: from, to. */
  runs: [number, number][];
  status: string;
}

interface Spoken {
  readonly executionId?: unknown;
  readonly tenantId?: unknown;
  readonly sequence?: unknown;
  readonly executionStatus?: unknown;
  readonly fence?: { readonly handOver?: unknown };
  readonly handOver?: unknown;
  readonly snapshot?: { readonly tenantId?: unknown };
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Null: poison. Its consumers have set it aside, and dead letters are counted. */
export function spoken({ value }: Pick<IncomingMessage, 'value'>): Spoken | null {
  try {
    const parsed = JSON.parse(value?.toString('utf8') ?? 'null') as { data?: Spoken } | null;
    const data = parsed?.data ?? {};
    // No database could be asked about anything else.
    return typeof data.executionId === 'string' && UUID.test(data.executionId) ? data : null;
  } catch {
    return null;
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 1;
}

function hear(told: Map<string, Telling>, message: IncomingMessage, tenant: string | null): void {
  const data = spoken(message);
  const sequence = data?.sequence;
  if (data === null || !isCount(sequence)) return;
  const { executionId, tenantId, executionStatus } = data;
  if (tenant !== null && tenantId !== tenant) return;
  const id = String(executionId);
  const telling = told.get(id) ?? {
    executionId: id,
    tenantId: String(tenantId),
    runs: [],
    status: '',
  };
  told.set(id, telling);
  if (sequence >= (telling.runs.at(-1)?.[1] ?? 0)) telling.status = String(executionStatus);
  telling.runs = withSequence(telling.runs, sequence);
}

/** Nearly always the last run grows by one; anything else is put where it belongs. */
export function withSequence(runs: [number, number][], sequence: number): [number, number][] {
  const last = runs.at(-1);
  if (last !== undefined && sequence === last[1] + 1) {
    last[1] = sequence;
    return runs;
  }
  if (runs.some(([from, to]) => sequence >= from && sequence <= to)) return runs;
  const sorted = [...runs, [sequence, sequence] as [number, number]].sort((a, b) => a[0] - b[0]);
  const joined: [number, number][] = [];
  for (const run of sorted) {
    const before = joined.at(-1);
    if (before !== undefined && before[1] + 1 >= run[0]) before[1] = Math.max(before[1], run[1]);
    else joined.push(run);
  }
  return joined;
}

function asTold({ executionId, tenantId, runs, status }: Telling): ToldSeen {
  const firstSequence = runs[0]?.[0] ?? 0;
  const lastSequence = runs.at(-1)?.[1] ?? 0;
  const there = runs.reduce((sum, [from, to]) => sum + to - from + 1, 0);
  const missing = lastSequence - firstSequence + 1 - there;
  return { executionId, tenantId, firstSequence, lastSequence, missing, status };
}

function note(work: Map<string, WorkMessageSeen>, topic: string, message: IncomingMessage): void {
  const data = spoken(message);
  const handOver = data?.fence?.handOver ?? data?.handOver;
  if (data === null || !isCount(handOver)) return;
  const executionId = String(data.executionId);
  const key = `${topic} ${executionId}`;
  const before = work.get(key);
  if (before !== undefined && before.handOver >= handOver) return;
  const tenantId = typeof data.snapshot?.tenantId === 'string' ? data.snapshot.tenantId : null;
  work.set(key, { executionId, tenantId, topic, handOver });
}

async function readGroups(admin: Admin, there: ReadonlySet<string>): Promise<GroupSeen[]> {
  const seen: GroupSeen[] = [];
  for (const [group, topics] of Object.entries(READ_BY)) {
    for (const topic of topics.filter((each) => there.has(each))) {
      // The ends after the offsets: a group that reads on meanwhile must not seem beyond them.
      const [committed] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
      const ends = new Map(
        (await admin.fetchTopicOffsets(topic)).map((each) => [each.partition, each]),
      );
      for (const { partition, offset } of committed?.partitions ?? []) {
        const { low = '0', high = '0' } = ends.get(partition) ?? {};
        const next = Number(offset) < 0 ? null : Number(offset);
        const bounds = { low: Number(low), high: Number(high) };
        seen.push({ group, topic, partition, committed: next, ...bounds });
      }
    }
  }
  return seen;
}

async function countDeadLetters(admin: Admin, there: ReadonlySet<string>) {
  const counts: { topic: string; count: number }[] = [];
  for (const topic of Object.values(TOPICS)) {
    const letters = deadLetterTopicOf(topic);
    if (!there.has(letters)) continue;
    const offsets = await admin.fetchTopicOffsets(letters);
    const count = offsets.reduce((sum, { low, high }) => sum + Number(high) - Number(low), 0);
    counts.push({ topic, count });
  }
  return counts;
}
