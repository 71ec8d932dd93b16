import { gzipSync } from 'node:zlib';
import kafkajs, { type Kafka, type Producer } from 'kafkajs';
import { silentLog } from '#runtime/log.js';
import { patientKafka } from '#messaging/kafka-client.js';
import type { Raw } from './poison.js';

const { CompressionCodecs, CompressionTypes, ConfigResourceTypes } = kafkajs;

type Compression = (typeof CompressionTypes)['GZIP' | 'Snappy'];

/** Where a message came to lie. */
export interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
}

/** Writes what no producer of ours would, straight to a partition. */
export class RawProducer {
  private constructor(
    private readonly kafka: Kafka,
    private readonly producer: Producer,
  ) {}

  static async connect(brokers: readonly string[]): Promise<RawProducer> {
    const kafka = patientKafka({ brokers, clientId: 'e2e-poison', log: silentLog });
    const producer = kafka.producer();
    await producer.connect();
    return new RawProducer(kafka, producer);
  }

  async write(
    topic: string,
    partition: number,
    { key, value, headers }: Raw,
    compression = CompressionTypes.None,
  ): Promise<Place> {
    const message = { key, value, partition, ...(headers && { headers }) };
    const [written] = await this.producer.send({ topic, messages: [message], compression });
    return { topic, partition, offset: written?.baseOffset ?? '' };
  }

  /** As somebody compresses whose Kafka client knows more than ours. */
  writeWithSnappy(topic: string, partition: number, raw: Raw): Promise<Place> {
    return this.#packed(topic, partition, raw, CompressionTypes.Snappy, snappy);
  }

  writeWithGzip(topic: string, partition: number, raw: Raw): Promise<Place> {
    return this.#packed(topic, partition, raw, CompressionTypes.GZIP, gzipSync);
  }

  /** Of some text, and a header that has a name and no value: other clients may write that. */
  writeWithEmptyHeader(topic: string, partition: number, text: string): Promise<Place> {
    const record = recordWithEmptyHeader(text);
    const raw = { key: null, value: text };
    return this.#packed(topic, partition, raw, CompressionTypes.GZIP, () => gzipSync(record));
  }

  /** @param pack makes of the records of a batch what is sent */
  async #packed(
    topic: string,
    partition: number,
    raw: Raw,
    compression: Compression,
    pack: (records: Buffer) => Buffer,
  ): Promise<Place> {
    const before = CompressionCodecs[compression];
    CompressionCodecs[compression] = () => ({
      compress: ({ buffer }: { buffer: Buffer }) => Promise.resolve(pack(buffer)),
      decompress: () => Promise.reject(new Error('is only written here')),
    });
    try {
      return await this.write(topic, partition, raw, compression);
    } finally {
      CompressionCodecs[compression] = before;
    }
  }

  /** Sets settings of topics, and gives back what puts them as they were. */
  async set(topics: readonly string[], name: string, value: string): Promise<() => Promise<void>> {
    const admin = this.kafka.admin();
    await admin.connect();
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: topics.map((topic) => ({ type: ConfigResourceTypes.TOPIC, name: topic })),
    });
    const put = async (changed: Readonly<Record<string, string>>): Promise<void> => {
      await admin.alterConfigs({
        validateOnly: false,
        resources: resources.map(({ resourceName, configEntries }) => {
          // All that was set for the topic itself, or it would be unset.
          const own = configEntries.filter(({ isDefault }) => !isDefault);
          const settings = new Map(own.map((entry) => [entry.configName, entry.configValue]));
          for (const [changedName, to] of Object.entries(changed)) settings.set(changedName, to);
          return {
            type: ConfigResourceTypes.TOPIC,
            name: resourceName,
            configEntries: [...settings].map(([key, to]) => ({ name: key, value: to })),
          };
        }),
      });
    };
    await put({ [name]: value });
    return async () => {
      await put({});
      await admin.disconnect();
    };
  }

  /** Whether these groups have read their topics to the end, and said so. */
  async isAllRead(groups: Readonly<Record<string, readonly string[]>>): Promise<boolean> {
    const admin = this.kafka.admin();
    await admin.connect();
    try {
      for (const [groupId, topics] of Object.entries(groups)) {
        const committed = await admin.fetchOffsets({ groupId, topics: [...topics] });
        for (const { topic, partitions } of committed) {
          const ends = await admin.fetchTopicOffsets(topic);
          const at = new Map(partitions.map(({ partition, offset }) => [partition, offset]));
          const isBehind = ends.some(
            ({ partition, high }) => high !== '0' && Number(at.get(partition)) < Number(high),
          );
          if (isBehind) return false;
        }
      }
      return true;
    } finally {
      await admin.disconnect();
    }
  }

  close(): Promise<void> {
    return this.producer.disconnect();
  }
}

/** Bytes as the Java client's Snappy frames them, each copied as it is. */
function snappy(plain: Buffer): Buffer {
  const lengths: number[] = [];
  for (let rest = plain.length; ; rest >>>= 7) {
    lengths.push(rest > 127 ? (rest & 127) | 128 : rest);
    if (rest <= 127) break;
  }
  const literals: Buffer[] = [];
  for (let at = 0; at < plain.length; at += 60) {
    const part = plain.subarray(at, at + 60);
    literals.push(Buffer.from([(part.length - 1) << 2]), part);
  }
  const block = Buffer.concat([Buffer.from(lengths), ...literals]);
  const head = Buffer.alloc(20);
  head.write('\x82SNAPPY\0', 0, 'latin1');
  head.writeInt32BE(1, 8);
  head.writeInt32BE(1, 12);
  head.writeInt32BE(block.length, 16);
  return Buffer.concat([head, block]);
}

/** One record of a batch, in bytes: short texts, so that every length is one byte. */
function recordWithEmptyHeader(text: string): Buffer {
  const [none, name] = [0x01, Buffer.from('empty')];
  const length = (bytes: number): number => bytes * 2;
  const body = Buffer.concat([
    // Attributes, and the differences of time and offset to the batch's own.
    Buffer.from([0, 0, 0, none, length(text.length)]),
    Buffer.from(text),
    Buffer.from([length(1), length(name.length)]),
    name,
    Buffer.from([none]),
  ]);
  return Buffer.concat([Buffer.from([length(body.length)]), body]);
}
