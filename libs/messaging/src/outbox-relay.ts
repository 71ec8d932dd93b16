import type { Clock } from '#runtime/clock.js';
import { deadLetterOf } from './dead-letters.js';
import type { BusMessage, MessageProducer } from './message-bus.js';
import { bytesOf as bytesOfMessage } from './message-size.js';
import {
  MESSAGE_MAX_BYTES,
  RELAY_BATCHES_PER_RUN,
  RELAY_BATCH_BYTES,
  RELAY_BATCH_MAX_ROWS,
  RELAY_POLL_MS,
} from './messaging-limits.js';
import type { MessagingMeter } from './messaging-meter.js';

/** One row of the outbox with the messages it stands for; there may be none. */
export interface OutboxEntry {
  readonly id: string;
  readonly messages: readonly BusMessage[];
}

/** The outbox of the shards this process owns. Port and injection token. */
export abstract class OutboxSource {
  /**
   * The oldest entries but those in `except`, in the order they must be sent in, and leaves them
   * where they are: at most `limit`, and no further one once the values of their messages have
   * reached `bytes`. Fewer means that no more are there.
   *
   * `except` is what is being sent right now, at most RELAY_BATCH_MAX_ROWS: still the oldest rows,
   * so a query asks for that many more, but they need not be made into messages again.
   */
  abstract take(limit: number, bytes: number, except: ReadonlySet<string>): Promise<OutboxEntry[]>;

  /** Removes entries that the broker has acknowledged. */
  abstract done(ids: string[]): Promise<void>;
}

interface Batch {
  readonly entries: readonly OutboxEntry[];
  readonly messages: readonly BusMessage[];
  /** Whether there may be more behind it. */
  readonly isFull: boolean;
}

/**
 * Sends what stands in the outbox and then removes it, never the other way round: a crash between
 * the two sends an event twice, with the same id, and loses none.
 *
 * While one batch is produced, the one before is removed and the next is read; there is never more
 * than one publish under way, and batches go in the order they were taken in, so the order of a key
 * is the order of its rows.
 */
export class OutboxRelay {
  #running: Promise<number> | undefined;
  /** Whether the last run ended by its bound and not for want of rows. */
  #isCutShort = false;

  constructor(
    private readonly source: OutboxSource,
    private readonly producer: MessageProducer,
    private readonly clock: Clock,
    private readonly meter: Pick<MessagingMeter, 'relayed'>,
  ) {}

  /**
   * Relays what is there, at most RELAY_BATCHES_PER_RUN batches, and resolves to the number of
   * entries sent and removed. Rejects at the first fault; what was not removed is sent again by the
   * next run. A call while one runs joins it.
   */
  relayOnce(): Promise<number> {
    this.#running ??= this.#relay().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** The work of a `Loop`: relays, and asks to be run again at once or at the next poll. */
  readonly work = async (): Promise<number> => {
    await this.relayOnce();
    return this.#isCutShort ? 0 : RELAY_POLL_MS;
  };

  async #relay(): Promise<number> {
    let current = await this.#take([]);
    let sent: readonly OutboxEntry[] = [];
    let relayed = 0;
    this.#isCutShort = false;
    for (let batches = 0; current.entries.length > 0; batches += 1) {
      if (batches === RELAY_BATCHES_PER_RUN) {
        this.#isCutShort = true;
        break;
      }
      const next = await this.#sendWhilePreparing(current, sent);
      relayed += sent.length;
      sent = current.entries;
      current = next;
    }
    await this.#remove(sent);
    return relayed + sent.length;
  }

  /** Publishes `current`; beside that removes what was sent before and reads what comes next. */
  async #sendWhilePreparing(current: Batch, sent: readonly OutboxEntry[]): Promise<Batch> {
    const startedMs = this.clock.nowMs();
    const publish =
      current.messages.length === 0 ? undefined : this.producer.publish(current.messages);
    const [published, prepared] = await Promise.allSettled([
      publish,
      this.#remove(sent).then(() => (current.isFull ? this.#take(current.entries) : EMPTY_BATCH)),
    ]);
    // What was acknowledged although the preparing failed stays in the outbox and is sent again:
    // doubles are allowed, and a removal that just failed would likely fail once more.
    if (published.status === 'rejected') throw published.reason;
    if (prepared.status === 'rejected') throw prepared.reason;
    const seconds = (this.clock.nowMs() - startedMs) / 1000;
    this.meter.relayed(current.entries.length, current.messages.length, seconds);
    return prepared.value;
  }

  /** Reads the next entries behind those under way, which still stand in the outbox. */
  async #take(underWay: readonly OutboxEntry[]): Promise<Batch> {
    const except = new Set(underWay.map((entry) => entry.id));
    const taken = await this.source.take(RELAY_BATCH_MAX_ROWS, RELAY_BATCH_BYTES, except);
    const entries = taken.filter((entry) => !except.has(entry.id));
    const isFull = taken.length >= RELAY_BATCH_MAX_ROWS || bytesOf(taken) >= RELAY_BATCH_BYTES;
    const messages = entries.flatMap((entry) => entry.messages);
    return { entries, messages: messages.map((message) => this.#sendable(message)), isFull };
  }

  /** One that no topic takes would hold up all behind it for ever: its dead letter goes instead. */
  #sendable(message: BusMessage): BusMessage {
    const { topic, key, headers = {} } = message;
    if (message.value.length < MESSAGE_MAX_BYTES / 4) return message;
    const bytes = bytesOfMessage(message);
    if (bytes <= MESSAGE_MAX_BYTES) return message;
    const reason = `too large to be sent: ${String(bytes)} bytes`;
    const value = Buffer.from(message.value);
    const unsent = { topic, key, headers, value, partition: NOWHERE, offset: '0' };
    return deadLetterOf(unsent, reason, this.clock.nowMs());
  }

  async #remove(entries: readonly OutboxEntry[]): Promise<void> {
    if (entries.length > 0) await this.source.done(entries.map((entry) => entry.id));
  }
}

/** The partition of what has never been in its topic. */
const NOWHERE = -1;

const EMPTY_BATCH: Batch = { entries: [], messages: [], isFull: false };

function bytesOf(entries: readonly OutboxEntry[]): number {
  let bytes = 0;
  for (const entry of entries) {
    for (const message of entry.messages) bytes += message.value.length;
  }
  return bytes;
}
