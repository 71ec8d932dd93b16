import type { Kafka } from 'kafkajs';
import { withAdmin } from './loose-reader.js';

/**
 * The topics that are known to exist. Asked before anything is sent: for kafkajs a missing topic is
 * a passing fault, so one wrong name would hold up all that waits behind it for ever.
 */
export class KnownTopics {
  readonly #names = new Set<string>();

  constructor(private readonly kafka: Kafka) {}

  /** Those of `topics` that do not exist. Asks the broker only about names it has not met. */
  async missing(topics: ReadonlySet<string>): Promise<ReadonlySet<string>> {
    if (this.#unmet(topics).size === 0) return new Set();
    for (const name of await withAdmin(this.kafka, (admin) => admin.listTopics())) {
      if (topics.has(name)) this.#names.add(name);
    }
    return this.#unmet(topics);
  }

  #unmet(topics: ReadonlySet<string>): ReadonlySet<string> {
    return new Set([...topics].filter((topic) => !this.#names.has(topic)));
  }
}
