import type { Clock } from '#runtime/clock.js';
import type { Log } from '#runtime/log.js';
import { PROXY_LIMITS } from '../fleet-agent-limits.js';
import { ProxyUnreachableError, type EdgeProxy } from '../proxy/edge-proxy.client.js';
import { routesOf } from './fleet-record.js';
import type { FleetsStore } from './fleets.store.js';

/** Has the edge proxy know where each fleet's traffic goes. */
export class Routes {
  readonly #store: FleetsStore;
  readonly #proxy: EdgeProxy;
  readonly #clock: Clock;
  readonly #log: Log;
  /** The last order of routes of each fleet. */
  readonly #orders = new Map<string, Promise<void>>();

  constructor(store: FleetsStore, proxy: EdgeProxy, clock: Clock, log: Log) {
    this.#store = store;
    this.#proxy = proxy;
    this.#clock = clock;
    this.#log = log;
  }

  /**
   * Hands the fleet's routes to the proxy as they are when their turn comes. One order at a time:
   * an older table that arrived after a newer one would send traffic to what was just drained.
   */
  route(fleet: string): Promise<void> {
    const before = this.#orders.get(fleet) ?? Promise.resolve();
    const told = before.catch(() => undefined).then(() => this.#routeNow(fleet));
    this.#orders.set(fleet, told);
    return told.finally(() => {
      if (this.#orders.get(fleet) === told) this.#orders.delete(fleet);
    });
  }

  /** Tries until the proxy knows the fleet's routes, or until `signal`. */
  async routed(fleet: string, signal: AbortSignal): Promise<void> {
    await this.told(signal, () => this.route(fleet));
  }

  /** Tries until the proxy has been told; null when broken off. A dead proxy is started again. */
  async told<T>(signal: AbortSignal, order: () => Promise<T>): Promise<T | null> {
    while (!signal.aborted) {
      try {
        return await order();
      } catch (error) {
        if (!(error instanceof ProxyUnreachableError)) throw error;
        if (isAborted(signal)) break;
        this.#log.warn({ err: error }, 'the edge proxy cannot be told, trying again');
        await this.#clock.sleep(PROXY_LIMITS.retryMs, signal);
        await this.#proxy.ensure().catch(() => undefined);
      }
    }
    return null;
  }

  /** Keeps the ports that the proxy answers. */
  async #routeNow(fleet: string): Promise<void> {
    const record = this.#store.find(fleet);
    if (record === undefined) return;
    const told = await this.#proxy.tell(fleet, routesOf(record));
    const portOfSet = new Map(told.sets.map(({ name, port }) => [name, port]));
    const isKnown =
      told.port === record.trafficPort &&
      record.sets.every(({ name, port }) => portOfSet.get(name) === port);
    if (isKnown) return;
    this.#store.change(fleet, (before) => ({
      ...before,
      trafficPort: told.port,
      sets: before.sets.map(({ name, port }) => ({ name, port: portOfSet.get(name) ?? port })),
    }));
    await this.#store.save(fleet);
  }
}

/** Asked by a function, because the compiler takes the answer of a property for lasting. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
