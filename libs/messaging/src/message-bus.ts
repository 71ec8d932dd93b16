/** A message to be published. The key decides the partition, and with it the order. */
export interface BusMessage {
  readonly topic: string;
  readonly key: string;
  readonly value: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

/** On a replayed dead letter: `<dead-letter topic>/<partition>/<offset>` it was taken from. */
export const REPLAYED_FROM_HEADER = 'replayed-from';

/** Publishes messages. Port and injection token. */
export abstract class MessageProducer {
  /**
   * Resolves when the broker has acknowledged every message (all in-sync replicas). Messages of one
   * key stay in the order of the calls and of the list. Rejects when some may not have been written:
   * others of the same call may have been, so who publishes again must expect doubles.
   */
  abstract publish(messages: readonly BusMessage[]): Promise<void>;

  /** False while the broker does not answer, as far as is known. */
  abstract isConnected(): boolean;
}

/** A message is bigger than any topic takes. Nothing of the call was sent. */
export class MessageTooLargeError extends Error {
  override readonly name = 'MessageTooLargeError';
}

/** A topic does not exist; topics are created at the start, never by publishing. */
export class UnknownTopicError extends Error {
  override readonly name = 'UnknownTopicError';

  constructor(readonly topic: string) {
    super(`topic ${topic} does not exist`);
  }
}

/** The producer was closed before the broker acknowledged. */
export class ProducerClosedError extends Error {
  override readonly name = 'ProducerClosedError';
}
