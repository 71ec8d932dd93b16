import kafkajs, { type Admin, type ITopicConfig } from 'kafkajs';
import { SystemClock, type Clock } from '#runtime/clock.js';
import type { Log } from '#runtime/log.js';
import { retryTransient } from '#runtime/retry.js';
import { connectPatiently, patientKafka } from './kafka-client.js';
import { TOPICS_READY_LIMIT_MS } from './messaging-limits.js';

// Node does not see this one among the names of a CommonJS module.
const { ConfigResourceTypes } = kafkajs;

/** A topic and what is asked of it. */
export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  readonly retentionMs: number;
  readonly maxMessageBytes: number;
}

/** What may differ from place to place. */
export interface TopicSurroundings {
  /** Copies of each partition; left out: what the brokers do by default. */
  readonly replicas?: number;
  readonly clock?: Clock;
}

/** The brokers' own default for the number of copies. */
const BROKER_DEFAULT = -1;

/**
 * Creates the topics that are missing and compares the others: a setting that differs from its spec
 * is logged and left as it is, because somebody may have meant it. Called before anything consumes.
 * Several processes may do it at once. Waits for a broker that is away and says so.
 */
export async function ensureTopics(
  brokers: readonly string[],
  specs: readonly TopicSpec[],
  log: Log,
  { replicas = BROKER_DEFAULT, clock = new SystemClock() }: TopicSurroundings = {},
): Promise<void> {
  const admin = patientKafka({ brokers, clientId: 'topics', log }).admin();
  await connectPatiently('the check of topics', () => admin.connect(), { brokers, log, clock });
  try {
    const existing = new Set(await admin.listTopics());
    const missing = specs.filter((spec) => !existing.has(spec.name));
    const isAllOurs = await create(admin, missing, replicas, clock);
    if (missing.length > 0) log.info({ topics: missing.map(nameOf) }, 'topics created');
    // Where somebody else created some meanwhile, theirs are compared too.
    const foreign = isAllOurs ? specs.filter((spec) => existing.has(spec.name)) : specs;
    for (const difference of await differencesOf(admin, foreign)) {
      log.warn({ ...difference }, 'a topic is not set as it should be');
    }
  } finally {
    await admin.disconnect();
  }
}

/** A setting of a topic that is not what its spec says. */
interface Difference {
  readonly topic: string;
  readonly setting: string;
  readonly expected: string;
  readonly found: string;
}

/** False when some of them existed by then. */
async function create(
  admin: Admin,
  specs: readonly TopicSpec[],
  replicas: number,
  clock: Clock,
): Promise<boolean> {
  if (specs.length === 0) return true;
  const topics = specs.map((spec): ITopicConfig => ({
    topic: spec.name,
    numPartitions: spec.partitions,
    replicationFactor: replicas,
    configEntries: Object.entries(settingsOf(spec)).map(([name, value]) => ({ name, value })),
  }));
  return createTopics(admin, topics, clock);
}

/**
 * Creates topics and waits until they can be used; false when some existed by then. kafkajs' own
 * wait gives up when a broker has not heard of a new topic yet.
 */
export async function createTopics(
  admin: Admin,
  topics: ITopicConfig[],
  clock: Clock,
): Promise<boolean> {
  const isAllNew = await admin.createTopics({ topics, waitForLeaders: false });
  const names = topics.map(({ topic }) => topic);
  await retryTransient(
    async () => {
      const metadata = await admin.fetchTopicMetadata({ topics: names });
      const partitions = metadata.topics.flatMap((topic) => topic.partitions);
      if (partitions.some(({ leader }) => leader < 0)) throw new Error('partitions lack a leader');
      // A leader that was named may not know yet that it is one; it does when it tells its offsets.
      await Promise.all(names.map((name) => admin.fetchTopicOffsets(name)));
    },
    { isTransient: () => true, clock, random: Math.random, limitMs: TOPICS_READY_LIMIT_MS },
  );
  return isAllNew;
}

async function differencesOf(admin: Admin, specs: readonly TopicSpec[]): Promise<Difference[]> {
  if (specs.length === 0) return [];
  const metadata = await admin.fetchTopicMetadata({ topics: specs.map(nameOf) });
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: specs.map((spec) => ({
      type: ConfigResourceTypes.TOPIC,
      name: spec.name,
      configNames: Object.keys(settingsOf(spec)),
    })),
  });
  return specs.flatMap((spec) => {
    const partitions = metadata.topics.find(({ name }) => name === spec.name)?.partitions.length;
    const entries = resources.find(({ resourceName }) => resourceName === spec.name)?.configEntries;
    const found: Record<string, string> = { partitions: String(partitions) };
    for (const entry of entries ?? []) found[entry.configName] = entry.configValue;
    const expected = { partitions: String(spec.partitions), ...settingsOf(spec) };
    return Object.entries(expected)
      .filter(([setting, value]) => found[setting] !== value)
      .map(([setting, value]) => ({
        topic: spec.name,
        setting,
        expected: value,
        found: found[setting] ?? 'nothing',
      }));
  });
}

/**
 * Messages go by age alone: compaction would take events that share a key. They lie as they are,
 * whatever a sender or the brokers' own setting would pack them with: nobody here can unpack LZ4 or
 * Zstandard, and what a small one unpacks to has no bound but this topic's.
 */
function settingsOf(spec: TopicSpec): Record<string, string> {
  return {
    'cleanup.policy': 'delete',
    'compression.type': 'uncompressed',
    'retention.ms': String(spec.retentionMs),
    'max.message.bytes': String(spec.maxMessageBytes),
  };
}

function nameOf(spec: TopicSpec): string {
  return spec.name;
}
