import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Kafka } from 'kafkajs';
import { SystemClock } from '#runtime/clock.js';
import { silentLog } from '#runtime/log.js';
import { eventually } from './eventually.js';
import { FaultyNetwork } from './faulty-network.js';
import { patientKafka } from './kafka-client.js';
import { KafkaProducer } from './kafka-producer.js';
import { withAdmin } from './loose-reader.js';
import { MessageTooLargeError, ProducerClosedError, type BusMessage } from './message-bus.js';
import { MESSAGE_MAX_BYTES, PRODUCE_TRIES_PER_PRODUCER } from './messaging-limits.js';
import { readTopic } from './topic-range.js';
import { createTopics } from './topics.js';

const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',');
const LIMIT_MS = 30_000;
const KEYS = Array.from({ length: 12 }, (_, index) => `key${String(index)}`);

let serial = 0;
let network: FaultyNetwork;
let kafka: Kafka;
const open: KafkaProducer[] = [];

beforeEach(async () => {
  network = await FaultyNetwork.before(brokers[0] ?? '');
  kafka = patientKafka({ brokers, clientId: 'test', log: silentLog });
});

afterEach(async () => {
  for (const producer of open.splice(0)) await producer.close(100);
  network.close();
});

function newProducer(): KafkaProducer {
  const { socketFactory } = network;
  const clock = new SystemClock();
  const producer = new KafkaProducer({
    brokers,
    clientId: 'test',
    log: silentLog,
    socketFactory,
    clock,
  });
  open.push(producer);
  return producer;
}

async function startedProducer(): Promise<KafkaProducer> {
  const producer = newProducer();
  await producer.start();
  return producer;
}

async function newTopic(settings: Record<string, string> = {}): Promise<string> {
  serial += 1;
  const topic = `producer-${String(process.pid)}-${String(Date.now())}-${String(serial)}`;
  await makeTopic(topic, settings);
  return topic;
}

async function makeTopic(topic: string, settings: Record<string, string> = {}): Promise<void> {
  const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
  const topics = [{ topic, numPartitions: 4, configEntries }];
  await withAdmin(kafka, (admin) => createTopics(admin, topics, new SystemClock()));
}

function messages(topic: string, from: number, count: number): BusMessage[] {
  return Array.from({ length: count }, (_, index) => ({
    topic,
    key: KEYS[(from + index) % KEYS.length] ?? '',
    value: String(from + index),
  }));
}

/** Every number from 0 to below `count` once, those of one key in order. */
async function expectExactly(topic: string, count: number): Promise<void> {
  const contents = await readTopic(kafka, topic);
  const numbers = contents.map(({ value }) => Number(value));
  expect(numbers.toSorted((one, other) => one - other)).toEqual(
    Array.from({ length: count }, (_, index) => index),
  );
  for (const key of KEYS) {
    const ofKey = contents
      .filter((message) => message.key === key)
      .map(({ value }) => Number(value));
    expect(ofKey).toEqual(ofKey.toSorted((one, other) => one - other));
  }
}

describe('the Kafka producer', () => {
  it('has one request under way, in which all that waits goes together', async () => {
    const topic = await newTopic();
    const producer = await startedProducer();
    const publishes = [];
    for (let from = 0; from < 2_000; from += 10) {
      publishes.push(producer.publish(messages(topic, from, 10)));
    }
    await Promise.all(publishes);
    expect(network.mostProducesAtOnce).toBe(1);
    expect(network.produceRequests).toBeLessThan(10);
    await expectExactly(topic, 2_000);
  });

  it(
    'loses nothing and doubles nothing when acknowledged answers are lost on the way',
    async () => {
      const [topic, other] = [await newTopic(), await newTopic()];
      const producer = await startedProducer();
      await producer.publish(messages(topic, 0, 1));
      let next = 1;
      for (let round = 0; round < 12; round += 1) {
        network.swallowProduceAnswers(1);
        const publishes = [];
        for (let call = 0; call < 5; call += 1) {
          publishes.push(
            producer.publish([...messages(topic, next, 7), ...messages(other, next - 1, 7)]),
          );
          next += 7;
        }
        await Promise.all(publishes);
      }
      expect(network.swallowed).toBe(12);
      expect(network.mostProducesAtOnce).toBe(1);
      await expectExactly(topic, next);
      await expectExactly(other, next - 1);
    },
    LIMIT_MS,
  );

  it(
    'needs its rules: two sends at once on a bare idempotent producer lose or double messages',
    async () => {
      const topic = await newTopic();
      const bare = patientKafka({
        brokers,
        clientId: 'bare',
        log: silentLog,
        socketFactory: network.socketFactory,
      }).producer({ idempotent: true, allowAutoTopicCreation: false });
      await bare.connect();
      const send = (number: number): Promise<unknown> =>
        bare.send({ topic, messages: [{ key: 'k', value: String(number) }] });
      await send(0);
      network.swallowProduceAnswers(1);
      await Promise.all([send(1), send(2), send(3)]);
      const contents = await readTopic(kafka, topic);
      await bare.disconnect();
      const numbers = contents.map(({ value }) => Number(value)).toSorted();
      expect(numbers).not.toEqual([0, 1, 2, 3]);
    },
    LIMIT_MS,
  );

  it(
    'waits an outage out: what was published meanwhile is written once, after it',
    async () => {
      const topic = await newTopic();
      const producer = await startedProducer();
      await producer.publish(messages(topic, 0, 10));
      network.cut();
      const publishes = Array.from({ length: 9 }, (_, index) =>
        producer.publish(messages(topic, 10 + index * 10, 10)),
      );
      await eventually('it tries', () => network.refused > 2, LIMIT_MS);
      network.mend();
      await Promise.all(publishes);
      await expectExactly(topic, 100);
    },
    LIMIT_MS,
  );

  it('starts when the broker comes, and not before', async () => {
    const topic = await newTopic();
    network.cut();
    const producer = newProducer();
    let isStarted = false;
    const start = producer.start().then(() => (isStarted = true));
    await eventually('it tries', () => network.refused > 2, LIMIT_MS);
    expect(isStarted).toBe(false);
    expect(producer.isConnected()).toBe(false);
    network.mend();
    await start;
    expect(producer.isConnected()).toBe(true);
    await producer.publish(messages(topic, 0, 1));
  });

  it('refuses a message that no topic takes, before anything of the call is sent', async () => {
    const topic = await newTopic();
    const producer = await startedProducer();
    const huge = { topic, key: 'k', value: Buffer.alloc(MESSAGE_MAX_BYTES) };
    await expect(producer.publish([...messages(topic, 0, 3), huge])).rejects.toBeInstanceOf(
      MessageTooLargeError,
    );
    const biggest = { topic, key: 'k', value: Buffer.alloc(MESSAGE_MAX_BYTES - 100) };
    await producer.publish([biggest, biggest, biggest]);
    await expect(readTopic(kafka, topic)).resolves.toHaveLength(3);
  });

  it('gives a refusal of the broker to the call it belongs to, and goes on', async () => {
    const [topic, strict] = [await newTopic(), await newTopic({ 'max.message.bytes': '2000' })];
    const producer = await startedProducer();
    const results = await Promise.allSettled([
      producer.publish(messages(topic, 0, 5)),
      producer.publish([{ topic: strict, key: 'k', value: Buffer.alloc(5_000) }]),
      producer.publish(messages(topic, 5, 5)),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    await producer.publish(messages(topic, 10, 5));
    const contents = await readTopic(kafka, topic);
    expect(new Set(contents.map(({ value }) => Number(value))).size).toBe(15);
    await expect(readTopic(kafka, strict)).resolves.toHaveLength(0);
  });

  it('sends the identical batch again after an error that kafkajs gives up on', async () => {
    const topic = await newTopic();
    const producer = await startedProducer();
    for (let from = 0; from < 100; from += 20) {
      network.spoilProduceAnswers(1);
      await Promise.all([
        producer.publish(messages(topic, from, 10)),
        producer.publish(messages(topic, from + 10, 10)),
      ]);
    }
    await expectExactly(topic, 100);
  });

  it(
    'loses nothing when it gives a producer up and goes on by a new one',
    async () => {
      const topic = await newTopic();
      const producer = await startedProducer();
      await producer.publish(messages(topic, 0, 20));
      network.spoilProduceAnswers(PRODUCE_TRIES_PER_PRODUCER);
      await Promise.all([20, 40].map((from) => producer.publish(messages(topic, from, 20))));
      await producer.publish(messages(topic, 60, 20));
      const contents = await readTopic(kafka, topic);
      const numbers = contents.map(({ value }) => Number(value));
      // The new producer's batch is not recognised as the old one's: doubled, and in order.
      expect(new Set(numbers).size).toBe(80);
      expect(numbers).toHaveLength(120);
    },
    LIMIT_MS,
  );

  it(
    'goes on when a topic was made anew, and the broker knows no sequence of it',
    async () => {
      const topic = await newTopic();
      const producer = await startedProducer();
      await producer.publish(messages(topic, 0, 50));
      await withAdmin(kafka, (admin) => admin.deleteTopics({ topics: [topic] }));
      await eventually(
        'the topic is gone',
        async () => !(await withAdmin(kafka, (admin) => admin.listTopics())).includes(topic),
        LIMIT_MS,
      );
      await makeTopic(topic);
      await producer.publish(messages(topic, 0, 50));
      await expectExactly(topic, 50);
    },
    LIMIT_MS,
  );

  it('sends what it has taken before it closes, and takes nothing more', async () => {
    const topic = await newTopic();
    const producer = await startedProducer();
    const publish = producer.publish(messages(topic, 0, 100));
    await producer.close();
    await publish;
    await expect(producer.publish(messages(topic, 100, 1))).rejects.toBeInstanceOf(
      ProducerClosedError,
    );
    await expectExactly(topic, 100);
  });

  it(
    'closes within its limit when the broker is away, and says what was not sent',
    async () => {
      const topic = await newTopic();
      const producer = await startedProducer();
      await producer.publish(messages(topic, 0, 1));
      network.cut();
      const publish = producer.publish(messages(topic, 1, 1));
      const outcome = expect(publish).rejects.toBeInstanceOf(ProducerClosedError);
      await producer.close(300);
      await outcome;
      // kafkajs cannot be kept from trying on; once it got through, nothing of it is left.
      network.mend();
      const written = async (): Promise<boolean> => (await readTopic(kafka, topic)).length === 2;
      await eventually('it got through', written, LIMIT_MS);
    },
    LIMIT_MS,
  );
});
