import { z } from 'zod';
import { readIfThere, writeDurably } from '../processes/durable-file.store.js';
import { FleetRoutes } from './fleet-routes.js';
import { FleetTraffic } from './fleet-traffic.js';
import { metricOver, type Metric } from './traffic-counts.js';

const RoutesFile = z.record(z.string(), FleetRoutes);

/** How a drain stands. */
export interface DrainState {
  readonly underWay: number;
  /** Connections cut by this call. */
  readonly closed: number;
}

/**
 * The traffic of all fleets, and the tables that say where it goes. What it is told it writes down
 * before it says so, because it must go on without the agent, and after its own restart.
 */
export class Traffic {
  readonly #file: string;
  readonly #host: string;
  readonly #fleets = new Map<string, FleetTraffic>();
  #saving: Promise<void> = Promise.resolve();

  /**
   * @param file where the routing tables are kept
   * @param host the address traffic comes in at
   */
  constructor(file: string, host: string) {
    this.#file = file;
    this.#host = host;
  }

  /** Opens the listeners of all tables that were kept. */
  async open(): Promise<void> {
    const text = await readIfThere(this.#file);
    if (text === null) return;
    const kept = RoutesFile.parse(JSON.parse(text));
    for (const [fleet, routes] of Object.entries(kept)) {
      this.#fleets.set(fleet, await FleetTraffic.open(routes, this.#host));
    }
  }

  /** The routes of a fleet from now on; answers them with the ports that were chosen. */
  async tell(fleet: string, routes: FleetRoutes): Promise<FleetRoutes> {
    const known = this.#fleets.get(fleet);
    if (known === undefined) this.#fleets.set(fleet, await FleetTraffic.open(routes, this.#host));
    else await known.tell(routes);
    await this.#save();
    return this.#fleets.get(fleet)?.routes ?? routes;
  }

  /** The fleet is no more; what is under way is cut. */
  async forget(fleet: string): Promise<void> {
    const traffic = this.#fleets.get(fleet);
    if (traffic === undefined) return;
    this.#fleets.delete(fleet);
    await traffic.close();
    await this.#save();
  }

  /**
   * No new requests to this instance from now on; waits for those under way, and cuts them then if
   * asked to. Null when there is no such instance.
   */
  async drain(
    fleet: string,
    id: string,
    { waitMs, close }: { readonly waitMs: number; readonly close: boolean },
  ): Promise<DrainState | null> {
    const upstream = this.#fleets.get(fleet)?.find(id);
    if (upstream === undefined) return null;
    const wasAdmitted = upstream.admitted;
    upstream.takeOff();
    if (wasAdmitted) await this.#save();
    await upstream.idle(waitMs);
    const closed = close ? upstream.cutAll() : 0;
    return { underWay: upstream.underWay, closed };
  }

  /** A metric over these instances of a fleet; null when they had no requests. */
  metric(fleet: string, metric: Metric, ids: readonly string[]): number | null {
    const named = new Set(ids);
    const upstreams = this.#fleets.get(fleet)?.upstreams ?? [];
    const counts = upstreams.filter(({ id }) => named.has(id)).map((upstream) => upstream.counts);
    return metricOver(metric, counts, performance.now());
  }

  /** One write at a time, each of what is known when it begins. */
  #save(): Promise<void> {
    this.#saving = this.#saving
      .catch(() => undefined)
      .then(() => {
        const tables = [...this.#fleets].map(([fleet, { routes }]) => [fleet, routes]);
        return writeDurably(this.#file, JSON.stringify(Object.fromEntries(tables)));
      });
    return this.#saving;
  }
}
