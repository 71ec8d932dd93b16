import { createServer, type Server } from 'node:http';
import { PROXY_LIMITS } from '../fleet-agent-limits.js';
import type { FleetRoutes, SetRoutes, Share } from './fleet-routes.js';
import { forward } from './forward.js';
import { RoutingTable, type Upstream } from './routing.js';

interface SetTraffic {
  readonly table: RoutingTable;
  readonly server: Server;
  readonly port: number;
}

const LOOPBACK = '127.0.0.1';

/**
 * The traffic of one fleet: a listener whose requests go to the live set, and one on loopback for
 * each set alone, live or not.
 */
export class FleetTraffic {
  #port = 0;
  #live: string;
  #share: Share | null = null;
  #sets = new Map<string, SetTraffic>();
  readonly #server: Server;

  private constructor(live: string) {
    this.#live = live;
    // Asked for at every attempt: a request that no instance of the old set took goes to the new.
    this.#server = serverOver(() => this.#sets.get(this.#live)?.table ?? NOWHERE);
  }

  /** Opens the listeners of a fleet that was not there; `host`: where its traffic comes in. */
  static async open(routes: FleetRoutes, host: string): Promise<FleetTraffic> {
    const traffic = new FleetTraffic(routes.live);
    await traffic.tell(routes);
    traffic.#port = await listen(traffic.#server, routes.port, host);
    return traffic;
  }

  get upstreams(): Upstream[] {
    return [...this.#sets.values()].flatMap(({ table }) => table.upstreams);
  }

  find(id: string): Upstream | undefined {
    return this.upstreams.find((upstream) => upstream.id === id);
  }

  /** Takes over the agent's routes, all at one moment; what is under way goes on where it is. */
  async tell({ live, share, sets }: FleetRoutes): Promise<void> {
    const opened = new Map<string, SetTraffic>();
    for (const { name, port } of sets) {
      opened.set(name, this.#sets.get(name) ?? (await openSet(port)));
    }
    const before = this.#sets;
    this.#sets = opened;
    this.#live = live;
    this.#share = share;
    for (const { name, instances } of sets) {
      opened.get(name)?.table.tell(instances, name === live ? share : null);
    }
    const gone = [...before].filter(([name]) => !opened.has(name));
    await Promise.all(gone.map(([, set]) => closeSet(set)));
  }

  /** As the agent told them, with the ports that were chosen and what was drained since. */
  get routes(): FleetRoutes {
    const sets = [...this.#sets].map(([name, { port, table }]): SetRoutes => ({
      name,
      port,
      instances: table.upstreams.map((upstream) => ({
        id: upstream.id,
        port: upstream.port,
        version: upstream.version,
        admitted: upstream.admitted,
      })),
    }));
    return { port: this.#port, live: this.#live, share: this.#share, sets };
  }

  /** What is under way is cut. */
  async close(): Promise<void> {
    const sets = [...this.#sets.values()];
    for (const upstream of this.upstreams) upstream.cutAll();
    await Promise.all([closeServer(this.#server), ...sets.map(closeSet)]);
  }
}

const NOWHERE = new RoutingTable();

async function openSet(port: number): Promise<SetTraffic> {
  const table = new RoutingTable();
  const server = serverOver(() => table);
  try {
    return { table, server, port: await listen(server, port, LOOPBACK) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    // Somebody took it while the proxy was down: another will do, the agent is told which.
    return { table, server, port: await listen(server, 0, LOOPBACK) };
  }
}

async function closeSet({ table, server }: SetTraffic): Promise<void> {
  for (const upstream of table.upstreams) upstream.cutAll();
  await closeServer(server);
}

async function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

function serverOver(table: () => RoutingTable): Server {
  const server = createServer((incoming, answer) => {
    forward(table, incoming, answer);
  });
  server.keepAliveTimeout = PROXY_LIMITS.clientIdleMs;
  server.maxConnections = PROXY_LIMITS.connectionsMax;
  return server;
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
