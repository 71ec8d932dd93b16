import { createHash } from 'node:crypto';
import { SystemClock } from '#runtime/clock.js';
import { silentLog } from '#runtime/log.js';
import { deadLetterTopicOf, parseDeadLetter, type DeadLetter } from './dead-letters.js';
import type { IncomingMessage } from './incoming-message.js';
import { hastyKafka, type KafkaAccess } from './kafka-client.js';
import { KafkaProducer } from './kafka-producer.js';
import { boundsOf } from './loose-reader.js';
import { REPLAYED_FROM_HEADER } from './message-bus.js';
import { DEAD_LETTERS_LISTED_MAX } from './messaging-limits.js';
import { readRanges } from './topic-range.js';

/** Where a letter lies in its dead-letter topic. */
export interface LetterPlace {
  readonly partition: number;
  readonly offset: string;
}

/** One letter of a list. One that cannot be read is listed too, with what is wrong with it. */
export type ListedLetter = LetterPlace &
  (
    | { readonly letter: DeadLetter; readonly problem?: never }
    | { readonly letter?: never; readonly problem: string }
  );

/** A letter cannot be replayed, now or ever; the message says why. */
export class NotReplayableError extends Error {
  override readonly name = 'NotReplayableError';
}

/**
 * The newest dead letters of a topic (of the original, not of its `.dlq`), newest first, at most
 * `limit` (1 to DEAD_LETTERS_LISTED_MAX). Rejects after some seconds when the broker is away.
 */
export async function listDeadLetters(
  brokers: readonly string[],
  topic: string,
  { limit }: { readonly limit: number },
): Promise<ListedLetter[]> {
  const most = BigInt(Math.min(Math.max(1, Math.trunc(limit)), DEAD_LETTERS_LISTED_MAX));
  const kafka = hastyKafka(accessOf(brokers));
  const dlq = deadLetterTopicOf(topic);
  const ranges = (await boundsOf(kafka, dlq)).map(({ partition, low, high }) => ({
    partition,
    from: high - most > low ? high - most : low,
    to: high,
  }));
  const letters = (await readRanges(kafka, dlq, ranges)).map(listed);
  return letters.reverse().sort(newestFirst).slice(0, Number(most));
}

/**
 * Puts the original message of a letter back on its topic, under its key and headers, with the
 * header `replayed-from`. When the letter holds only part of it, the original is read from where it
 * lay. The letter stays; replaying it twice is two messages. Resolves when the broker has it.
 *
 * @throws NotReplayableError when there is no such letter, or the original is gone
 */
export async function replayDeadLetter(
  brokers: readonly string[],
  topic: string,
  place: LetterPlace,
): Promise<DeadLetter> {
  const access = accessOf(brokers);
  const dlq = deadLetterTopicOf(topic);
  const found = await messageAt(access, dlq, place);
  if (found === undefined) throw new NotReplayableError(`no letter at ${pathOf(dlq, place)}`);
  const entry = listed(found);
  if (entry.letter === undefined) throw new NotReplayableError(entry.problem);
  const { key, headers, value } = await originalOf(access, entry.letter);
  const producer = new KafkaProducer({ ...access, clock: new SystemClock() });
  try {
    await producer.start();
    await producer.publish([
      {
        topic: entry.letter.topic,
        key: key ?? '',
        value: value ?? '',
        headers: { ...headers, [REPLAYED_FROM_HEADER]: pathOf(dlq, place) },
      },
    ]);
  } finally {
    await producer.close();
  }
  return entry.letter;
}

type Original = Pick<IncomingMessage, 'key' | 'headers' | 'value'>;

async function originalOf(access: KafkaAccess, letter: DeadLetter): Promise<Original> {
  const { topic, key, headers, bodyBase64, isCut } = letter;
  if (!isCut) {
    return { key, headers, value: bodyBase64 === null ? null : Buffer.from(bodyBase64, 'base64') };
  }
  const original = await messageAt(access, topic, letter);
  const place = pathOf(topic, letter);
  if (original === undefined) {
    throw new NotReplayableError(
      `the letter holds only part of the message (${String(letter.bytes)} bytes), and the original ` +
        `at ${place} is gone`,
    );
  }
  const sha256 = createHash('sha256')
    .update(original.value ?? '')
    .digest('hex');
  if (sha256 !== letter.sha256) {
    throw new NotReplayableError(
      `another message lies at ${place} by now: the topic was made anew`,
    );
  }
  return original;
}

async function messageAt(
  access: KafkaAccess,
  topic: string,
  { partition, offset }: LetterPlace,
): Promise<IncomingMessage | undefined> {
  const kafka = hastyKafka(access);
  const at = BigInt(offset);
  const bounds = (await boundsOf(kafka, topic)).find((other) => other.partition === partition);
  if (bounds === undefined || at < bounds.low || at >= bounds.high) return undefined;
  const [message] = await readRanges(kafka, topic, [{ partition, from: at, to: at + 1n }]);
  return message;
}

function listed({ partition, offset, value }: IncomingMessage): ListedLetter {
  try {
    return { partition, offset, letter: parseDeadLetter(value) };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { partition, offset, problem };
  }
}

/** By the time of burial; what cannot be read comes last. */
function newestFirst(one: ListedLetter, other: ListedLetter): number {
  return (other.letter?.buriedAt ?? '').localeCompare(one.letter?.buriedAt ?? '');
}

function pathOf(topic: string, { partition, offset }: LetterPlace): string {
  return `${topic}/${String(partition)}/${offset}`;
}

function accessOf(brokers: readonly string[]): KafkaAccess {
  return { brokers, clientId: 'dead-letters', log: silentLog };
}
