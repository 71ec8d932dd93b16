import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { BatchHandler } from './batch-delivery.js';
import { describeContents } from './bus-contents.contract.js';
import { describeGroups } from './bus-groups.contract.js';
import { KeptLetters, messagesOf, textOf, unique } from './bus-under-test.contract.js';
import type { BusScene, BusUnderTest } from './bus-under-test.contract.js';
import { eventually } from './eventually.js';

/** A fault that passes, by the name the database gives it. */
function passingFault(): Error {
  return Object.assign(new Error('connection lost'), { name: 'TransientDatabaseError' });
}

/**
 * What every bus does, the real one and its twin: what stands in a simulation on the twin holds in
 * production only as far as this says so.
 *
 * @param limitMs how long something may take that hangs on a session timeout
 */
export function busContract(
  name: string,
  start: () => Promise<BusUnderTest>,
  limitMs: number,
): void {
  describe(`${name} as a bus`, () => {
    let bus: BusUnderTest;
    const open: { close(): Promise<void> }[] = [];
    /** Until the end of the suite: a handler that hangs would outlive it otherwise. */
    const end = Promise.withResolvers<undefined>();
    const hang: BatchHandler = async () => {
      await end.promise;
    };

    beforeAll(async () => {
      bus = await start();
    }, limitMs);

    afterAll(async () => {
      end.resolve(undefined);
      await Promise.all(open.map((consuming) => consuming.close()));
      await bus.stop();
    }, limitMs);

    const consume: BusScene['consume'] = async (...asked) => {
      const [owner, group, topic, handler, deadLetters = new KeptLetters()] = asked;
      const consuming = await bus.consume(owner, group, [topic], handler, deadLetters);
      open.push(consuming);
      return consuming;
    };

    async function topicWith(partitions: number): Promise<string> {
      const topic = unique('topic');
      await bus.createTopic(topic, partitions);
      return topic;
    }

    const scene: BusScene = { bus: () => bus, consume, topicWith, hang, limitMs };
    describeContents(scene);
    describeGroups(scene);

    it('delivers the messages of a key in the order they were published in', async () => {
      const topic = await topicWith(4);
      const producer = await bus.producer(unique('sender'));
      const keys = ['a', 'b', 'c', 'd', 'e'];
      const sent = messagesOf(topic, keys, 2000);
      const seen = new Map<string, string[]>();
      let calls = 0;
      await consume(unique('reader'), unique('group'), topic, (messages) => {
        calls += 1;
        expect(messages.length).toBeLessThanOrEqual(500);
        expect(new Set(messages.map(({ partition }) => partition)).size).toBe(1);
        for (const message of messages) {
          const key = message.key ?? '';
          seen.set(key, [...(seen.get(key) ?? []), textOf(message)]);
        }
        return Promise.resolve();
      });
      const publishes = [];
      for (let start = 0; start < sent.length; start += 37) {
        publishes.push(producer.publish(sent.slice(start, start + 37)));
      }
      await Promise.all(publishes);
      const count = (): number => [...seen.values()].flat().length;
      await eventually('all are seen', () => count() >= sent.length, limitMs);
      for (const key of keys) {
        const expected = sent.filter((message) => message.key === key);
        expect(seen.get(key)).toEqual(expected.map(({ value }) => value));
      }
      expect(calls).toBeLessThan(sent.length);
    });

    it('has written everything when a publish resolves, headers too', async () => {
      const topic = await topicWith(2);
      const producer = await bus.producer(unique('sender'));
      const headers = { 'content-type': 'application/json' };
      await producer.publish([{ topic, key: 'k', value: Buffer.from('{"a":1}'), headers }]);
      await producer.publish([]);
      const contents = await bus.contents(topic);
      expect(contents).toHaveLength(1);
      expect(contents[0]).toMatchObject({ topic, key: 'k', headers, offset: '0' });
      expect(contents[0]?.value?.toString()).toBe('{"a":1}');
      expect(producer.isConnected()).toBe(true);
    });

    it('buries a poison message and holds up nobody', async () => {
      const topic = await topicWith(1);
      const producer = await bus.producer(unique('sender'));
      const letters = new KeptLetters(1);
      const seen: string[] = [];
      await consume(
        unique('reader'),
        unique('group'),
        topic,
        (messages) => {
          const bad = messages.find((message) => textOf(message).endsWith(':13'));
          if (bad !== undefined) return Promise.reject(new SyntaxError('not JSON'));
          seen.push(...messages.map(textOf));
          return Promise.resolve();
        },
        letters,
      );
      const sent = messagesOf(topic, ['k'], 40);
      await producer.publish(sent);
      await eventually('the others are handled', () => seen.length >= 39, limitMs);
      expect(seen).toEqual(sent.map(({ value }) => value).filter((text) => text !== 'k:13'));
      expect(letters.letters).toEqual([{ text: 'k:13', reason: 'SyntaxError: not JSON' }]);
    });

    it('tries a passing fault again until it has passed, and buries nothing', async () => {
      const topic = await topicWith(1);
      const producer = await bus.producer(unique('sender'));
      const letters = new KeptLetters();
      const seen: string[] = [];
      let faultsLeft = 4;
      await consume(
        unique('reader'),
        unique('group'),
        topic,
        (messages) => {
          faultsLeft -= 1;
          if (faultsLeft >= 0) {
            return Promise.reject(new Error('while saving', { cause: passingFault() }));
          }
          seen.push(...messages.map(textOf));
          return Promise.resolve();
        },
        letters,
      );
      await producer.publish(messagesOf(topic, ['k'], 5));
      await eventually('all are handled', () => seen.length >= 5, limitMs);
      expect(seen).toEqual(['k:0', 'k:1', 'k:2', 'k:3', 'k:4']);
      expect(letters.letters).toEqual([]);
    });

    it('never handles one partition twice at the same time', async () => {
      const topic = await topicWith(1);
      const producer = await bus.producer(unique('sender'));
      let atOnce = 0;
      let most = 0;
      let seen = 0;
      await consume(unique('reader'), unique('group'), topic, async (messages) => {
        atOnce += 1;
        most = Math.max(most, atOnce);
        await new Promise((resolve) => setImmediate(resolve));
        atOnce -= 1;
        seen += messages.length;
      });
      for (let round = 0; round < 20; round += 1) {
        await producer.publish(messagesOf(topic, ['k'], 10));
      }
      await eventually('all are seen', () => seen === 200, limitMs);
      expect(most).toBe(1);
    });

    it('refuses to publish to a topic that does not exist, and holds up nothing by it', async () => {
      const topic = await topicWith(1);
      const producer = await bus.producer(unique('sender'));
      const results = await Promise.allSettled([
        producer.publish(messagesOf(topic, ['k'], 2)),
        producer.publish(messagesOf(unique('absent'), ['k'], 1)),
        producer.publish(messagesOf(topic, ['k'], 2)),
      ]);
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect(results[1]).toMatchObject({ reason: { name: 'UnknownTopicError' } });
      await expect(bus.contents(topic)).resolves.toHaveLength(4);
    });

    it('refuses to consume a topic that does not exist', async () => {
      await expect(
        Promise.resolve().then(() =>
          bus.consume('nobody', unique('group'), [unique('absent')], hang, new KeptLetters()),
        ),
      ).rejects.toThrow();
    });
  });
}
