import {
  Partitioners,
  type ICustomPartitioner,
  type Message,
  type Producer,
  type TopicMessages,
} from 'kafkajs';
import type { Clock } from '#runtime/clock.js';
import { Coalescer } from '#runtime/coalescer.js';
import { pauseBeforeRetryMs } from '#runtime/retry.js';
import { connectPatiently, patientKafka, type KafkaAccess } from './kafka-client.js';
import { KnownTopics } from './known-topics.js';
import {
  MessageProducer,
  ProducerClosedError,
  UnknownTopicError,
  type BusMessage,
} from './message-bus.js';
import { refuseTooLarge, slicesOf, type Slice } from './message-size.js';
import {
  PRODUCER_CLOSE_LIMIT_MS,
  PRODUCE_BROKER_TIMEOUT_MS,
  PRODUCE_FIRST_PAUSE_MS,
  PRODUCE_MAX_BYTES,
  PRODUCE_MAX_MESSAGES,
  PRODUCE_PAUSE_MAX_MS,
  PRODUCE_QUEUE_MAX,
  PRODUCE_QUEUE_MAX_BYTES,
  PRODUCE_STUCK_MS,
  PRODUCE_TRIES_PER_PRODUCER,
} from './messaging-limits.js';
import { noMeter, type MessagingMeter } from './messaging-meter.js';

/** What a producer is made of. */
export interface KafkaProducerOptions extends KafkaAccess {
  readonly clock: Clock;
  /** 0 ≤ random() < 1, for the jitter of pauses. */
  readonly random?: () => number;
  readonly meter?: MessagingMeter;
}

/** Answers of the broker that no further try will change. */
const REFUSALS: ReadonlySet<string> = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_TOPIC_EXCEPTION',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'POLICY_VIOLATION',
  'TOPIC_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
]);

/** A slice was written, or why it never will be. */
type Outcome = Error | undefined;

/**
 * The one producer of a process: idempotent, acknowledged by all replicas, at most one request
 * under way. What is published meanwhile gathers in a bounded queue and goes as the next request.
 *
 * The rules below look strict because kafkajs loses acknowledged messages without them: when an
 * answer is lost it gives the rolled-back sequence number to whatever is sent next, and the broker
 * takes that for a double of what it already has. So after any error the identical batch goes again
 * on the same producer before anything else, or the producer is thrown away and everything that was
 * not acknowledged goes again on a new one, which has sequences of its own.
 */
export class KafkaProducer extends MessageProducer {
  readonly #coalescer: Coalescer<Slice, Outcome>;
  readonly #closing = new AbortController();
  readonly #topics: KnownTopics;
  /** The producer to send on; undefined before the start, and after one was thrown away. */
  #current: Producer | undefined;
  #isClosed = false;
  #requestSinceMs: number | undefined;

  constructor(private readonly options: KafkaProducerOptions) {
    super();
    this.#topics = new KnownTopics(patientKafka(options));
    this.#coalescer = new Coalescer((slices) => this.#send(slices), {
      maxGroup: PRODUCE_MAX_MESSAGES,
      maxQueue: PRODUCE_QUEUE_MAX,
      weigh: weightOf,
      maxGroupWeight: 1,
      maxQueueWeight: PRODUCE_QUEUE_MAX_BYTES / PRODUCE_MAX_BYTES,
    });
  }

  /** Connects; waits for a broker that is away and says so. Publishing before it is done may queue. */
  async start(): Promise<void> {
    this.#current ??= await this.#connect();
  }

  /**
   * As the port says, and rejects with MessageTooLargeError (over MESSAGE_MAX_BYTES; nothing was
   * sent), UnknownTopicError, OverloadedError (the queue is full), ProducerClosedError, or the
   * broker's refusal.
   */
  override async publish(messages: readonly BusMessage[]): Promise<void> {
    if (this.#isClosed) throw new ProducerClosedError('the producer is closed');
    refuseTooLarge(messages);
    const pushes = slicesOf(messages).map((slice) => this.#coalescer.push(slice));
    // All of them are waited for, so that nothing is under way when the caller hears of a failure.
    const results = await Promise.allSettled(pushes);
    for (const result of results) {
      if (result.status === 'rejected') throw result.reason;
      if (result.value !== undefined) throw result.value;
    }
  }

  override isConnected(): boolean {
    if (this.#current === undefined) return false;
    const sinceMs = this.#requestSinceMs;
    return sinceMs === undefined || this.options.clock.nowMs() - sinceMs < PRODUCE_STUCK_MS;
  }

  /**
   * Takes nothing more, sends what was taken, and disconnects; what is not acknowledged within
   * `limitMs` is rejected with ProducerClosedError and may or may not have been written.
   */
  async close(limitMs = PRODUCER_CLOSE_LIMIT_MS): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { clock } = this.options;
    const limit = new AbortController();
    await Promise.race([this.#coalescer.idle(), clock.sleep(limitMs, limit.signal)]);
    this.#closing.abort();
    const current = this.#current;
    this.#current = undefined;
    if (current !== undefined) {
      await Promise.race([quietly(current.disconnect()), clock.sleep(limitMs, limit.signal)]);
    }
    limit.abort();
  }

  /** Sends one group; answers for each slice of it. */
  async #send(slices: readonly Slice[]): Promise<Outcome[]> {
    const refused = await this.#refuseUnknownTopics(slices);
    const accepted = slices.filter((slice) => !refused.has(slice));
    const outcomes = accepted.length === 0 ? [] : await this.#sendAccepted(accepted);
    const outcomeOf = new Map(accepted.map((slice, index) => [slice, outcomes[index]]));
    return slices.map((slice) => refused.get(slice) ?? outcomeOf.get(slice));
  }

  /** The slices that name a topic which does not exist, or all when closing kept from asking. */
  async #refuseUnknownTopics(slices: readonly Slice[]): Promise<Map<Slice, Error>> {
    const topicsOf = (slice: Slice): string[] => slice.messages.map(({ topic }) => topic);
    const all = new Set(slices.flatMap(topicsOf));
    const refused = new Map<Slice, Error>();
    const missing = await this.#missingTopics(all);
    if (missing instanceof Error) return new Map(slices.map((slice) => [slice, missing]));
    if (missing.size === 0) return refused;
    for (const slice of slices) {
      const unknown = topicsOf(slice).find((topic) => missing.has(topic));
      if (unknown !== undefined) refused.set(slice, new UnknownTopicError(unknown));
    }
    return refused;
  }

  async #missingTopics(topics: ReadonlySet<string>): Promise<ReadonlySet<string> | Error> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#untilClosing(this.#topics.missing(topics));
      } catch (error) {
        if (this.#closing.signal.aborted) return new ProducerClosedError('closed while sending');
        this.options.log.warn({ err: error, tries }, 'the broker does not say what topics exist');
        await this.#pause(tries);
      }
    }
  }

  async #sendAccepted(slices: readonly Slice[]): Promise<Outcome[]> {
    const outcome = await this.#sendUntilAnswered(slices);
    if (outcome === undefined || slices.length === 1) return slices.map(() => outcome);
    // One of them was refused; each on its own shows which, and the others go.
    const outcomes: Outcome[] = [];
    for (const slice of slices) outcomes.push(await this.#sendUntilAnswered([slice]));
    return outcomes;
  }

  /** Undefined when acknowledged, else a refusal or that the producer was closed. */
  async #sendUntilAnswered(slices: readonly Slice[]): Promise<Outcome> {
    const startedMs = this.options.clock.nowMs();
    const batch = batchOf(slices, startedMs);
    this.#requestSinceMs = startedMs;
    try {
      for (let tries = 1; ; tries += 1) {
        if (this.#closing.signal.aborted) return new ProducerClosedError('closed while sending');
        const error = await this.#try(batch);
        if (error === undefined) {
          this.#count(slices, startedMs, tries);
          return undefined;
        }
        if (isRefusal(error)) {
          this.#throwAway(error);
          return error;
        }
        this.options.log.warn({ err: error, tries }, 'produce failed, the same batch goes again');
        if (tries % PRODUCE_TRIES_PER_PRODUCER === 0) this.#throwAway(error);
        await this.#pause(tries);
      }
    } finally {
      this.#requestSinceMs = undefined;
    }
  }

  async #try(topicMessages: TopicMessages[]): Promise<Outcome> {
    try {
      this.#current ??= await this.#connect();
      await this.#untilClosing(
        this.#current.sendBatch({ topicMessages, acks: -1, timeout: PRODUCE_BROKER_TIMEOUT_MS }),
      );
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  /** A request lasts as long as the broker is away; closing must not. */
  async #untilClosing<T>(request: Promise<T>): Promise<T> {
    const { signal } = this.#closing;
    let giveUp = (): void => undefined;
    const closed = new Promise<never>((_, reject) => {
      giveUp = () => {
        reject(new ProducerClosedError('closed while sending'));
      };
      signal.addEventListener('abort', giveUp, { once: true });
    });
    try {
      return await Promise.race([request, closed]);
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  async #connect(): Promise<Producer> {
    const producer = patientKafka(this.options).producer({
      idempotent: true,
      allowAutoTopicCreation: false,
      createPartitioner: rememberingPartitioner,
    });
    const connect = (): Promise<void> => this.#untilClosing(producer.connect());
    await connectPatiently('the producer', connect, this.options, this.#closing.signal);
    return producer;
  }

  #throwAway(error: Error): void {
    const producer = this.#current;
    this.#current = undefined;
    this.options.log.warn({ err: error }, 'producer thrown away, a new one takes over');
    if (producer !== undefined) void quietly(producer.disconnect());
  }

  #pause(tries: number): Promise<void> {
    const { clock, random = Math.random } = this.options;
    const bounds = { firstPauseMs: PRODUCE_FIRST_PAUSE_MS, maxPauseMs: PRODUCE_PAUSE_MAX_MS };
    return clock.sleep(pauseBeforeRetryMs(tries, random, bounds), this.#closing.signal);
  }

  #count(slices: readonly Slice[], startedMs: number, tries: number): void {
    let messages = 0;
    let bytes = 0;
    for (const slice of slices) {
      messages += slice.messages.length;
      bytes += slice.bytes;
    }
    const seconds = (this.options.clock.nowMs() - startedMs) / 1000;
    (this.options.meter ?? noMeter).produced(messages, bytes, seconds, tries);
  }
}

/** A slice's share of one request: of its bytes or of its messages, whichever is more. */
function weightOf(slice: Slice): number {
  return Math.max(slice.bytes / PRODUCE_MAX_BYTES, slice.messages.length / PRODUCE_MAX_MESSAGES);
}

/**
 * One request over all topics. The message objects stay the same however often it is sent. They are
 * dated by our clock, not by kafkajs' own: a machine's may be off, brokers refuse what is dated an
 * hour ahead, and they keep a message for as long as its date says.
 */
function batchOf(slices: readonly Slice[], nowMs: number): TopicMessages[] {
  const timestamp = String(nowMs);
  const byTopic = new Map<string, Message[]>();
  for (const slice of slices) {
    for (const { topic, key, value, headers } of slice.messages) {
      const message: Message = { key, value, timestamp, ...(headers && { headers }) };
      const messages = byTopic.get(topic);
      if (messages === undefined) byTopic.set(topic, [message]);
      else messages.push(message);
    }
  }
  return Array.from(byTopic, ([topic, messages]) => ({ topic, messages }));
}

/**
 * By key, and a message that was once assigned keeps its partition when the batch goes again, also
 * when the topic got more partitions meanwhile: sequence numbers are counted per partition, and only
 * the identical batch is recognised as a double.
 */
const rememberingPartitioner: ICustomPartitioner = () => {
  const byKey = Partitioners.DefaultPartitioner();
  const chosen = new WeakMap<Message, number>();
  return (args) => {
    const known = chosen.get(args.message);
    if (known !== undefined) return known;
    const partition = byKey(args);
    chosen.set(args.message, partition);
    return partition;
  };
};

function isRefusal(error: Error): boolean {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    const { type } = cause as { type?: unknown };
    if (typeof type === 'string' && REFUSALS.has(type)) return true;
  }
  return false;
}

/** A farewell that fails changes nothing. */
async function quietly(farewell: Promise<void>): Promise<void> {
  try {
    await farewell;
  } catch {
    // The connection is gone, which is all that was wanted.
  }
}
