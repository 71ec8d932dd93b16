/** Bounds of a Coalescer. Weight is whatever `weigh` counts, bytes say; left out, each item is 1. */
export interface CoalescerBounds<In> {
  /** Most items handed to one flush. */
  readonly maxGroup: number;
  /** Most items that may wait. */
  readonly maxQueue: number;
  readonly weigh?: (item: In) => number;
  /** Most weight in one flush; an item heavier than that goes alone. */
  readonly maxGroupWeight?: number;
  /** Most weight that may wait. */
  readonly maxQueueWeight?: number;
}

/** The queue is full: nothing was taken, ask again later. */
export class OverloadedError extends Error {
  override readonly name = 'OverloadedError';
}

interface Waiting<In, Out> {
  readonly item: In;
  readonly weight: number;
  readonly resolve: (out: Out) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Takes many single asks and hands them over in groups: while one group is under way the next
 * gathers, so that under load many share one round trip and without load nobody waits.
 * Items keep their order.
 */
export class Coalescer<In, Out> {
  #queue: Waiting<In, Out>[] = [];
  #queueWeight = 0;
  #draining: Promise<void> | undefined;

  /**
   * @param flush does the work of one group, one group at a time; answers in the group's order. If
   *   it throws, everybody in that group gets the error, and the next group is tried all the same.
   */
  constructor(
    private readonly flush: (items: In[]) => Promise<readonly Out[]>,
    private readonly bounds: CoalescerBounds<In>,
  ) {}

  /** How many items wait; those under way do not count. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Resolves to the item's own answer; rejects with OverloadedError when the queue is full. */
  push(item: In): Promise<Out> {
    const weight = this.bounds.weigh?.(item) ?? 1;
    const { maxQueue, maxQueueWeight = Infinity } = this.bounds;
    const isFull =
      this.#queue.length >= maxQueue ||
      (this.#queue.length > 0 && this.#queueWeight + weight > maxQueueWeight);
    if (isFull) {
      return Promise.reject(
        new OverloadedError(
          `queue is full: ${String(this.#queue.length)} of at most ${String(maxQueue)} wait`,
        ),
      );
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ item, weight, resolve, reject });
      this.#queueWeight += weight;
      this.#draining ??= this.#drain();
    });
  }

  /** Resolves when nothing waits and nothing is under way. */
  async idle(): Promise<void> {
    while (this.#draining !== undefined) await this.#draining;
  }

  async #drain(): Promise<void> {
    // What is pushed in the same turn belongs to the same group.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const group = this.#takeGroup();
      try {
        const answers = await this.flush(group.map((waiting) => waiting.item));
        if (answers.length !== group.length) {
          throw new Error(
            `flush answered ${String(answers.length)} of ${String(group.length)} items`,
          );
        }
        group.forEach((waiting, index) => {
          waiting.resolve(answers[index] as Out);
        });
      } catch (error) {
        for (const waiting of group) waiting.reject(error);
      }
    }
    this.#draining = undefined;
  }

  #takeGroup(): Waiting<In, Out>[] {
    const { maxGroup, maxGroupWeight = Infinity } = this.bounds;
    let count = 0;
    let weight = 0;
    for (const waiting of this.#queue) {
      if (count >= maxGroup || (count > 0 && weight + waiting.weight > maxGroupWeight)) break;
      count += 1;
      weight += waiting.weight;
    }
    this.#queueWeight -= weight;
    return this.#queue.splice(0, count);
  }
}
