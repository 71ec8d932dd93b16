import { MessageTooLargeError, type BusMessage } from './message-bus.js';
import {
  HEADER_FRAMING_BYTES,
  MESSAGE_FRAMING_BYTES,
  MESSAGE_MAX_BYTES,
  PRODUCE_MAX_BYTES,
  PRODUCE_MAX_MESSAGES,
} from './messaging-limits.js';

/** Part of one publish that fits one produce request. */
export interface Slice {
  readonly messages: readonly BusMessage[];
  readonly bytes: number;
}

/** Bytes a message takes in a record batch, never too few. */
export function bytesOf(message: BusMessage): number {
  const { key, value, headers = {} } = message;
  let bytes = MESSAGE_FRAMING_BYTES + Buffer.byteLength(key) + Buffer.byteLength(value);
  for (const [name, text] of Object.entries(headers)) {
    bytes += HEADER_FRAMING_BYTES + Buffer.byteLength(name) + Buffer.byteLength(text);
  }
  return bytes;
}

/** Throws MessageTooLargeError when one of them is bigger than MESSAGE_MAX_BYTES. */
export function refuseTooLarge(messages: readonly BusMessage[]): void {
  const tooLarge = messages.find((message) => bytesOf(message) > MESSAGE_MAX_BYTES);
  if (tooLarge === undefined) return;
  throw new MessageTooLargeError(
    `message of ${String(bytesOf(tooLarge))} bytes for ${tooLarge.topic}, key ${tooLarge.key}`,
  );
}

/** Cuts messages into slices that each fit one produce request, in order. */
export function slicesOf(messages: readonly BusMessage[]): Slice[] {
  const slices: { messages: BusMessage[]; bytes: number }[] = [];
  let current: { messages: BusMessage[]; bytes: number } | undefined;
  for (const message of messages) {
    const bytes = bytesOf(message);
    const isFull =
      current === undefined ||
      current.messages.length >= PRODUCE_MAX_MESSAGES ||
      current.bytes + bytes > PRODUCE_MAX_BYTES;
    if (isFull) {
      current = { messages: [], bytes: 0 };
      slices.push(current);
    }
    current?.messages.push(message);
    if (current !== undefined) current.bytes += bytes;
  }
  return slices;
}
