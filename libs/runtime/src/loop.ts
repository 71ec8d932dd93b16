import type { Clock } from './clock.js';
import { LOOP_BACKOFF_FIRST_MS, LOOP_BACKOFF_MAX_MS, LOOP_PAUSE_MAX_MS } from './runtime-limits.js';

/**
 * A ticker's loop: runs `work`, pauses for as long as it asked, runs it again. Runs never overlap.
 *
 * It has no timer of its own, only `clock.sleep` and promises, so it takes the same steps in the
 * same order under a virtual clock.
 */
export class Loop {
  #running: Promise<void> | undefined;
  #stopping = false;
  #woken = false;
  #failuresInARow = 0;
  /** Set while the loop pauses and a wake may cut the pause short. */
  #pause: AbortController | undefined;
  #backingOff = false;

  /**
   * @param work one run; resolves to the pause before the next in ms (0: at once after giving way;
   *   Infinity: when woken, at the latest after LOOP_PAUSE_MAX_MS)
   * @param onError told of every failed run; the loop goes on after a pause of LOOP_BACKOFF_FIRST_MS
   *   doubled up to LOOP_BACKOFF_MAX_MS. It must not throw.
   */
  constructor(
    readonly name: string,
    private readonly work: () => Promise<number>,
    private readonly clock: Clock,
    private readonly onError: (error: unknown, loop: string) => void,
  ) {}

  /** Begins with a first run. A second start, or one after `stop`, is a mistake and throws. */
  start(): void {
    if (this.#running !== undefined || this.#stopping) {
      throw new Error(`loop ${this.name} was started before`);
    }
    this.#running = this.#run();
  }

  /**
   * Runs the work at once; any number of wakes before that run are one. A wake during a run runs
   * the work once more after it. A wake while failed runs are backed off from waits for the end of
   * that pause: whoever wakes often must not turn a fault into a storm.
   */
  wake(): void {
    this.#woken = true;
    // A reason of its own: without one an error is made, stack and all, that nobody looks at.
    if (!this.#backingOff) this.#pause?.abort('woken');
  }

  /** Ends the loop after the run under way. Resolves when it has ended; may be called twice. */
  stop(): Promise<void> {
    this.#stopping = true;
    this.#pause?.abort();
    return this.#running ?? Promise.resolve();
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      this.#woken = false;
      const pauseMs = await this.#runOnce();
      if (this.#mustGoOnAtOnce()) continue;
      this.#pause = new AbortController();
      await this.clock.sleep(pauseMs, this.#pause.signal);
      this.#pause = undefined;
      this.#backingOff = false;
    }
  }

  /** Asked after every run, and a method so that the flags count as changed meanwhile. */
  #mustGoOnAtOnce(): boolean {
    return this.#stopping || (this.#woken && !this.#backingOff);
  }

  async #runOnce(): Promise<number> {
    try {
      const pauseMs = await this.work();
      this.#failuresInARow = 0;
      return pauseMs > 0 ? Math.min(pauseMs, LOOP_PAUSE_MAX_MS) : 0;
    } catch (error) {
      const backoffMs = LOOP_BACKOFF_FIRST_MS * 2 ** this.#failuresInARow;
      if (backoffMs < LOOP_BACKOFF_MAX_MS) this.#failuresInARow += 1;
      this.#backingOff = true;
      this.onError(error, this.name);
      return Math.min(backoffMs, LOOP_BACKOFF_MAX_MS);
    }
  }
}
