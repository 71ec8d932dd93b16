import { beforeAll, describe, expect, it } from '@jest/globals';
import { keepingIn, messagesOf, textOf, textsOf, unique } from './bus-under-test.contract.js';
import type { BusScene } from './bus-under-test.contract.js';
import { eventually } from './eventually.js';

const SECONDS = 60_000;

/** Who gets what in a group whose members come, leave, die and are cut off. */
export function describeGroups(scene: BusScene): void {
  const { consume, topicWith, limitMs } = scene;
  const senderOf = () => scene.bus().producer(unique('sender'));
  const allCommitted = (group: string, topic: string): Promise<void> =>
    eventually(
      'all is committed',
      async () => (await scene.bus().lag(group, topic)) === 0,
      limitMs,
    );

  describe('a group', () => {
    it('that is new begins at the first message, whatever other groups have seen', async () => {
      const topic = await topicWith(3);
      const sent = messagesOf(topic, ['a', 'b', 'c'], 30);
      await (await senderOf()).publish(sent);
      for (const group of [unique('group'), unique('group')]) {
        const seen: string[] = [];
        await consume(unique('reader'), group, topic, keepingIn(seen));
        await eventually('all are seen', () => seen.length >= sent.length, limitMs);
        expect(seen.sort()).toEqual(textsOf(sent).sort());
      }
    });

    it('begins where it stood when a member left in good order', async () => {
      const topic = await topicWith(3);
      const group = unique('group');
      const producer = await senderOf();
      const seen: string[] = [];
      const first = await consume(unique('first'), group, topic, keepingIn(seen));
      await producer.publish(messagesOf(topic, ['a', 'b', 'c'], 30));
      await eventually('the first one sees its part', () => seen.length === 30, limitMs);
      await first.close();
      await producer.publish(messagesOf(topic, ['x', 'y', 'z'], 30));
      await consume(unique('second'), group, topic, keepingIn(seen));
      await eventually('the second one sees the rest', () => seen.length >= 60, limitMs);
      expect(new Set(seen).size).toBe(60);
      expect(seen).toHaveLength(60);
    });

    it('that is set back to the beginning sees everything again, in the same order', async () => {
      const topic = await topicWith(1);
      const group = unique('group');
      const sent = messagesOf(topic, ['k'], 20);
      await (await senderOf()).publish(sent);
      const seen: string[] = [];
      const first = await consume(unique('first'), group, topic, keepingIn(seen));
      await allCommitted(group, topic);
      await first.close();
      await scene.bus().rewind(group, topic);
      expect(await scene.bus().lag(group, topic)).toBe(20);
      await consume(unique('second'), group, topic, keepingIn(seen));
      await allCommitted(group, topic);
      expect(seen).toEqual([...textsOf(sent), ...textsOf(sent)]);
    });

    it('that a member joins in mid-batch loses nothing, and both get their share', async () => {
      const topic = await topicWith(2);
      const group = unique('group');
      const producer = await senderOf();
      const seen: string[] = [];
      let secondSaw = 0;
      const inHand = Promise.withResolvers<undefined>();
      const letGo = Promise.withResolvers<undefined>();
      await consume(unique('first'), group, topic, async (messages) => {
        inHand.resolve(undefined);
        await letGo.promise;
        seen.push(...messages.map(textOf));
      });
      // Keys of both partitions.
      const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
      const sent = textsOf(messagesOf(topic, keys, 60));
      await producer.publish(messagesOf(topic, keys, 60));
      await inHand.promise;
      const joining = consume(unique('second'), group, topic, (messages) => {
        secondSaw += messages.length;
        return keepingIn(seen)(messages);
      });
      await eventually('it asks for its share', () => scene.bus().isRebalancing(group), limitMs);
      letGo.resolve(undefined);
      await joining;
      await eventually(
        'the second one gets its share',
        async () => {
          const more = messagesOf(topic, keys, 6, sent.length);
          sent.push(...textsOf(more));
          await producer.publish(more);
          return secondSaw > 0;
        },
        limitMs,
      );
      await allCommitted(group, topic);
      expect(new Set(seen)).toEqual(new Set(sent));
      for (const key of keys) {
        const ofKey = (texts: readonly string[]) => texts.filter((text) => text.startsWith(key));
        // Some may come twice; for the first time they come in their order.
        expect([...new Set(ofKey(seen))]).toEqual(ofKey(sent));
      }
    }, 60_000);
  });

  describe('a member that falls silent', () => {
    // Each of them lasts as long as a session: all at once.
    let stories: readonly Promise<void>[];
    beforeAll(() => {
      stories = [diesBeforeTheCommit(), diesInMidBatch(), isCutOffInMidBatch()];
      for (const story of stories) story.catch(() => undefined);
    });

    it(
      'and died has what it handled and did not commit delivered again',
      () => stories[0],
      SECONDS,
    );
    it('and died leaves its partitions to those who live', () => stories[1], SECONDS);
    it(
      'and lives has what it holds delivered to others, and commits no more',
      () => stories[2],
      SECONDS,
    );
  });

  async function diesBeforeTheCommit(): Promise<void> {
    const topic = await topicWith(1);
    const group = unique('group');
    const dying = unique('dying');
    const handled: string[] = [];
    await consume(dying, group, topic, (messages) => {
      handled.push(...messages.map(textOf));
      if (handled.length < 10) return Promise.resolve();
      scene.bus().crash(dying);
      return scene.hang(messages);
    });
    await (await senderOf()).publish(messagesOf(topic, ['k'], 10));
    await eventually('the first one handles all', () => handled.length === 10, limitMs);
    const again: string[] = [];
    await consume(unique('heir'), group, topic, keepingIn(again));
    // What a call before the deadly one handled may have been committed; the deadly call's not.
    await eventually('the heir sees the rest', () => again.at(-1) === 'k:9', limitMs);
    expect(again).toEqual(handled.slice(handled.length - again.length));
  }

  async function diesInMidBatch(): Promise<void> {
    const topic = await topicWith(4);
    const group = unique('group');
    const keys = Array.from({ length: 16 }, (_, index) => `key${String(index)}`);
    const dying = unique('dying');
    const seen: string[] = [];
    let isAtWork = false;
    await consume(dying, group, topic, (messages) => {
      isAtWork = true;
      return scene.hang(messages);
    });
    await (await senderOf()).publish(messagesOf(topic, keys, 64));
    await eventually('it works', () => isAtWork, limitMs);
    scene.bus().crash(dying);
    await consume(unique('living'), group, topic, keepingIn(seen));
    await eventually('the living one sees all', () => new Set(seen).size === 64, limitMs);
  }

  async function isCutOffInMidBatch(): Promise<void> {
    const topic = await topicWith(1);
    const group = unique('group');
    const producer = await senderOf();
    const cutOff = unique('cut-off');
    const held: string[] = [];
    const letGo = Promise.withResolvers<undefined>();
    const first = await consume(cutOff, group, topic, async (messages) => {
      held.push(...messages.map(textOf));
      await letGo.promise;
    });
    await producer.publish(messagesOf(topic, ['k'], 10));
    await eventually('it holds some', () => held.length > 0, limitMs);
    scene.bus().cutOff(cutOff);
    const seen: string[] = [];
    const second = await consume(unique('heir'), group, topic, keepingIn(seen));
    await producer.publish(messagesOf(topic, ['k'], 10, 10));
    await allCommitted(group, topic);
    const all = textsOf(messagesOf(topic, ['k'], 20));
    expect(seen).toEqual(all);
    // What it says now of the first ten is old: the group stands at twenty, and stays there.
    scene.bus().reconnect(cutOff);
    letGo.resolve(undefined);
    await Promise.all([first.close(), second.close()]);
    expect(await scene.bus().lag(group, topic)).toBe(0);
    await producer.publish(messagesOf(topic, ['k'], 1, 20));
    await consume(unique('third'), group, topic, keepingIn(seen));
    await eventually('the third one goes on', () => seen.length > 20, limitMs);
    expect(seen).toEqual([...all, 'k:20']);
  }
}
