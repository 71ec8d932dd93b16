import { request } from 'undici';
import { z } from 'zod';
import type { Clock } from '#runtime/clock.js';
import { PROXY_LIMITS } from '../fleet-agent-limits.js';
import { ProxyFile, type Home } from '../home.js';
import { startDetached } from '../processes/detached.js';
import { readIfThere } from '../processes/durable-file.store.js';
import { isAlive } from '../processes/process-identity.probe.js';
import type { FleetRoutes } from './routing.js';
import type { DrainState } from './traffic.runner.js';

/** The edge proxy cannot be told anything now. */
export class ProxyUnreachableError extends Error {
  override readonly name = 'ProxyUnreachableError';
}

const Told = z.object({ port: z.number() });
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

  /** Hands over a fleet's routes; answers the port at which its traffic comes in. */
  async tell(fleet: string, routes: FleetRoutes): Promise<number> {
    const answer = await this.#order('PUT', [fleet], routes, 0);
    return Told.parse(answer).port;
  }

  async forget(fleet: string): Promise<void> {
    await this.#order('DELETE', [fleet], undefined, 0);
  }

  /** See `Traffic.drain`; an instance the proxy does not know has nothing under way. */
  async drain(
    fleet: string,
    id: string,
    order: { readonly waitMs: number; readonly close: boolean },
  ): Promise<DrainState> {
    const waitMs = Math.min(Math.max(0, Math.floor(order.waitMs)), PROXY_LIMITS.drainWaitMaxMs);
    const answer = await this.#order('POST', [fleet, id], { ...order, waitMs }, waitMs);
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
    waitMs: number,
  ): Promise<unknown> {
    const proxy = await this.#find();
    if (proxy === null) throw new ProxyUnreachableError('the edge proxy does not run');
    try {
      const where = path.map(encodeURIComponent).join('/');
      const answer = await request(`http://127.0.0.1:${proxy.controlPort}/${where}`, {
        method,
        headers: { authorization: `Bearer ${proxy.token}` },
        body: body === undefined ? null : JSON.stringify(body),
        signal: AbortSignal.timeout(PROXY_LIMITS.controlCallMs + waitMs),
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
