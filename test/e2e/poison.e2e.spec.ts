import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TOPICS } from '#contracts/topics.js';
import { deadLetterTopicOf, parseDeadLetter, type DeadLetter } from '#messaging/dead-letters.js';
import { tailTopic } from '#messaging/tail.js';
import { CONSUMED, HUGE_BYTES, poisonFor } from './poison.js';
import { startTested, until, type TestedProduct } from './product.js';
import { RawProducer, type Place } from './raw-producer.js';
import { expectSound } from './soundness.js';

const LIMIT_MS = 240_000;
const MIB = 1024 * 1024;
/** What a service may need beside what it has: a few huge messages at once, each several times. */
const MEMORY_MORE_BYTES = 400 * MIB;
const PARTITIONS = 8;
const GROUPS = {
  validator: [TOPICS.validatorCommands],
  'canary-monitor': [TOPICS.canaryCommands],
  'rollback-agent': [TOPICS.rollbackCommands],
  orchestrator: [TOPICS.validatorResults, TOPICS.canaryResults, TOPICS.rollbackResults],
} as const;

describe('messages that nobody can handle, on every topic a service consumes', () => {
  let tested: TestedProduct;
  let raw: RawProducer;
  let tails: { stop(): Promise<void> }[];
  /** By where the original lies. */
  const letters = new Map<string, DeadLetter>();

  beforeAll(async () => {
    tested = await startTested();
    const brokers = tested.product.kafkaBrokers.split(',');
    raw = await RawProducer.connect(brokers);
    const keep = ({ value }: { value: Buffer | null }): void => {
      const letter = parseDeadLetter(value);
      letters.set(idOf(letter), letter);
    };
    tails = await Promise.all(
      CONSUMED.map((topic) => tailTopic(brokers, deadLetterTopicOf(topic), keep, { from: 'now' })),
    );
  }, LIMIT_MS);

  afterAll(async () => {
    await Promise.all(tails.map((tail) => tail.stop()));
    await raw.close();
    await tested.stop();
  }, LIMIT_MS);

  const names = Object.keys(GROUPS) as (keyof typeof GROUPS)[];
  const memory = (): number[] => names.map((name) => bytesOf(tested.product.services[name].pid()));
  const restarts = (): number[] => names.map((name) => tested.product.services[name].restarts());
  const untilRead = (): Promise<void> =>
    until('every partition is read to its end', () => raw.isAllRead(GROUPS));

  it(
    'become dead letters with a reason, in the middle of an upgrade that goes on',
    async () => {
      const [before, restartsBefore] = [memory(), restarts()];
      const fleet = await tested.newFleet();
      const upgrade = await tested.upgrade(fleet, '1.1.0', { batchDelaySeconds: 1 });
      await upgrade.untilSome('UPGRADING');
      const restore = await raw.set(CONSUMED, 'max.message.bytes', String(2 * HUGE_BYTES));
      const written: { place: Place; kind: string; reason: RegExp | null }[] = [];
      for (const topic of CONSUMED) {
        const kinds = Object.entries(poisonFor(topic, upgrade.id));
        for (const [at, [kind, { reason, ...poison }]] of kinds.entries()) {
          written.push({ place: await raw.write(topic, at % PARTITIONS, poison), kind, reason });
        }
      }
      await untilRead();
      const more = memory().map((bytes, at) => bytes - (before[at] ?? 0));
      await restore();
      expect(await upgrade.untilEnded()).toBe('COMPLETED');
      await expectSound(tested, upgrade, fleet);
      const buried = written.filter(({ reason }) => reason !== null);
      const missing = (): string[] =>
        buried
          .filter(({ place }) => !letters.has(idOf(place)))
          .map(({ place, kind }) => `${place.topic}, ${kind}`);
      // Those that are missing say more than that some are.
      await until('every letter is there', () => missing().length === 0).catch(() => undefined);
      expect(missing()).toEqual([]);
      const wrong = buried.flatMap(({ place, kind, reason }) => {
        const said = letters.get(idOf(place))?.reason ?? '';
        return reason?.test(said) === true ? [] : [`${place.topic}, ${kind}: ${said}`];
      });
      expect(wrong).toEqual([]);
      expect(Math.max(...more)).toBeLessThan(MEMORY_MORE_BYTES);
      expect(restarts()).toEqual(restartsBefore);
    },
    LIMIT_MS,
  );

  it(
    'however they are compressed: what unpacks to more than a topic takes is not even taken',
    async () => {
      const places: Place[] = [];
      const restartsBefore = restarts();
      for (const topic of CONSUMED) {
        places.push(await raw.writeWithSnappy(topic, 0, { key: 'k', value: 'not JSON' }));
        places.push(await raw.writeWithGzip(topic, 1, { key: 'k', value: 'not JSON' }));
        places.push(await raw.writeWithEmptyHeader(topic, 3, 'not JSON'));
        const bomb = { key: 'k', value: Buffer.alloc(20 * MIB) };
        await expect(raw.writeWithGzip(topic, 2, bomb)).rejects.toThrow(/larger than the max/);
      }
      await untilRead();
      await until('every letter is there', () => places.every((place) => letters.has(idOf(place))));
      expect(restarts()).toEqual(restartsBefore);
    },
    LIMIT_MS,
  );
});

function idOf({ topic, partition, offset }: Place): string {
  return `${topic}/${String(partition)}/${offset}`;
}

function bytesOf(pid: number | undefined): number {
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) * 1024;
}
