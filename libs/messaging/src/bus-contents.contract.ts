import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { messagesOf, unique, type BusScene } from './bus-under-test.contract.js';
import { eventually } from './eventually.js';
import type { IncomingMessage } from './incoming-message.js';
import type { BusMessage } from './message-bus.js';
import { bytesOf } from './message-size.js';
import { MESSAGE_MAX_BYTES, PRODUCE_MAX_MESSAGES } from './messaging-limits.js';
import { partitionOf } from './partition-of.js';

/** What a topic holds after publishes, by a model so small that it is plainly right. */
function expected(topic: string, published: readonly BusMessage[], partitions: number) {
  const logs: object[][] = Array.from({ length: partitions }, () => []);
  for (const { key, value, headers = {} } of published) {
    const partition = partitionOf(key, partitions);
    const log = logs[partition];
    const bytes = Buffer.from(value).toString('hex');
    log?.push({ topic, partition, offset: String(log.length), key, headers, bytes });
  }
  return logs.flat();
}

function plain({ value, ...message }: IncomingMessage): object {
  return { ...message, bytes: value?.toString('hex') };
}

const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const published = fc.record({
  key: fc.oneof(fc.constantFrom('', 'a', 'b', 'c'), fc.uuid(), text),
  value: fc.oneof(
    text,
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  ),
  headers: fc.dictionary(
    fc.stringMatching(/^[a-z][a-z_-]{0,9}$/).filter((name) => name !== '__proto__'),
    text,
    { maxKeys: 3 },
  ),
});
/** Publishes one after the other, of some messages each. */
const PUBLISHES = fc.sample(fc.array(published, { maxLength: 40 }), { numRuns: 25, seed: 5 });

/** What stands in a topic after somebody has published to it. */
export function describeContents(scene: BusScene): void {
  describe('a topic', () => {
    it('holds each message in the partition of its key, in the order of the publishes', async () => {
      const topic = await scene.topicWith(7);
      const producer = await scene.bus().producer(unique('sender'));
      const all = PUBLISHES.map((messages) => messages.map((one) => ({ ...one, topic })));
      await Promise.all(all.map((messages) => producer.publish(messages)));
      const contents = await scene.bus().contents(topic);
      expect(contents.map(plain)).toEqual(expected(topic, all.flat(), 7));
    });

    it('holds what other clients wrote: without a key, without a value, in any partition', async () => {
      const topic = await scene.topicWith(2);
      const seen: IncomingMessage[] = [];
      await scene.consume(unique('reader'), unique('group'), topic, (messages) => {
        seen.push(...messages);
        return Promise.resolve();
      });
      const tombstone = { partition: 1, key: 'k', value: null, headers: { was: 'there' } };
      const bare = { partition: 1, key: null, value: Buffer.from('{'), headers: {} };
      await scene.bus().write(topic, tombstone);
      await scene.bus().write(topic, bare);
      await eventually('both are seen', () => seen.length === 2, scene.limitMs);
      expect(seen).toEqual([
        { ...tombstone, topic, offset: '0' },
        { ...bare, topic, offset: '1' },
      ]);
      expect(await scene.bus().contents(topic)).toEqual(seen);
    });

    it('takes a message as big as allowed, and nothing of a publish with a bigger one', async () => {
      const topic = await scene.topicWith(2);
      const producer = await scene.bus().producer(unique('sender'));
      const small = { topic, key: 'k', value: '' };
      const biggest = { ...small, value: 'x'.repeat(MESSAGE_MAX_BYTES - bytesOf(small)) };
      const tooBig = { ...biggest, value: `${biggest.value}x` };
      await expect(producer.publish([small, tooBig])).rejects.toMatchObject({
        name: 'MessageTooLargeError',
      });
      expect(await scene.bus().contents(topic)).toEqual([]);
      await producer.publish([biggest]);
      const [kept] = await scene.bus().contents(topic);
      expect(kept?.value).toHaveLength(biggest.value.length);
    });

    it('holds a part of a publish that failed: what went in another request', async () => {
      const topic = await scene.topicWith(3);
      const producer = await scene.bus().producer(unique('sender'));
      const most = messagesOf(topic, ['a', 'b', 'c', 'd'], PRODUCE_MAX_MESSAGES);
      const lost = messagesOf(unique('absent'), ['k'], 1);
      await expect(producer.publish([...most, ...lost])).rejects.toMatchObject({
        name: 'UnknownTopicError',
      });
      expect(await scene.bus().contents(topic)).toHaveLength(PRODUCE_MAX_MESSAGES);
    });
  });
}
