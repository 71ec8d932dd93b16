/** Clients that never stop asking a fleet; what they lose is told as soon as it is known. */
import { setTimeout as sleep } from 'node:timers/promises';
import { startLoad, type Load } from '../../tools/demo/load.js';
import type { HistoryFile } from './history.js';

const LOOK_EVERY_MS = 200;
/** Few and unhurried: the machine has upgrades to run. */
const CLIENTS = { kept: 2, fresh: 1, slow: 1, pauseMs: 40, slowMs: 400 };

export class LoadWatch {
  readonly #load: Load;
  readonly #ending = new AbortController();
  readonly #watching: Promise<void>;
  #told = 0;

  constructor(
    private readonly history: HistoryFile,
    private readonly fleet: string,
    url: string,
  ) {
    this.#load = startLoad({ url, ...CLIENTS });
    this.#watching = this.#watch();
  }

  get served(): number {
    return this.#load.read().served;
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#watching;
    await this.#load.stop();
    this.#tell(true);
  }

  async #watch(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      this.#tell(false);
      await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  #tell(isLast: boolean): void {
    const { served, dropped, problems } = this.#load.read();
    if (dropped === this.#told && !isLast) return;
    this.#told = dropped;
    const told = { fleet: this.fleet, served, dropped, problems: problems.slice(0, 1) };
    this.history.add({ kind: 'LOAD', ...told });
  }
}
