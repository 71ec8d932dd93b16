/** What is away as a whole for a while: a service's database, the broker, a target. */
import type { Clock } from '#runtime/clock.js';

/** Whoever waits for the end looks again after this, so that healing is noticed. */
const LOOK_EVERY_MS = 1_000;

export class Outages {
  readonly #untilMs = new Map<string, number>();

  constructor(private readonly clock: Clock) {}

  /** @param what `database of validator`, `broker`, `target acme/…` */
  begin(what: string, forMs: number): void {
    this.#untilMs.set(what, Math.max(this.#untilMs.get(what) ?? 0, this.clock.nowMs() + forMs));
  }

  isAway(what: string): boolean {
    return (this.#untilMs.get(what) ?? 0) > this.clock.nowMs();
  }

  /** Resolves when it is back. */
  async over(what: string): Promise<void> {
    while (this.isAway(what)) {
      const leftMs = (this.#untilMs.get(what) ?? 0) - this.clock.nowMs();
      await this.clock.sleep(Math.min(LOOK_EVERY_MS, leftMs));
    }
  }

  /** Everything is back. */
  heal(): void {
    this.#untilMs.clear();
  }
}
