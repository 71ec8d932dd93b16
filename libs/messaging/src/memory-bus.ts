import type { Clock } from '#runtime/clock.js';
import { silentLog, type Log } from '#runtime/log.js';
import { BatchDelivery, isTransientFault, type BatchHandler } from './batch-delivery.js';
import type { DeadLetters } from './dead-letters.js';
import type { IncomingMessage } from './incoming-message.js';
import { MemoryGroup, type MemberRules } from './memory-group.js';
import { MessageProducer, UnknownTopicError, type BusMessage } from './message-bus.js';
import { refuseTooLarge, slicesOf } from './message-size.js';
import { noMeter } from './messaging-meter.js';
import { partitionOf } from './partition-of.js';

/** One move of the bus, told to the `io` hook right before and right after it takes effect. */
export interface BusMove {
  readonly kind: 'publish' | 'fetch' | 'commit';
  readonly phase: 'before' | 'after';
  readonly owner: string;
  /** Topics of a publish; topic of a fetch or commit. */
  readonly topics: readonly string[];
  /** Messages concerned; 0 for a fetch that has not happened yet. */
  readonly messages: number;
}

/**
 * Awaited at every move. It may delay it; fail it, by throwing (`before`: nothing happened; `after`:
 * it happened and the answer was lost); answer before a publish 'TWICE', which then is written
 * twice, or 'PART': of its partitions only the first takes it, and the publish fails; or crash the
 * owner by `abandon` and never resolve.
 */
export type BusIo = (move: BusMove) => Promise<unknown>;

/** What a twin is made of. */
export interface MemoryBusOptions {
  readonly topics: readonly { readonly name: string; readonly partitions: number }[];
  readonly clock: Clock;
  readonly io?: BusIo;
  /** 0 ≤ random() < 1, for the jitter of pauses. */
  readonly random?: () => number;
  readonly log?: Log;
  /** Told of every message in the turn in which it is written, in the order of its partition. */
  readonly appended?: (message: IncomingMessage) => void;
  /** How long the partitions of an abandoned owner stay with it, in ms; left out: not at all. */
  readonly sessionTimeoutMs?: number;
}

/** How a member judges faults. */
export interface ConsumeOptions {
  readonly deadLetters: DeadLetters;
  readonly isTransient?: (error: unknown) => boolean;
}

/** A message as another client may write it; what is left out is not there, or 0. */
export type ForeignMessage = Partial<Omit<IncomingMessage, 'topic' | 'offset'>>;

/** A member of a group. */
export interface Consuming {
  /** Leaves the group after the call of the handler that is under way. */
  close(): Promise<void>;
}

/**
 * Kafka's twin in memory, for scenarios and simulation: topics with partitions, groups with
 * committed offsets, at-least-once. It passes the same contract tests as the real one and has no
 * timers, no chance and no order of its own: the same calls give the same deliveries.
 */
export class MemoryBus {
  readonly #topics = new Map<string, IncomingMessage[][]>();
  readonly #groups = new Map<string, MemoryGroup>();
  readonly #abandoned = new Set<string>();

  constructor(private readonly options: MemoryBusOptions) {
    for (const { name, partitions } of options.topics) this.createTopic(name, partitions);
  }

  /** Adds a topic; one that is there stays as it is. */
  createTopic(name: string, partitions: number): void {
    if (this.#topics.has(name)) return;
    this.#topics.set(
      name,
      Array.from({ length: partitions }, () => []),
    );
  }

  /** A producer of this owner. After `abandon(owner)` nothing of it is written or answered. */
  producer(owner: string): MessageProducer {
    return new MemoryProducer(
      () => this.#abandoned.has(owner),
      (messages, sending) => this.#publish(owner, messages, sending),
    );
  }

  /** Joins a group. `owner` is the process, as in `abandon`; it may be a member of many groups. */
  consume(
    owner: string,
    group: string,
    topics: readonly string[],
    handler: BatchHandler,
    options: ConsumeOptions,
  ): Consuming {
    for (const topic of topics) this.#partitionsOf(topic);
    const rules: MemberRules = {
      delivery: new BatchDelivery({
        isTransient: options.isTransient ?? isTransientFault,
        deadLetters: options.deadLetters,
        clock: this.options.clock,
        random: this.options.random ?? ((): number => 0.5),
        log: this.options.log ?? silentLog,
        meter: noMeter,
      }),
      handler,
    };
    return this.#groupOf(group).join(owner, topics, rules);
  }

  /**
   * The process of this owner is dead as of now: it leaves every group without committing, what its
   * handlers still do has no effect here, and its publishes are neither written nor answered. A
   * process that starts again takes a new owner name.
   */
  abandon(owner: string): void {
    this.#abandoned.add(owner);
    for (const group of this.#groups.values()) group.abandon(owner);
  }

  /**
   * This owner was silent for a session: its partitions go to others at once, and what it has in
   * hand counts no more. It lives and comes back to its groups when its handlers have ended.
   */
  expel(owner: string): void {
    for (const group of this.#groups.values()) group.expel(owner);
  }

  /** Writes what no producer of ours would: without key or value, not JSON, in any partition. */
  write(topic: string, message: ForeignMessage): void {
    this.#append(topic, message);
    this.#pump();
  }

  /** Everything a topic holds, partition by partition. */
  contents(topic: string): IncomingMessage[] {
    return this.#partitionsOf(topic).flat();
  }

  /** Sets a group back to offset 0 of every partition: everything is delivered once more. */
  rewind(group: string): void {
    this.#groupOf(group).rewind();
  }

  /** How many messages of its topics a group has not committed yet. */
  lag(group: string): number {
    return this.#groupOf(group).lag();
  }

  #partitionsOf(topic: string): IncomingMessage[][] {
    const partitions = this.#topics.get(topic);
    if (partitions === undefined) throw new UnknownTopicError(topic);
    return partitions;
  }

  #groupOf(name: string): MemoryGroup {
    let group = this.#groups.get(name);
    if (group === undefined) {
      group = new MemoryGroup({
        logOf: (topic) => this.#partitionsOf(topic),
        move: (move) => this.#move(move),
        clock: this.options.clock,
        sessionTimeoutMs: this.options.sessionTimeoutMs ?? 0,
      });
      this.#groups.set(name, group);
    }
    return group;
  }

  async #publish(
    owner: string,
    messages: readonly BusMessage[],
    mayWrite: () => boolean,
  ): Promise<void> {
    const topics = [...new Set(messages.map((message) => message.topic))];
    for (const topic of topics) this.#partitionsOf(topic);
    const move = { kind: 'publish', owner, topics, messages: messages.length } as const;
    const answer = await this.#move({ ...move, phase: 'before' });
    if (!mayWrite()) return;
    const isPart = answer === 'PART';
    const written = isPart ? this.#inFirstPartition(messages) : messages;
    for (let time = answer === 'TWICE' ? 2 : 1; time > 0; time -= 1) {
      for (const { topic, key, value, headers } of written) {
        const partition = this.#partitionOf({ topic, key });
        const bytes = Buffer.from(value);
        this.#append(topic, { partition, key, value: bytes, headers: { ...headers } });
      }
    }
    this.#pump();
    await this.#move({ ...move, phase: 'after' });
    if (isPart) throw new Error('some of the partitions did not answer');
  }

  #append(topic: string, message: ForeignMessage): void {
    const { partition = 0, key = null, value = null, headers = {} } = message;
    const log = this.#partitionsOf(topic)[partition];
    const offset = String(log?.length ?? 0);
    const written = { topic, partition, offset, key, headers, value };
    log?.push(written);
    this.options.appended?.(written);
  }

  #pump(): void {
    for (const group of this.#groups.values()) group.pump();
  }

  /** A broker answers for each partition by itself. */
  #inFirstPartition(messages: readonly BusMessage[]): readonly BusMessage[] {
    const [first] = messages;
    if (first === undefined) return messages;
    const partition = this.#partitionOf(first);
    return messages.filter((one) => {
      return one.topic === first.topic && this.#partitionOf(one) === partition;
    });
  }

  #partitionOf({ topic, key }: Pick<BusMessage, 'topic' | 'key'>): number {
    return partitionOf(key, this.#partitionsOf(topic).length);
  }

  async #move(move: BusMove): Promise<unknown> {
    return this.options.io?.(move);
  }
}

/** One request at a time, in the order of the calls, as the real producer. */
class MemoryProducer extends MessageProducer {
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly isAbandoned: () => boolean,
    private readonly send: (
      messages: readonly BusMessage[],
      mayWrite: () => boolean,
    ) => Promise<void>,
  ) {
    super();
  }

  override publish(messages: readonly BusMessage[]): Promise<void> {
    if (messages.length === 0) return Promise.resolve();
    const frozen = messages.map((message) => ({ ...message }));
    const result = this.#last.then(() => this.#send(frozen));
    this.#last = result.catch(() => undefined);
    return result.then(() => this.#answer());
  }

  /** What does not fit one request goes as several, whatever becomes of the others. */
  async #send(messages: readonly BusMessage[]): Promise<void> {
    refuseTooLarge(messages);
    const failures: unknown[] = [];
    for (const slice of slicesOf(messages)) {
      try {
        await this.send(slice.messages, () => !this.isAbandoned());
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  override isConnected(): boolean {
    return !this.isAbandoned();
  }

  /** A dead process gets no answers. */
  #answer(): Promise<void> {
    return this.isAbandoned() ? new Promise(() => undefined) : Promise.resolve();
  }
}
