import { Clock } from './clock.js';

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

/** Turns of the promise queue that are enough for code between two sleeps to come to rest. */
const TURNS_TO_REST = 50;

/** A clock that stands still until a test moves it. */
export class SteppedClock extends Clock {
  #sleepers: Sleeper[] = [];

  constructor(private now = 0) {
    super();
  }

  override nowMs(): number {
    return this.now;
  }

  override sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const sleeper = { dueMs: this.now + Math.max(0, ms), wake: resolve };
      this.#sleepers.push(sleeper);
      signal?.addEventListener('abort', () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        resolve();
      });
    });
  }

  /** How many sleep at the moment. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  /** Moves time on by `ms`, waking sleepers in the order in which they are due. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.now + ms;
    await this.settle();
    for (;;) {
      const due = this.#sleepers.filter((sleeper) => sleeper.dueMs <= untilMs);
      if (due.length === 0) break;
      const next = due.reduce((first, other) => (other.dueMs < first.dueMs ? other : first));
      this.#sleepers = this.#sleepers.filter((other) => other !== next);
      this.now = Math.max(this.now, next.dueMs);
      next.wake();
      await this.settle();
    }
    this.now = untilMs;
  }

  /** Lets all promises that can go on do so, without time passing. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < TURNS_TO_REST; turn += 1) await Promise.resolve();
  }
}
