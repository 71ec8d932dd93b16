import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '#runtime/clock.js';
import type { IncomingMessage } from './incoming-message.js';
import type { BusMessage, MessageProducer } from './message-bus.js';
import {
  DEAD_LETTER_BODY_BYTES,
  DEAD_LETTER_HEADERS_BYTES,
  DEAD_LETTER_KEY_BYTES,
  DEAD_LETTER_REASON_LENGTH,
} from './messaging-limits.js';

/**
 * Where messages go that cannot be read or handled. Port and injection token: a service's own
 * writes the letter into its outbox, in one transaction with the inbox row, and the relay sends it.
 */
export abstract class DeadLetters {
  /** Resolves when the letter is safe. Rejects otherwise; the delivery then asks again. */
  abstract bury(message: IncomingMessage, reason: string): Promise<void>;
}

/** For a process without an outbox: the letter is safe when the broker has it. */
export class PublishedDeadLetters extends DeadLetters {
  constructor(
    private readonly producer: MessageProducer,
    private readonly clock: Clock,
  ) {
    super();
  }

  override bury(message: IncomingMessage, reason: string): Promise<void> {
    return this.producer.publish([deadLetterOf(message, reason, this.clock.nowMs())]);
  }
}

const deadLetterSchema = z.strictObject({
  version: z.literal(1),
  /** Why it was buried, at most DEAD_LETTER_REASON_LENGTH characters. */
  reason: z.string(),
  /** Where the original lay. */
  topic: z.string(),
  partition: z.number().int(),
  offset: z.string().regex(/^\d+$/),
  key: z.string().nullable(),
  headers: z.record(z.string(), z.string()),
  /** The first DEAD_LETTER_BODY_BYTES of the value, base64; null for a message without a value. */
  bodyBase64: z.base64().nullable(),
  /** Of the whole value. */
  bytes: z.number().int().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Whether value, key or headers were cut: then only the original can be replayed. */
  isCut: z.boolean(),
  buriedAt: z.iso.datetime(),
});

/** A message that nobody could handle, with all it takes to see why and to try again. */
export type DeadLetter = z.infer<typeof deadLetterSchema>;

/** The dead-letter topic beside a topic. */
export function deadLetterTopicOf(topic: string): string {
  return `${topic}.dlq`;
}

/** The letter for a message, at most about 110 KB, whatever the message was. */
export function deadLetterOf(
  message: IncomingMessage,
  reason: string,
  buriedAtMs: number,
): BusMessage {
  const { topic, partition, offset, value } = message;
  const body = value?.subarray(0, DEAD_LETTER_BODY_BYTES) ?? null;
  const key = message.key?.slice(0, DEAD_LETTER_KEY_BYTES) ?? null;
  const headers = headersWithin(message.headers, DEAD_LETTER_HEADERS_BYTES);
  const isCut =
    (value?.length ?? 0) > DEAD_LETTER_BODY_BYTES ||
    key !== message.key ||
    Object.keys(headers).length < Object.keys(message.headers).length;
  const letter: DeadLetter = {
    version: 1,
    reason: reason.slice(0, DEAD_LETTER_REASON_LENGTH),
    topic,
    partition,
    offset,
    key,
    headers,
    bodyBase64: body?.toString('base64') ?? null,
    bytes: value?.length ?? 0,
    sha256: createHash('sha256')
      .update(value ?? '')
      .digest('hex'),
    isCut,
    buriedAt: new Date(buriedAtMs).toISOString(),
  };
  return {
    topic: deadLetterTopicOf(topic),
    // No text in Postgres holds NUL: such a letter could never be written, and its partition stood.
    key: (key ?? `${topic}/${String(partition)}`).replaceAll('\0', '\ufffd'),
    value: JSON.stringify(letter),
    headers: { 'content-type': 'application/json' },
  };
}

/** Reads a letter. @throws an error that says what is wrong with it */
export function parseDeadLetter(value: Buffer | string | null): DeadLetter {
  if (value === null) throw new Error('no dead letter: it is empty');
  let json: unknown;
  try {
    json = JSON.parse(value.toString());
  } catch {
    throw new Error('no dead letter: it is not JSON');
  }
  const result = deadLetterSchema.safeParse(json);
  if (!result.success) throw new Error(`no dead letter: ${z.prettifyError(result.error)}`);
  return result.data;
}

function headersWithin(
  headers: Readonly<Record<string, string>>,
  maxBytes: number,
): Record<string, string> {
  let bytes = 0;
  const kept = Object.entries(headers).filter(([name, text]) => {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(text);
    return bytes <= maxBytes;
  });
  return Object.fromEntries(kept);
}
