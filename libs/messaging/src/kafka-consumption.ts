import type { Consumer, ConsumerCrashEvent, EachBatchPayload } from 'kafkajs';
import type { Clock } from '#runtime/clock.js';
import { BatchDelivery, type BatchHandler } from './batch-delivery.js';
import type { DeadLetters } from './dead-letters.js';
import { connectPatiently, patientKafka, type KafkaAccess } from './kafka-client.js';
import { incomingOf } from './kafka-message.js';
import {
  CONNECT_PAUSE_MS,
  CRASH_REPORT_LIMIT_MS,
  FETCH_MAX_BYTES,
  FETCH_PARTITION_MAX_BYTES,
  FETCH_WAIT_MS,
  GROUP_SILENT_MS,
  HEARTBEAT_MS,
  PARTITIONS_AT_ONCE,
  REBALANCE_TIMEOUT_MS,
  SESSION_TIMEOUT_MS,
} from './messaging-limits.js';
import { noMeter, type MessagingMeter } from './messaging-meter.js';

/** What a consumption is made of. */
export interface ConsumptionOptions extends KafkaAccess {
  readonly group: string;
  readonly topics: readonly string[];
  readonly deadLetters: DeadLetters;
  readonly isTransient: (error: unknown) => boolean;
  /** The consumer is dead and will not come back: the process must end. Called at most once. */
  readonly onDead: (error: Error) => void;
  readonly clock: Clock;
  /** 0 ≤ random() < 1, for the jitter of pauses. */
  readonly random?: () => number;
  readonly meter?: MessagingMeter;
  readonly sessionTimeoutMs?: number;
}

export type ConsumptionStatus = 'joined' | 'rebalancing' | 'crashed' | 'dead';

/** Thrown inside a delivery that must end although nothing went wrong. */
class DeliveryEnded extends Error {}

/**
 * A broker that stops in good order first says that it is no longer the group's coordinator, then
 * refuses connections. kafkajs does not retry the search for the next coordinator in between.
 */
function isCoordinatorAway(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause.name === 'KafkaJSGroupCoordinatorNotFound') return true;
    if (cause.message.includes('Failed to find group coordinator')) return true;
  }
  return false;
}

/** A member of one consumer group: takes batches, has them handled, commits, and says how it fares. */
export class KafkaConsumption {
  readonly consumer: Consumer;
  readonly #delivery: BatchDelivery;
  readonly #ending = new AbortController();
  /** By `topic/partition`: the delivery under way, which never rejects. */
  readonly #underWay = new Map<string, Promise<void>>();
  #handlers: ReadonlyMap<string, BatchHandler> = new Map();
  #listener: (status: ConsumptionStatus) => void = () => undefined;
  #status: ConsumptionStatus | 'starting' = 'starting';
  #lastSignMs = 0;
  /** Counts the consumer's lives, to tell whether it came back after a stop. */
  #lives = 0;

  constructor(private readonly options: ConsumptionOptions) {
    const { clock, log, deadLetters, isTransient } = options;
    const { random = Math.random, meter = noMeter } = options;
    this.#delivery = new BatchDelivery({ clock, log, deadLetters, isTransient, random, meter });
    this.consumer = patientKafka(options).consumer({
      groupId: options.group,
      sessionTimeout: options.sessionTimeoutMs ?? SESSION_TIMEOUT_MS,
      heartbeatInterval: HEARTBEAT_MS,
      rebalanceTimeout: REBALANCE_TIMEOUT_MS,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      maxBytes: FETCH_MAX_BYTES,
      maxBytesPerPartition: FETCH_PARTITION_MAX_BYTES,
      allowAutoTopicCreation: false,
    });
    this.#watch();
  }

  onStatus(listener: (status: ConsumptionStatus) => void): void {
    this.#listener = listener;
  }

  /** Joins the group; waits for a broker that is away and says so. A new group begins at offset 0. */
  async start(handlers: ReadonlyMap<string, BatchHandler>): Promise<void> {
    this.#handlers = handlers;
    await this.#join();
  }

  async #join(): Promise<void> {
    const { topics } = this.options;
    const { signal } = this.#ending;
    await connectPatiently('the consumer', () => this.consumer.connect(), this.options, signal);
    await connectPatiently(
      'the subscription',
      () => this.consumer.subscribe({ topics: [...topics], fromBeginning: true }),
      this.options,
      signal,
    );
    await this.consumer.run({
      autoCommit: true,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: PARTITIONS_AT_ONCE,
      eachBatch: (payload) => this.#eachBatch(payload),
    });
  }

  /** No further call of a handler; resolves when those under way are over. Stays in the group. */
  async stopTaking(): Promise<void> {
    this.#ending.abort();
    try {
      // Else what is left lying would be fetched again and again until the group is left.
      this.consumer.pause(this.options.topics.map((topic) => ({ topic })));
    } catch {
      // It does not run, so it fetches nothing.
    }
    await Promise.all(this.#underWay.values());
  }

  /** Leaves the group after the calls under way; what they settled is committed before. */
  async close(limitMs: number): Promise<void> {
    const limit = new AbortController();
    this.#ending.abort();
    await Promise.race([
      this.consumer.disconnect().catch((error: unknown) => {
        this.options.log.warn({ err: error }, 'the consumer left its group in disorder');
      }),
      this.options.clock.sleep(limitMs, limit.signal),
    ]);
    limit.abort();
  }

  health(): { readonly live: boolean; readonly ready: boolean; readonly reason?: string } {
    if (this.#status === 'dead') return { live: false, ready: false, reason: 'consumer is dead' };
    const silentMs = this.options.clock.nowMs() - this.#lastSignMs;
    if (this.#status !== 'joined' && silentMs > GROUP_SILENT_MS) {
      return { live: true, ready: false, reason: `consumer is ${this.#status}` };
    }
    if (silentMs > GROUP_SILENT_MS) {
      const reason = `no answer from the broker for ${String(Math.round(silentMs / 1000))} s`;
      return { live: true, ready: false, reason };
    }
    return { live: true, ready: true };
  }

  async #eachBatch(payload: EachBatchPayload): Promise<void> {
    const { topic, partition } = payload.batch;
    const place = `${topic}/${String(partition)}`;
    const stopBeating = this.#beat(payload);
    try {
      // After a rebalance the same partition may come again while its old delivery still ends.
      await this.#underWay.get(place);
      const delivery = this.#deliver(payload, stopBeating.failure);
      this.#underWay.set(
        place,
        delivery.catch(() => undefined),
      );
      await delivery;
    } catch (error) {
      if (!(error instanceof DeliveryEnded)) throw error;
    } finally {
      stopBeating.stop();
    }
  }

  async #deliver(payload: EachBatchPayload, beatFailure: () => unknown): Promise<void> {
    const { topic, partition, messages } = payload.batch;
    const handler = this.#handlers.get(topic);
    if (handler === undefined) throw new Error(`no handler for topic ${topic}`);
    const incoming = messages.map((message) => incomingOf(topic, partition, message));
    await this.#delivery.deliver(incoming, handler, {
      mayGoOn: () => {
        if (this.#ending.signal.aborted || !payload.isRunning() || payload.isStale()) {
          throw new DeliveryEnded();
        }
        // kafkajs knows what to do about it: join again, look for the broker.
        const failure = beatFailure();
        if (failure !== undefined) throw failure as Error;
      },
      settled: (message) => {
        payload.resolveOffset(message.offset);
      },
      signal: this.#ending.signal,
    });
  }

  /** Heartbeats go on while a handler works: kafkajs sends them only between messages. */
  #beat(payload: EachBatchPayload): { stop: () => void; failure: () => unknown } {
    let failure: unknown;
    const timer = setInterval(() => {
      payload.heartbeat().catch((error: unknown) => {
        failure ??= error;
      });
    }, HEARTBEAT_MS / 2);
    return {
      stop: () => {
        clearInterval(timer);
      },
      failure: () => failure,
    };
  }

  #watch(): void {
    const { consumer } = this;
    const { HEARTBEAT, FETCH, GROUP_JOIN, REBALANCING, CRASH, STOP, DISCONNECT } = consumer.events;
    const sign = (): void => {
      this.#lastSignMs = this.options.clock.nowMs();
    };
    consumer.on(HEARTBEAT, sign);
    consumer.on(FETCH, sign);
    consumer.on(GROUP_JOIN, () => {
      sign();
      this.#lives += 1;
      this.#become('joined');
    });
    consumer.on(REBALANCING, () => {
      this.#become('rebalancing');
    });
    consumer.on(CRASH, (event) => {
      this.#crashed(event);
    });
    const stopped = (): void => void this.#stopped();
    consumer.on(STOP, stopped);
    consumer.on(DISCONNECT, stopped);
  }

  #crashed(event: ConsumerCrashEvent): void {
    const { error, restart } = event.payload;
    this.options.log.warn({ err: error, restart }, 'the consumer crashed');
    if (!restart && !isCoordinatorAway(error)) {
      this.#die(error);
      return;
    }
    this.#lives += 1;
    this.#become('crashed');
    if (!restart) void this.#revive();
  }

  /** What kafkajs gives up although the broker alone is away: joined anew, however long it takes. */
  async #revive(): Promise<void> {
    const { signal } = this.#ending;
    await this.options.clock.sleep(CONNECT_PAUSE_MS, signal);
    if (signal.aborted) return;
    try {
      await this.#join();
    } catch (error) {
      this.#die(error as Error);
    }
  }

  /** kafkajs stops before it says that it crashed, and whether it will come back. */
  async #stopped(): Promise<void> {
    const lives = this.#lives;
    await this.options.clock.sleep(CRASH_REPORT_LIMIT_MS, this.#ending.signal);
    if (this.#lives === lives) this.#die(new Error('the consumer stopped and gave no reason'));
  }

  #die(error: Error): void {
    if (this.#status === 'dead' || this.#ending.signal.aborted) return;
    this.#become('dead');
    this.options.log.error({ err: error }, 'the consumer is dead');
    this.options.onDead(error);
  }

  #become(status: ConsumptionStatus): void {
    if (this.#status === status || this.#status === 'dead') return;
    this.#status = status;
    this.#listener(status);
  }
}
