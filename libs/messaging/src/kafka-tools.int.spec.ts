import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SystemClock } from '#runtime/clock.js';
import { silentLog, type Log } from '#runtime/log.js';
import { listDeadLetters, NotReplayableError, replayDeadLetter } from './dead-letter-desk.js';
import { PublishedDeadLetters } from './dead-letters.js';
import { eventually } from './eventually.js';
import type { IncomingMessage } from './incoming-message.js';
import { patientKafka } from './kafka-client.js';
import { KafkaProducer } from './kafka-producer.js';
import { withAdmin } from './loose-reader.js';
import { tailTopic } from './tail.js';
import { ensureTopics, type TopicSpec } from './topics.js';
import { readTopic } from './topic-range.js';

const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',');
const clock = new SystemClock();
const access = { brokers, clientId: 'test', log: silentLog, clock };
const kafka = patientKafka(access);
const producer = new KafkaProducer(access);
const LIMIT_MS = 20_000;

beforeAll(() => producer.start());
afterAll(() => producer.close());

let serial = 0;
function specOf(word: string, partitions = 2): TopicSpec {
  serial += 1;
  const name = `${word}-${String(process.pid)}-${String(Date.now())}-${String(serial)}`;
  return { name, partitions, retentionMs: 3_600_000, maxMessageBytes: 1_048_576 };
}

/** A topic with its dead-letter topic. */
async function topicWithLetters(word: string): Promise<string> {
  const spec = specOf(word);
  await ensureTopics(
    brokers,
    [spec, { ...spec, name: `${spec.name}.dlq`, partitions: 1 }],
    silentLog,
  );
  return spec.name;
}

function linesOf(): { log: Log; lines: { fields: Record<string, unknown>; message: string }[] } {
  const lines: { fields: Record<string, unknown>; message: string }[] = [];
  const keep = (fields: Record<string, unknown>, message: string): void => {
    lines.push({ fields, message });
  };
  return { log: { ...silentLog, warn: keep }, lines };
}

describe('ensureTopics', () => {
  it('creates what is missing with its settings, and is content the second time', async () => {
    const specs = [specOf('made', 3), specOf('made', 1)];
    await Promise.all([
      ensureTopics(brokers, specs, silentLog),
      ensureTopics(brokers, specs, silentLog),
    ]);
    const { log, lines } = linesOf();
    await ensureTopics(brokers, specs, log);
    expect(lines).toEqual([]);
    const { topics } = await withAdmin(kafka, (admin) =>
      admin.fetchTopicMetadata({ topics: specs.map(({ name }) => name) }),
    );
    expect(topics.map(({ partitions }) => partitions.length).toSorted()).toEqual([1, 3]);
  });

  it('says what differs at a topic that was there, and leaves it', async () => {
    const spec = specOf('differs', 2);
    await ensureTopics(brokers, [spec], silentLog);
    const { log, lines } = linesOf();
    await ensureTopics(brokers, [{ ...spec, partitions: 4, retentionMs: 1_000 }], log);
    expect(lines.map(({ fields }) => fields)).toEqual([
      { topic: spec.name, setting: 'partitions', expected: '4', found: '2' },
      { topic: spec.name, setting: 'retention.ms', expected: '1000', found: '3600000' },
    ]);
  });
});

describe('dead letters', () => {
  async function buryAll(topic: string, values: readonly string[]): Promise<void> {
    const letters = new PublishedDeadLetters(producer, clock);
    await producer.publish(
      values.map((value) => ({ topic, key: 'key', value, headers: { kind: 'test' } })),
    );
    for (const message of await readTopic(kafka, topic)) await letters.bury(message, 'no reason');
  }

  it('are listed newest first, also one that cannot be read', async () => {
    const topic = await topicWithLetters('listed');
    await buryAll(topic, ['one', 'two', 'three']);
    await producer.publish([{ topic: `${topic}.dlq`, key: 'k', value: 'not a letter' }]);
    const all = await listDeadLetters(brokers, topic, { limit: 10 });
    expect(all.map(({ letter, problem }) => letter?.offset ?? problem)).toEqual([
      '2',
      '1',
      '0',
      'no dead letter: it is not JSON',
    ]);
    expect(all[0]?.letter).toMatchObject({ topic, key: 'key', headers: { kind: 'test' } });
    await expect(listDeadLetters(brokers, topic, { limit: 2 })).resolves.toHaveLength(2);
  });

  it('put the original back, marked as a replay', async () => {
    const topic = await topicWithLetters('replayed');
    await buryAll(topic, ['one']);
    await replayDeadLetter(brokers, topic, { partition: 0, offset: '0' });
    const [original, replay] = await readTopic(kafka, topic);
    expect(replay).toMatchObject({
      partition: original?.partition,
      key: 'key',
      headers: { kind: 'test', 'replayed-from': `${topic}.dlq/0/0` },
    });
    expect(replay?.value?.toString()).toBe('one');
  });

  it('fetch an original that was too long for the letter, and say when it is gone', async () => {
    const topic = await topicWithLetters('cut');
    const long = 'x'.repeat(200_000);
    await buryAll(topic, [long]);
    await replayDeadLetter(brokers, topic, { partition: 0, offset: '0' });
    const [original, replay] = await readTopic(kafka, topic);
    expect(replay?.value?.toString()).toBe(long);
    const partition = original?.partition ?? 0;
    await withAdmin(kafka, async (admin) => {
      // kafkajs deletes only from topics it has asked about.
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: '2' }] });
    });
    await expect(replayDeadLetter(brokers, topic, { partition: 0, offset: '0' })).rejects.toThrow(
      /200000 bytes.*gone/,
    );
  });

  it('too long for their letter are not replayed when another message lies there by now', async () => {
    const topic = await topicWithLetters('anew');
    await producer.publish([{ topic, key: 'key', value: 'of the new topic' }]);
    const [another] = await readTopic(kafka, topic);
    if (another === undefined) throw new Error('nothing was published');
    const long = { ...another, value: Buffer.alloc(200_000, 'x') };
    await new PublishedDeadLetters(producer, clock).bury(long, 'no reason');
    const replay = replayDeadLetter(brokers, topic, { partition: 0, offset: '0' });
    await expect(replay).rejects.toThrow(/another message lies at/);
    await expect(readTopic(kafka, topic)).resolves.toHaveLength(1);
  });

  it('say that there is none at a place', async () => {
    const topic = await topicWithLetters('absent');
    await expect(
      replayDeadLetter(brokers, topic, { partition: 0, offset: '7' }),
    ).rejects.toBeInstanceOf(NotReplayableError);
  });
});

/** The group that has this topic; groups of other tests may come and go meanwhile. */
async function groupReading(topic: string): Promise<string | undefined> {
  return withAdmin(kafka, async (admin) => {
    const listed = (await admin.listGroups()).groups.map(({ groupId }) => groupId);
    const { groups } = await admin.describeGroups(listed);
    const isOf = (assignment: Buffer): boolean => assignment.includes(topic);
    return groups.find(({ members }) => members.some((member) => isOf(member.memberAssignment)))
      ?.groupId;
  });
}

describe('a tail', () => {
  it('from the beginning shows what was there and what comes', async () => {
    const spec = specOf('tail');
    await ensureTopics(brokers, [spec], silentLog);
    await producer.publish([{ topic: spec.name, key: 'k', value: 'before' }]);
    const seen: string[] = [];
    const tail = await tailTopic(
      brokers,
      spec.name,
      (message: IncomingMessage) => {
        seen.push(String(message.value));
      },
      { from: 'beginning' },
    );
    await producer.publish([{ topic: spec.name, key: 'k', value: 'after' }]);
    await eventually('both are seen', () => seen.length === 2, LIMIT_MS);
    expect(seen).toEqual(['before', 'after']);
    await tail.stop();
  });

  it('from now shows what comes after the call, and leaves no group behind', async () => {
    const spec = specOf('tail');
    await ensureTopics(brokers, [spec], silentLog);
    await producer.publish([{ topic: spec.name, key: 'k', value: 'before' }]);
    const seen: string[] = [];
    const tail = await tailTopic(
      brokers,
      spec.name,
      (message: IncomingMessage) => {
        seen.push(String(message.value));
      },
      { from: 'now' },
    );
    await producer.publish([{ topic: spec.name, key: 'k', value: 'after' }]);
    await eventually('it is seen', () => seen.length > 0, LIMIT_MS);
    const group = await groupReading(spec.name);
    await tail.stop();
    expect(seen).toEqual(['after']);
    expect(group).toMatch(/^reader-/);
    await expect(groupReading(spec.name)).resolves.toBeUndefined();
  });
});
