import { request } from 'undici';
import { z } from 'zod';
import type { Clock } from '#runtime/clock.js';
import { PROXY_LIMITS } from '../fleet-agent-limits.js';
import { ProxyFile, type Home } from '../home.js';
import { startDetached } from '../processes/detached.js';
import { readIfThere } from '../processes/durable-file.store.js';
import { isAlive } from '../processes/process-identity.probe.js';
import { FleetRoutes } from './fleet-routes.js';
import type { Metric } from './traffic-counts.js';
import type { DrainState } from './traffic.runner.js';

/** The edge proxy cannot be told anything now. */
export class ProxyUnreachableError extends Error {
  override readonly name = 'ProxyUnreachableError';
}

const Measured = z.object({ value: z.number().nullable() });
const Drained = z.object({ underWay: z.number(), closed: z.number() });

/** The agent's side of the edge proxy: starts it when it is not there, and tells it what to do. */
export class EdgeProxy {
  readonly #home: Home;
  readonly #trafficHost: string;
  readonly #clock: Clock;
  #starting: Promise<void> | null = null;

  constructor(home: Home, trafficHost: string, clock: Clock) {
    this.#home = home;
    this.#trafficHost = trafficHost;
    this.#clock = clock;
  }

  /** Whether the proxy lives. */
  async lives(): Promise<boolean> {
    return (await this.#find()) !== null;
  }

  /** Starts the proxy unless it lives; resolves when it can be told something. */
  ensure(): Promise<void> {
    this.#starting ??= this.#start().finally(() => {
      this.#starting = null;
    });
    return this.#starting;
  }

  /** Hands over a fleet's routes; answers them with the ports that were chosen. */
  async tell(fleet: string, routes: FleetRoutes): Promise<FleetRoutes> {
    return FleetRoutes.parse(await this.#order('PUT', [fleet], routes));
  }

  async forget(fleet: string): Promise<void> {
    await this.#order('DELETE', [fleet], undefined);
  }

  /** See `Traffic.metric`. */
  async metric(fleet: string, metric: Metric, ids: readonly string[]): Promise<number | null> {
    return Measured.parse(await this.#order('POST', [fleet, 'metric'], { metric, ids })).value;
  }

  /**
   * See `Traffic.drain`; an instance the proxy does not know has nothing under way. `signal` ends
   * the waiting here; an order to close is carried out all the same.
   */
  async drain(
    fleet: string,
    id: string,
    order: { readonly waitMs: number; readonly close: boolean; readonly signal?: AbortSignal },
  ): Promise<DrainState> {
    const { close, signal } = order;
    const waitMs = Math.min(Math.max(0, Math.floor(order.waitMs)), PROXY_LIMITS.drainWaitMaxMs);
    const until = { waitMs, ...(signal === undefined ? {} : { signal }) };
    const answer = await this.#order('POST', [fleet, 'drain', id], { close, waitMs }, until);
    return answer === null ? { underWay: 0, closed: 0 } : Drained.parse(answer);
  }

  async #start(): Promise<void> {
    if (await this.lives()) return;
    const args = [this.#home.folder, this.#trafficHost];
    await startDetached('edge-proxy.main', args, this.#home.proxyLog);
    const endMs = this.#clock.nowMs() + PROXY_LIMITS.startMs;
    while (!(await this.lives())) {
      if (this.#clock.nowMs() > endMs) {
        throw new ProxyUnreachableError(`the edge proxy did not start: see ${this.#home.proxyLog}`);
      }
      await this.#clock.sleep(PROXY_LIMITS.startLookMs);
    }
  }

  async #find(): Promise<ProxyFile | null> {
    const text = await readIfThere(this.#home.proxy);
    if (text === null) return null;
    const file = ProxyFile.parse(JSON.parse(text));
    return (await isAlive(file)) ? file : null;
  }

  /** Null: there is no such thing at the proxy. */
  async #order(
    method: 'PUT' | 'POST' | 'DELETE',
    path: readonly string[],
    body: unknown,
    { waitMs, signal }: { readonly waitMs: number; readonly signal?: AbortSignal } = { waitMs: 0 },
  ): Promise<unknown> {
    const proxy = await this.#find();
    if (proxy === null) throw new ProxyUnreachableError('the edge proxy does not run');
    const limit = AbortSignal.timeout(PROXY_LIMITS.controlCallMs + waitMs);
    try {
      const where = path.map(encodeURIComponent).join('/');
      const answer = await request(`http://127.0.0.1:${proxy.controlPort}/${where}`, {
        method,
        headers: { authorization: `Bearer ${proxy.token}` },
        body: body === undefined ? null : JSON.stringify(body),
        signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
      });
      const text = await answer.body.text();
      if (answer.statusCode === 404) return null;
      if (answer.statusCode !== 200) throw new Error(`it answered ${answer.statusCode}: ${text}`);
      return JSON.parse(text);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new ProxyUnreachableError(`the edge proxy cannot be told: ${why}`, { cause: error });
    }
  }
}
