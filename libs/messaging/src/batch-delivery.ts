import type { Clock } from '#runtime/clock.js';
import type { Log } from '#runtime/log.js';
import { pauseBeforeRetryMs } from '#runtime/retry.js';
import type { DeadLetters } from './dead-letters.js';
import type { IncomingMessage } from './incoming-message.js';
import {
  DEAD_LETTER_REASON_LENGTH,
  HANDLER_BATCH_MAX,
  HANDLER_FIRST_PAUSE_MS,
  HANDLER_PAUSE_MAX_MS,
} from './messaging-limits.js';
import type { MessagingMeter } from './messaging-meter.js';

/**
 * Handles messages of one partition in offset order, at most HANDLER_BATCH_MAX a call; resolves
 * when the effects of all of them are committed, throws when those of none are.
 */
export type BatchHandler = (messages: IncomingMessage[]) => Promise<void>;

/** How failures of handlers are judged, and what is done about them. */
export interface DeliveryRules {
  /** Whether the fault may pass by itself. What is not transient makes a message a dead letter. */
  readonly isTransient: (error: unknown) => boolean;
  readonly deadLetters: DeadLetters;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly meter: MessagingMeter;
}

/** The side of a delivery that knows the consumer. */
export interface Consumption {
  /** Asked before each call of the handler: throws when the delivery must end here. */
  readonly mayGoOn: () => void;
  /** All up to and with this message is settled: handled, or a dead letter. */
  readonly settled: (message: IncomingMessage) => void;
  /** Cuts pauses short when the delivery must end. */
  readonly signal: AbortSignal;
}

const TRANSIENT_NAMES: ReadonlySet<string> = new Set(['TransientDatabaseError', 'OverloadedError']);

/** The usual judge: the database's passing faults and full queues, also as a cause. */
export function isTransientFault(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (TRANSIENT_NAMES.has(cause.name)) return true;
  }
  return false;
}

/**
 * Hands the messages of one partition to a handler so that one bad message holds up nobody: a
 * passing fault is tried again without end, since the next message would meet it too; a lasting one
 * splits the call in halves until the bad message stands alone and becomes a dead letter.
 */
export class BatchDelivery {
  constructor(private readonly rules: DeliveryRules) {}

  /** Resolves when all are settled; throws only what `mayGoOn` throws. */
  async deliver(
    messages: readonly IncomingMessage[],
    handle: BatchHandler,
    consumption: Consumption,
  ): Promise<void> {
    for (let start = 0; start < messages.length; start += HANDLER_BATCH_MAX) {
      await this.#settle(messages.slice(start, start + HANDLER_BATCH_MAX), handle, consumption);
    }
  }

  async #settle(
    messages: IncomingMessage[],
    handle: BatchHandler,
    consumption: Consumption,
  ): Promise<void> {
    const [first] = messages;
    const last = messages.at(-1);
    if (first === undefined || last === undefined) return;
    const failure = await this.#handle(messages, handle, consumption);
    if (failure === undefined) {
      consumption.settled(last);
    } else if (messages.length === 1) {
      await this.#bury(first, reasonOf(failure.error), consumption);
      consumption.settled(first);
    } else {
      const half = Math.ceil(messages.length / 2);
      await this.#settle(messages.slice(0, half), handle, consumption);
      await this.#settle(messages.slice(half), handle, consumption);
    }
  }

  /** Undefined when handled, else the lasting fault. */
  async #handle(
    messages: IncomingMessage[],
    handle: BatchHandler,
    consumption: Consumption,
  ): Promise<{ error: unknown } | undefined> {
    const { clock, isTransient, meter } = this.rules;
    const topic = messages[0]?.topic ?? '';
    for (let attempt = 1; ; attempt += 1) {
      consumption.mayGoOn();
      const startedMs = clock.nowMs();
      try {
        await handle(messages);
        meter.handled(topic, messages.length, (clock.nowMs() - startedMs) / 1000);
        return undefined;
      } catch (error) {
        if (!isTransient(error)) return { error };
        meter.retried(topic);
        await this.#pause(error, attempt, messages, consumption);
      }
    }
  }

  async #bury(message: IncomingMessage, reason: string, consumption: Consumption): Promise<void> {
    const { deadLetters, log, meter } = this.rules;
    for (let attempt = 1; ; attempt += 1) {
      consumption.mayGoOn();
      try {
        await deadLetters.bury(message, reason);
        meter.buried(message.topic);
        log.warn({ ...placeOf(message), reason }, 'message became a dead letter');
        return;
      } catch (error) {
        // Whatever the fault, going on without the letter would lose the message.
        await this.#pause(error, attempt, [message], consumption);
      }
    }
  }

  async #pause(
    error: unknown,
    attempt: number,
    messages: readonly IncomingMessage[],
    consumption: Consumption,
  ): Promise<void> {
    const pauseMs = pauseBeforeRetryMs(attempt, this.rules.random, {
      firstPauseMs: HANDLER_FIRST_PAUSE_MS,
      maxPauseMs: HANDLER_PAUSE_MAX_MS,
    });
    const [first] = messages;
    const place = first === undefined ? {} : placeOf(first);
    const fields = { ...place, messages: messages.length, attempt, pauseMs, err: error };
    this.rules.log.warn(fields, 'handling failed for a passing reason, trying again');
    await this.rules.clock.sleep(pauseMs, consumption.signal);
  }
}

function placeOf(message: IncomingMessage): Record<string, unknown> {
  return { topic: message.topic, partition: message.partition, offset: message.offset };
}

function reasonOf(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return text.slice(0, DEAD_LETTER_REASON_LENGTH);
}
