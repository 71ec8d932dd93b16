import { randomUUID } from 'node:crypto';
import type { Admin, Kafka } from 'kafkajs';
import { SystemClock } from '#runtime/clock.js';
import type { IncomingMessage } from './incoming-message.js';
import { incomingOf } from './kafka-message.js';
import { CONNECT_PAUSE_MS, FETCH_MAX_BYTES, FETCH_WAIT_MS } from './messaging-limits.js';

/** First offset that is there and the next one that will be written, of one partition. */
export interface PartitionBounds {
  readonly partition: number;
  readonly low: bigint;
  readonly high: bigint;
}

/** Called with what came of one partition, in order, and the last offset that is over with it. */
export type LooseHandler = (
  messages: IncomingMessage[],
  partition: number,
  lastOffset: bigint,
) => Promise<void> | void;

/** Runs `work` with an admin client that is connected, and disconnects it. */
export async function withAdmin<T>(kafka: Kafka, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** How far each partition of a topic reaches right now. */
export async function boundsOf(kafka: Kafka, topic: string): Promise<PartitionBounds[]> {
  const offsets = await withAdmin(kafka, (admin) => admin.fetchTopicOffsets(topic));
  return offsets.map(({ partition, low, high }) => ({
    partition,
    low: BigInt(low),
    high: BigInt(high),
  }));
}

/**
 * Reads a topic from the given offsets on, in a group of its own that is thrown away afterwards:
 * nobody's offsets are touched. Partitions without an offset are left out. Resolves when reading; from
 * then on it reads until it is stopped, whatever becomes of the broker.
 */
export async function readLoosely(
  kafka: Kafka,
  topic: string,
  from: ReadonlyMap<number, bigint>,
  handle: LooseHandler,
): Promise<{ stop: () => Promise<void> }> {
  const groupId = `reader-${randomUUID()}`;
  const consumer = kafka.consumer({
    groupId,
    allowAutoTopicCreation: false,
    maxWaitTimeInMs: FETCH_WAIT_MS,
    maxBytes: FETCH_MAX_BYTES,
  });
  const next = new Map(from);
  const joined = Promise.withResolvers<undefined>();
  const ended = new AbortController();
  let isReading = false;
  // After every join, for nothing is committed: a reader that had to join again goes on where it was.
  consumer.on(consumer.events.GROUP_JOIN, () => {
    for (const [partition, offset] of next) {
      consumer.seek({ topic, partition, offset: String(offset) });
    }
    isReading = true;
    joined.resolve(undefined);
  });
  const stop = async (): Promise<void> => {
    ended.abort();
    await consumer.disconnect();
    await withAdmin(kafka, (admin) => admin.deleteGroups([groupId])).catch(() => {
      // An empty group without offsets goes by itself.
    });
  };
  const join = async (): Promise<void> => {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: async (payload) => {
        const { batch } = payload;
        const start = next.get(batch.partition);
        if (start === undefined || payload.isStale()) return;
        const messages = batch.messages
          .filter(({ offset }) => BigInt(offset) >= start)
          .map((message) => incomingOf(batch.topic, batch.partition, message));
        await handle(messages, batch.partition, BigInt(batch.lastOffset()));
        next.set(batch.partition, BigInt(batch.lastOffset()) + 1n);
      },
    });
  };
  const joinAgain = async (): Promise<void> => {
    await new SystemClock().sleep(CONNECT_PAUSE_MS, ended.signal);
    if (!ended.signal.aborted) await join().catch(joinAgain);
  };
  // kafkajs gives up on some that only a broker that is away can cause.
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (payload.restart) return;
    if (isReading) void joinAgain();
    else joined.reject(payload.error);
  });
  try {
    await join();
    await joined.promise;
  } catch (error) {
    await stop().catch(() => undefined);
    throw error;
  }
  return { stop };
}
