import type { BatchHandler } from './batch-delivery.js';
import { DeadLetters } from './dead-letters.js';
import type { IncomingMessage } from './incoming-message.js';
import type { ForeignMessage } from './memory-bus.js';
import type { BusMessage, MessageProducer } from './message-bus.js';

/** A bus as the contract sees it. Owners stand for processes. */
export interface BusUnderTest {
  createTopic(name: string, partitions: number): Promise<void>;
  producer(owner: string): Promise<MessageProducer>;
  consume(
    owner: string,
    group: string,
    topics: readonly string[],
    handler: BatchHandler,
    deadLetters: DeadLetters,
  ): Promise<{ close(): Promise<void> }>;
  /** Kills the process: no commit, no farewell; what its handlers still do reaches nobody. */
  crash(owner: string): void;
  /** Nothing of this owner reaches the bus, for so long that its groups take it for dead. */
  cutOff(owner: string): void;
  reconnect(owner: string): void;
  /** As another client would. */
  write(topic: string, message: ForeignMessage): Promise<void>;
  /** Sets a group without members back to the first message of a topic. */
  rewind(group: string, topic: string): Promise<void>;
  /** Whether somebody asks to join whom the present members have not made room for. */
  isRebalancing(group: string): Promise<boolean>;
  /** How many messages of the topic the group has not committed. */
  lag(group: string, topic: string): Promise<number>;
  contents(topic: string): Promise<IncomingMessage[]>;
  stop(): Promise<void>;
}

/** What the parts of the contract share: one bus for all of them, closed at the end. */
export interface BusScene {
  readonly bus: () => BusUnderTest;
  readonly consume: (
    owner: string,
    group: string,
    topic: string,
    handler: BatchHandler,
    deadLetters?: DeadLetters,
  ) => Promise<{ close(): Promise<void> }>;
  readonly topicWith: (partitions: number) => Promise<string>;
  /** A handler that never ends. */
  readonly hang: BatchHandler;
  /** How long something may take that hangs on a session timeout. */
  readonly limitMs: number;
}

export class KeptLetters extends DeadLetters {
  readonly letters: { text: string; reason: string }[] = [];

  constructor(private failuresLeft = 0) {
    super();
  }

  override bury(message: IncomingMessage, reason: string): Promise<void> {
    if (this.failuresLeft > 0) {
      this.failuresLeft -= 1;
      return Promise.reject(new Error('no room for letters'));
    }
    this.letters.push({ text: textOf(message), reason });
    return Promise.resolve();
  }
}

export function textOf(message: IncomingMessage): string {
  return message.value?.toString() ?? '';
}

/** A handler that keeps what it is given. */
export function keepingIn(seen: string[]): BatchHandler {
  return (messages) => {
    seen.push(...messages.map(textOf));
    return Promise.resolve();
  };
}

let serial = 0;
/** A name that no other test uses. */
export function unique(word: string): string {
  serial += 1;
  return `${word}-${String(process.pid)}-${String(Date.now())}-${String(serial)}`;
}

/** `<key>:<number>`, the keys in turn; numbers count from `first`. */
export function messagesOf(
  topic: string,
  keys: readonly string[],
  count: number,
  first = 0,
): BusMessage[] {
  return Array.from({ length: count }, (_, at) => {
    const key = keys[at % keys.length] ?? '';
    return { topic, key, value: `${key}:${String(first + at)}` };
  });
}

export function textsOf(messages: readonly BusMessage[]): string[] {
  return messages.map(({ value }) => value.toString());
}
