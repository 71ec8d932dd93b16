import type { Kafka } from 'kafkajs';
import type { IncomingMessage } from './incoming-message.js';
import { boundsOf, readLoosely, type PartitionBounds } from './loose-reader.js';
import { RANGE_READ_LIMIT_MS } from './messaging-limits.js';

/** A part of one partition: offsets from `from` up to and without `to`. */
export interface PartitionRange {
  readonly partition: number;
  readonly from: bigint;
  readonly to: bigint;
}

/**
 * Everything that stands in these ranges, partition by partition, in offset order. Rejects when it
 * cannot be read within RANGE_READ_LIMIT_MS.
 */
export async function readRanges(
  kafka: Kafka,
  topic: string,
  ranges: readonly PartitionRange[],
): Promise<IncomingMessage[]> {
  const open = new Map(
    ranges.filter(({ from, to }) => from < to).map((range) => [range.partition, range]),
  );
  if (open.size === 0) return [];
  const found: IncomingMessage[] = [];
  let timer: NodeJS.Timeout | undefined;
  const starts = new Map(Array.from(open.values(), ({ partition, from }) => [partition, from]));
  const finished = Promise.withResolvers<undefined>();
  const reader = await readLoosely(kafka, topic, starts, (messages, partition, lastOffset) => {
    const range = open.get(partition);
    if (range === undefined) return;
    found.push(...messages.filter(({ offset }) => BigInt(offset) < range.to));
    if (lastOffset + 1n >= range.to) open.delete(partition);
    if (open.size === 0) finished.resolve(undefined);
  });
  try {
    timer = setTimeout(() => {
      const seconds = String(RANGE_READ_LIMIT_MS / 1000);
      finished.reject(new Error(`${topic} could not be read within ${seconds} s`));
    }, RANGE_READ_LIMIT_MS);
    await finished.promise;
  } finally {
    clearTimeout(timer);
    await reader.stop();
  }
  return found.sort(
    (one, other) =>
      one.partition - other.partition || (BigInt(one.offset) < BigInt(other.offset) ? -1 : 1),
  );
}

/** Everything a topic holds right now. For tests and small topics: it is all kept in memory. */
export async function readTopic(kafka: Kafka, topic: string): Promise<IncomingMessage[]> {
  const bounds = await boundsOf(kafka, topic);
  return readRanges(kafka, topic, bounds.map(wholeOf));
}

function wholeOf({ partition, low, high }: PartitionBounds): PartitionRange {
  return { partition, from: low, to: high };
}
