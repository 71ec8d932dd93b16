import { createServer, type Server } from 'node:http';
import { z } from 'zod';
import { PROXY_LIMITS } from '../fleet-agent-limits.js';
import { readIfThere, writeDurably } from '../processes/durable-file.store.js';
import { forward } from './forward.js';
import { FleetRoutes, RoutingTable } from './routing.js';

const RoutesFile = z.record(z.string(), FleetRoutes);

interface FleetTraffic {
  port: number;
  readonly table: RoutingTable;
  readonly server: Server;
}

/** How a drain stands. */
export interface DrainState {
  readonly underWay: number;
  /** Connections cut by this call. */
  readonly closed: number;
}

/**
 * The traffic of all fleets: a listener for each, and the tables that say where it goes. What it is
 * told it writes down before it says so, because it must go on without the agent, and after its own
 * restart.
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
    for (const [fleet, routes] of Object.entries(kept)) await this.#apply(fleet, routes);
  }

  /** The table of a fleet as it is from now on; answers the port its traffic comes in at. */
  async tell(fleet: string, routes: FleetRoutes): Promise<number> {
    const { port } = await this.#apply(fleet, routes);
    await this.#save();
    return port;
  }

  /** The fleet is no more; what is under way is cut. */
  async forget(fleet: string): Promise<void> {
    const traffic = this.#fleets.get(fleet);
    if (traffic === undefined) return;
    this.#fleets.delete(fleet);
    for (const upstream of traffic.table.upstreams) upstream.cutAll();
    traffic.server.closeAllConnections();
    await new Promise<void>((resolve) => traffic.server.close(() => resolve()));
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
    const upstream = this.#fleets.get(fleet)?.table.find(id);
    if (upstream === undefined) return null;
    const wasAdmitted = upstream.admitted;
    upstream.takeOff();
    if (wasAdmitted) await this.#save();
    await upstream.idle(waitMs);
    const closed = close ? upstream.cutAll() : 0;
    return { underWay: upstream.underWay, closed };
  }

  async #apply(fleet: string, routes: FleetRoutes): Promise<FleetTraffic> {
    const known = this.#fleets.get(fleet);
    if (known !== undefined) {
      known.table.tell(routes.instances);
      return known;
    }
    const table = new RoutingTable();
    table.tell(routes.instances);
    const server = createServer((incoming, answer) => {
      forward(table, incoming, answer);
    });
    server.keepAliveTimeout = PROXY_LIMITS.clientIdleMs;
    server.maxConnections = PROXY_LIMITS.connectionsMax;
    const traffic = { port: await listen(server, routes.port, this.#host), table, server };
    this.#fleets.set(fleet, traffic);
    return traffic;
  }

  /** One write at a time, each of what is known when it begins. */
  #save(): Promise<void> {
    this.#saving = this.#saving
      .catch(() => undefined)
      .then(() => {
        const tables = [...this.#fleets].map(([fleet, { port, table }]) => [
          fleet,
          {
            port,
            instances: table.upstreams.map(({ id, port: at, admitted }) => ({
              id,
              port: at,
              admitted,
            })),
          },
        ]);
        return writeDurably(this.#file, JSON.stringify(Object.fromEntries(tables)));
      });
    return this.#saving;
  }
}

/** Resolves to the port once the server listens. */
export function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}
