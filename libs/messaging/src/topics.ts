import kafkajs, { type Admin, type ITopicConfig } from 'kafkajs';
import { SystemClock, type Clock } from '#runtime/clock.js';
import type { Log } from '#runtime/log.js';
import { connectPatiently, patientKafka } from './kafka-client.js';

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
    const isAllOurs = await create(admin, missing, replicas);
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

/** False when some of them existed by then. Waits until the new ones have leaders. */
async function create(
  admin: Admin,
  specs: readonly TopicSpec[],
  replicas: number,
): Promise<boolean> {
  if (specs.length === 0) return true;
  const topics = specs.map((spec): ITopicConfig => ({
    topic: spec.name,
    numPartitions: spec.partitions,
    replicationFactor: replicas,
    configEntries: Object.entries(settingsOf(spec)).map(([name, value]) => ({ name, value })),
  }));
  return admin.createTopics({ topics, waitForLeaders: true });
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

/** Messages go by age alone: compaction would take events that share a key. */
function settingsOf(spec: TopicSpec): Record<string, string> {
  return {
    'cleanup.policy': 'delete',
    'retention.ms': String(spec.retentionMs),
    'max.message.bytes': String(spec.maxMessageBytes),
  };
}

function nameOf(spec: TopicSpec): string {
  return spec.name;
}
