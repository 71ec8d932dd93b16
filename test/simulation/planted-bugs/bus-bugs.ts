/** Bugs behind the bus: how messages are sent, and when they count as taken. */
import { type BusMessage, MessageProducer } from '#messaging/message-bus.js';
import type { PlantedBug, Place } from './planted-bug.js';

export const BUS_BUGS: readonly PlantedBug[] = [
  {
    name: 'second-send-in-flight',
    what: 'sends the next batch while the answer to the last is still out, as kafkajs lets it',
    caughtBy: ['I2', 'I3'],
    seedsMax: 40,
    plant: () => ({
      producer: (producer, place) => new PipeliningProducer(producer, place),
    }),
  },
  {
    name: 'acknowledged-before-the-commit',
    what: 'takes messages for handled when it has begun with them',
    caughtBy: ['I2'],
    seedsMax: 20,
    plant: () => ({
      consumer: (take) => (messages) => {
        void take(messages).catch(() => undefined);
        return Promise.resolve();
      },
    }),
  },
];

/**
 * Many sends in flight on one idempotent producer, one for each message. The broker takes a sequence
 * number that it has seen for a repeated send: it acknowledges it and writes nothing. A send whose
 * answer is lost hands its number back, and whichever comes next goes out under it.
 */
class PipeliningProducer extends MessageProducer {
  /** Of the next send. */
  #sequence = 0;
  /** What the broker has seen of this producer. */
  #seen = -1;

  constructor(
    private readonly honest: MessageProducer,
    private readonly place: Place,
  ) {
    super();
  }

  override async publish(messages: readonly BusMessage[]): Promise<void> {
    await Promise.all(messages.map((message) => this.#send(message, this.#sequence++)));
  }

  override isConnected(): boolean {
    return this.honest.isConnected();
  }

  async #send(message: BusMessage, sequence: number): Promise<void> {
    if (sequence <= this.#seen) return;
    try {
      await this.honest.publish([message]);
      this.#seen = Math.max(this.#seen, sequence);
    } catch {
      if (this.#isWritten(message)) this.#seen = Math.max(this.#seen, sequence);
      this.#sequence = sequence;
      await this.#send(message, this.#sequence++);
    }
  }

  #isWritten({ topic, value }: BusMessage): boolean {
    const bytes = Buffer.from(value);
    return this.place.bus.contents(topic).some((there) => there.value?.equals(bytes));
  }
}
