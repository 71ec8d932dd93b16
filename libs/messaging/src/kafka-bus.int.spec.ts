import { SystemClock } from '#runtime/clock.js';
import { silentLog } from '#runtime/log.js';
import { isTransientFault } from './batch-delivery.js';
import type { BusUnderTest } from './bus-under-test.contract.js';
import { busContract } from './message-bus.contract.js';
import { FaultyNetwork } from './faulty-network.js';
import { patientKafka } from './kafka-client.js';
import { KafkaConsumption } from './kafka-consumption.js';
import { KafkaProducer } from './kafka-producer.js';
import { withAdmin } from './loose-reader.js';
import { readTopic } from './topic-range.js';
import { createTopics } from './topics.js';

const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',');
const clock = new SystemClock();
/** The shortest session a broker grants by default, so that a takeover takes no longer. */
const SESSION_TIMEOUT_MS = 6_000;
const LIMIT_MS = 30_000;

/** The real bus. Every owner has a network of its own, which is cut when it dies. */
function start(): Promise<BusUnderTest> {
  const kafka = patientKafka({ brokers, clientId: 'contract', log: silentLog });
  const networks = new Map<string, FaultyNetwork>();
  const open: (() => Promise<void>)[] = [];
  const accessOf = async (owner: string) => {
    const network = networks.get(owner) ?? (await FaultyNetwork.before(brokers[0] ?? ''));
    networks.set(owner, network);
    const { socketFactory } = network;
    return { brokers, clientId: owner, log: silentLog, socketFactory, clock };
  };
  return Promise.resolve({
    createTopic: async (topic, numPartitions) => {
      await withAdmin(kafka, (admin) => createTopics(admin, [{ topic, numPartitions }], clock));
    },
    producer: async (owner) => {
      const producer = new KafkaProducer(await accessOf(owner));
      await producer.start();
      open.push(() => producer.close());
      return producer;
    },
    consume: async (owner, group, topics, handler, deadLetters) => {
      if (await lacksTopic(topics)) throw new Error('topic does not exist');
      const consumption = new KafkaConsumption({
        ...(await accessOf(owner)),
        group,
        topics,
        deadLetters,
        isTransient: isTransientFault,
        onDead: () => undefined,
        sessionTimeoutMs: SESSION_TIMEOUT_MS,
      });
      await consumption.start(new Map(topics.map((topic) => [topic, handler])));
      return {
        close: () => {
          // Else a dead one could not end either.
          networks.get(owner)?.mend();
          return consumption.close(LIMIT_MS);
        },
      };
    },
    crash: (owner) => {
      networks.get(owner)?.cut();
    },
    cutOff: (owner) => {
      networks.get(owner)?.cut();
    },
    reconnect: (owner) => {
      networks.get(owner)?.mend();
    },
    write: async (topic, { partition = 0, key = null, value = null, headers = {} }) => {
      const foreign = kafka.producer();
      await foreign.connect();
      await foreign.send({ topic, messages: [{ partition, key, value, headers }] });
      await foreign.disconnect();
    },
    // A group without offsets begins at the first message. kafkajs' own reset takes five seconds.
    rewind: (group) =>
      withAdmin(kafka, (admin) => admin.deleteGroups([group]).then(() => undefined)),
    isRebalancing: async (group) => {
      const described = await withAdmin(kafka, (admin) => admin.describeGroups([group]));
      return described.groups[0]?.state === 'PreparingRebalance';
    },
    lag: (group, topic) =>
      withAdmin(kafka, async (admin) => {
        const [of] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
        const ends = await admin.fetchTopicOffsets(topic);
        return ends.reduce((sum, { partition, high }) => {
          const offset = of?.partitions.find((one) => one.partition === partition)?.offset;
          return sum + Number(high) - Math.max(0, Number(offset ?? 0));
        }, 0);
      }),
    contents: (topic) => readTopic(kafka, topic),
    stop: async () => {
      for (const close of open) await close();
      for (const network of networks.values()) network.close();
    },
  });

  async function lacksTopic(topics: readonly string[]): Promise<boolean> {
    const known = await withAdmin(kafka, (admin) => admin.listTopics());
    return topics.some((topic) => !known.includes(topic));
  }
}

busContract('kafka', start, LIMIT_MS);
