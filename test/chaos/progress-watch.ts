/** Follows the progress topic from its beginning, as anybody outside the product would. */
import { ProgressEvent } from '#contracts/progress.messages.js';
import { TOPICS } from '#contracts/topics.js';
import type { IncomingMessage } from '#messaging/incoming-message.js';
import { hastyKafka } from '#messaging/kafka-client.js';
import { tailTopic } from '#messaging/tail.js';
import { readTopic } from '#messaging/topic-range.js';
import { silentLog } from '#runtime/log.js';
import type { HistoryFile } from './history.js';

export interface ProgressSeen {
  readonly status: string;
  readonly percentage: number;
}

export class ProgressWatch {
  /** Told of each event that was not seen before. */
  onEvent: (event: ProgressEvent) => void = () => undefined;
  readonly #seen = new Map<string, ProgressSeen>();
  readonly #places = new Set<string>();
  readonly #ids = new Set<string>();
  #stop: () => Promise<void> = () => Promise.resolve();

  private constructor(
    private readonly history: HistoryFile,
    private readonly brokers: string,
  ) {}

  static async of(history: HistoryFile, brokers: string): Promise<ProgressWatch> {
    const watch = new ProgressWatch(history, brokers);
    const tail = await tailTopic(brokers.split(','), TOPICS.progress, watch.#hear, {
      from: 'beginning',
    });
    watch.#stop = () => tail.stop();
    return watch;
  }

  /** How many different events were seen. */
  get events(): number {
    return this.#ids.size;
  }

  of(executionId: string): ProgressSeen | undefined {
    return this.#seen.get(executionId);
  }

  /** Reads what the topic holds and this watch has missed; the broker must be there. */
  async readRest(): Promise<void> {
    const kafka = hastyKafka({
      ...{ brokers: this.brokers.split(','), clientId: 'chaos', log: silentLog },
    });
    for (const message of await readTopic(kafka, TOPICS.progress)) this.#hear(message);
  }

  stop(): Promise<void> {
    return this.#stop();
  }

  readonly #hear = ({ partition, offset, key, value }: IncomingMessage): void => {
    const place = `${String(partition)}/${offset}`;
    // It may be delivered again; written again it would have another place.
    if (this.#places.has(place)) return;
    this.#places.add(place);
    const text = value?.toString() ?? '';
    this.history.add({ kind: 'EVENT', partition, offset, key, text });
    const event = eventOf(text);
    if (event === undefined || this.#ids.has(event.id)) return;
    this.#ids.add(event.id);
    const { executionId, executionStatus: status, progress } = event.data;
    this.#seen.set(executionId, { status, percentage: progress.percentage });
    this.onEvent(event);
  };
}

function eventOf(text: string): ProgressEvent | undefined {
  try {
    return ProgressEvent.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
