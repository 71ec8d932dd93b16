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
 * Two sends in flight on one idempotent producer. The broker takes a sequence number that it has
 * seen for a repeated batch: it acknowledges it and writes nothing. A send whose answer is lost
 * hands its number back, and the next send goes out under it.
 */
class PipeliningProducer extends MessageProducer {
  /** Of the next batch that is sent. */
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
    const half = Math.ceil(messages.length / 2);
    await Promise.all([this.#send(messages.slice(0, half)), this.#send(messages.slice(half))]);
  }

  override isConnected(): boolean {
    return this.honest.isConnected();
  }

  async #send(batch: readonly BusMessage[]): Promise<void> {
    if (batch.length === 0) return;
    for (;;) {
      const sequence = this.#sequence++;
      if (sequence <= this.#seen) return;
      try {
        // A connection of its own each, or the twin would send one after the other.
        await this.place.bus.producer(this.place.owner).publish(batch);
        this.#seen = Math.max(this.#seen, sequence);
        return;
      } catch {
        if (this.#isWritten(batch)) this.#seen = Math.max(this.#seen, sequence);
        this.#sequence = sequence;
      }
    }
  }

  #isWritten(batch: readonly BusMessage[]): boolean {
    return batch.every(({ topic, value }) =>
      this.place.bus.contents(topic).some((there) => there.value?.equals(Buffer.from(value))),
    );
  }
}
