/**
 * One piece of work at a time for each key. New work tells the present one to stop, waits until it
 * has, and takes its place.
 */
export class SerialWork {
  readonly #present = new Map<string, { readonly stop: AbortController; done: Promise<void> }>();

  /**
   * @param work must come to its end soon after `signal`, and must not throw
   */
  run(key: string, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const before = this.#present.get(key);
    before?.stop.abort();
    const stop = new AbortController();
    const done = (before?.done ?? Promise.resolve())
      .then(() => work(stop.signal))
      .finally(() => {
        if (this.#present.get(key)?.stop === stop) this.#present.delete(key);
      });
    this.#present.set(key, { stop, done });
    return done;
  }

  /** Tells the present work to stop and waits until it has. */
  async stop(key: string): Promise<void> {
    const present = this.#present.get(key);
    present?.stop.abort();
    await present?.done;
  }
}

/** The key of all work on one instance. */
export function instanceWork(fleet: string, instanceId: string): string {
  return `${fleet}/${instanceId}`;
}

/** The key of all work on a fleet's sets. */
export function setWork(fleet: string): string {
  return fleet;
}
