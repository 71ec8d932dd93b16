import type { IHeaders, KafkaMessage } from 'kafkajs';
import type { IncomingMessage } from './incoming-message.js';

/** A message of kafkajs as ours. */
export function incomingOf(
  topic: string,
  partition: number,
  message: KafkaMessage,
): IncomingMessage {
  return {
    topic,
    partition,
    offset: message.offset,
    key: message.key?.toString() ?? null,
    headers: headersOf(message.headers),
    value: message.value,
  };
}

/** Of a header that came several times, the last counts; one without a value has an empty one. */
function headersOf(headers: IHeaders | undefined): Record<string, string> {
  const plain: [string, string][] = [];
  // The types do not say so, but the protocol knows a header without a value.
  const entries: [string, IHeaders[string] | null][] = Object.entries(headers ?? {});
  for (const [name, value] of entries) {
    const last = Array.isArray(value) ? value.at(-1) : value;
    if (last !== undefined) plain.push([name, last?.toString() ?? '']);
  }
  return Object.fromEntries(plain);
}
