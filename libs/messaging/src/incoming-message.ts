import { REPLAYED_FROM_HEADER } from './message-bus.js';

/** A message as it came from a topic. Nothing of it has been checked. */
export interface IncomingMessage {
  readonly topic: string;
  readonly partition: number;
  /** A decimal string: offsets outgrow a double. */
  readonly offset: string;
  readonly key: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly value: Buffer | null;
}

/**
 * An event as its schema reads it, and what the inbox remembers it by. Throws when it cannot be
 * read: then it becomes a dead letter and holds up nobody.
 */
export function readEvent<Data>(
  message: IncomingMessage,
  schema: { parse(value: unknown): { readonly id: string; readonly data: Data } },
): { inboxKey: string; data: Data } {
  if (message.value === null) throw new Error('a message without a value');
  const { id, data } = schema.parse(JSON.parse(message.value.toString('utf8')));
  return { inboxKey: inboxKeyOf(message, id), data };
}

/**
 * What the inbox remembers a message by: the event's id where it has one, so that an event
 * published twice is seen once; else the place it lies at.
 *
 * A replayed dead letter goes by its place even when it has an id: the first delivery's key may
 * stand in the inbox already, and a replay is a person's wish to have it handled again.
 */
export function inboxKeyOf(message: IncomingMessage, eventId?: string): string {
  const isReplay = message.headers[REPLAYED_FROM_HEADER] !== undefined;
  if (eventId !== undefined && !isReplay) return eventId;
  return `${message.topic}/${String(message.partition)}/${message.offset}`;
}
