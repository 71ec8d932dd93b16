import { Agent } from 'node:http';
import { PROXY_LIMITS } from '../fleet-agent-limits.js';
import type { SetRoutes, Share } from './fleet-routes.js';
import { TrafficCounts } from './traffic-counts.js';

/** One request on its way to one instance. */
export interface UnderWay {
  /** Closes the client's connection and the instance's. */
  cut(): void;
}

/** One instance as the proxy sees it. */
export class Upstream {
  readonly id: string;
  readonly port: number;
  readonly version: string;
  admitted: boolean;
  readonly sockets: Agent;
  readonly counts = new TrafficCounts(performance.now());
  readonly #underWay = new Set<UnderWay>();
  #whenIdle: (() => void)[] = [];

  constructor({ id, port, version, admitted }: SetRoutes['instances'][number]) {
    this.id = id;
    this.port = port;
    this.version = version;
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

/**
 * The routing table of one set: round robin over the admitted instances, or first by version where
 * one has a share, and then round robin on its side.
 */
export class RoutingTable {
  #upstreams: Upstream[] = [];
  #share: Share | null = null;
  /** What the version with a share is still to get, in hundredths of a request: exact over time. */
  #owed = 0;
  /** Where the next round begins: of those with a share, and of the others. */
  readonly #next = { named: 0, others: 0 };

  get upstreams(): readonly Upstream[] {
    return this.#upstreams;
  }

  find(id: string): Upstream | undefined {
    return this.#upstreams.find((upstream) => upstream.id === id);
  }

  /** Takes over the agent's table; what is under way goes on where it is. */
  tell(instances: SetRoutes['instances'], share: Share | null): void {
    const before = new Map(this.#upstreams.map((upstream) => [upstream.id, upstream]));
    this.#upstreams = instances.map((told) => {
      const known = before.get(told.id);
      // Another process: what was seen of the one before does not count for it.
      if (known?.port !== told.port || known.version !== told.version) return new Upstream(told);
      before.delete(told.id);
      if (told.admitted) known.admitted = true;
      else known.takeOff();
      return known;
    });
    for (const left of before.values()) left.takeOff();
    if (share?.version !== this.#share?.version || share?.percentage !== this.#share?.percentage) {
      this.#owed = 0;
    }
    this.#share = share;
  }

  /**
   * The next admitted instance that was not tried yet. A side without one leaves its requests to the
   * other; an instance that failed a request leaves it to its own side first.
   */
  pick(tried: ReadonlySet<Upstream>): Upstream | null {
    const share = this.#share;
    if (share === null) return this.#after('others', tried, () => true);
    const [first] = tried;
    const isNamed =
      first === undefined ? this.#isTurnOfNamed(share) : first.version === share.version;
    const onSide = (named: boolean): Upstream | null =>
      this.#after(
        named ? 'named' : 'others',
        tried,
        ({ version }) => (version === share.version) === named,
      );
    return onSide(isNamed) ?? onSide(!isNamed);
  }

  #isTurnOfNamed({ percentage }: Share): boolean {
    this.#owed += percentage;
    if (this.#owed < 100) return false;
    this.#owed -= 100;
    return true;
  }

  #after(
    side: 'named' | 'others',
    tried: ReadonlySet<Upstream>,
    isOnSide: (upstream: Upstream) => boolean,
  ): Upstream | null {
    const count = this.#upstreams.length;
    for (let step = 0; step < count; step += 1) {
      const at = (this.#next[side] + step) % count;
      const upstream = this.#upstreams[at];
      if (upstream === undefined || !upstream.admitted) continue;
      if (tried.has(upstream) || !isOnSide(upstream)) continue;
      this.#next[side] = (at + 1) % count;
      return upstream;
    }
    return null;
  }
}
