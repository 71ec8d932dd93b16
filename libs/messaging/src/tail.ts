import { silentLog, type Log } from '#runtime/log.js';
import type { IncomingMessage } from './incoming-message.js';
import { patientKafka } from './kafka-client.js';
import { boundsOf, readLoosely } from './loose-reader.js';

/** Where a tail begins, and where it says what goes on. */
export interface TailOptions {
  readonly from: 'beginning' | 'now';
  readonly log?: Log;
}

/**
 * Follows a topic from outside, for a demonstration, a live stream or a tool: in a group of its own,
 * so that it takes nothing from anybody. `now` is the moment of the call: what is published after it
 * is seen. Messages of one partition come one after the other in order; an `onMessage` that throws
 * is called again with the same message.
 *
 * Resolves when it follows; waits for a broker that is away.
 */
export async function tailTopic(
  brokers: readonly string[],
  topic: string,
  onMessage: (message: IncomingMessage) => Promise<void> | void,
  options: TailOptions,
): Promise<{ stop: () => Promise<void> }> {
  const kafka = patientKafka({ brokers, clientId: 'tail', log: options.log ?? silentLog });
  const bounds = await boundsOf(kafka, topic);
  const from = new Map(
    bounds.map(({ partition, low, high }) => [partition, options.from === 'now' ? high : low]),
  );
  return readLoosely(kafka, topic, from, async (messages) => {
    for (const message of messages) await onMessage(message);
  });
}
