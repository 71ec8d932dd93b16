import { Agent } from 'node:http';
import { z } from 'zod';
import { PROXY_LIMITS } from '../fleet-agent-limits.js';

/** Where the edge proxy may send the traffic of one fleet, as the agent tells it. */
export const FleetRoutes = z.strictObject({
  /** Where the fleet's traffic comes in; 0: the proxy chooses. */
  port: z.number().int().min(0).max(65_535),
  instances: z
    .array(
      z.strictObject({
        id: z.string(),
        port: z.number().int().min(1).max(65_535),
        admitted: z.boolean(),
      }),
    )
    .max(1_000),
});
export type FleetRoutes = z.infer<typeof FleetRoutes>;

/** One request on its way to one instance. */
export interface UnderWay {
  /** Closes the client's connection and the instance's. */
  cut(): void;
}

/** One instance as the proxy sees it. */
export class Upstream {
  readonly id: string;
  readonly port: number;
  admitted: boolean;
  readonly sockets: Agent;
  readonly #underWay = new Set<UnderWay>();
  #whenIdle: (() => void)[] = [];

  constructor(id: string, port: number, admitted: boolean) {
    this.id = id;
    this.port = port;
    this.admitted = admitted;
    this.sockets = new Agent({
      keepAlive: true,
      maxSockets: PROXY_LIMITS.upstreamSocketsMax,
      // Closed by us before the instance might: a request must not meet a connection that ends.
      timeout: PROXY_LIMITS.upstreamIdleMs,
      scheduling: 'lifo',
    });
  }

  get underWay(): number {
    return this.#underWay.size;
  }

  begin(exchange: UnderWay): void {
    this.#underWay.add(exchange);
  }

  end(exchange: UnderWay): void {
    this.#underWay.delete(exchange);
    if (this.#underWay.size > 0) return;
    for (const wake of this.#whenIdle.splice(0)) wake();
    if (!this.admitted) this.sockets.destroy();
  }

  /** Resolves when nothing is under way, or after `waitMs`. */
  async idle(waitMs: number): Promise<void> {
    if (this.#underWay.size === 0 || waitMs <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#whenIdle.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Cuts what is under way; answers how many connections that were. */
  cutAll(): number {
    const cut = [...this.#underWay];
    for (const exchange of cut) exchange.cut();
    this.sockets.destroy();
    return cut.length;
  }

  /** No new requests; connections that wait for one are closed, those at work when they are done. */
  takeOff(): void {
    this.admitted = false;
    if (this.#underWay.size === 0) this.sockets.destroy();
  }
}

/** The routing table of one fleet: round robin over the admitted instances. */
export class RoutingTable {
  #upstreams: Upstream[] = [];
  #next = 0;

  get upstreams(): readonly Upstream[] {
    return this.#upstreams;
  }

  find(id: string): Upstream | undefined {
    return this.#upstreams.find((upstream) => upstream.id === id);
  }

  /** Takes over the agent's table; what is under way goes on where it is. */
  tell(instances: FleetRoutes['instances']): void {
    const before = new Map(this.#upstreams.map((upstream) => [upstream.id, upstream]));
    this.#upstreams = instances.map(({ id, port, admitted }) => {
      const known = before.get(id);
      if (known?.port !== port) return new Upstream(id, port, admitted);
      before.delete(id);
      if (admitted) known.admitted = true;
      else known.takeOff();
      return known;
    });
    for (const left of before.values()) left.takeOff();
  }

  /** The next admitted instance that was not tried yet. */
  pick(tried: ReadonlySet<Upstream>): Upstream | null {
    const count = this.#upstreams.length;
    for (let step = 0; step < count; step += 1) {
      const at = (this.#next + step) % count;
      const upstream = this.#upstreams[at];
      if (upstream === undefined || !upstream.admitted || tried.has(upstream)) continue;
      this.#next = (at + 1) % count;
      return upstream;
    }
    return null;
  }
}
