import { LEASE_RENEW_MS } from '#postgres/postgres-limits.js';
import type { ServiceDatabase, ServiceTx } from '#postgres/service-database.js';
import type { LeaseRenewal, ShardLeases } from '#postgres/shard-leases.js';
import type { Clock } from '#runtime/clock.js';
import { Loop } from '#runtime/loop.js';
import {
  INBOX_PURGE_MS,
  INBOX_PURGED_AT_ONCE,
  OUTBOX_RECLAIM_MS,
  RELAY_FLUSH_RUNS_MAX,
} from './service-loop-limits.js';
import type { OutboxRelay } from './outbox-relay.js';

/** What the loops of a service are made of. */
export interface ServiceLoopParts {
  readonly leases: ShardLeases;
  readonly relay: OutboxRelay;
  readonly database: Pick<ServiceDatabase<ServiceTx>, 'purgeInbox' | 'reclaim'>;
  readonly clock: Clock;
  /** How long the inbox remembers, in ms: longer than any topic it consumes keeps a message. */
  readonly inboxKeptMs: number;
  /** Told of every failed run; must not throw. */
  readonly onError: (error: unknown, loop: string) => void;
}

/**
 * The loops every service has alike: it renews its leases, relays the outbox of the shards it
 * holds, and clears up behind itself. What a service does in its shards is its own loops' business.
 */
export class ServiceLoops {
  readonly #parts: ServiceLoopParts;
  readonly #renewing: Loop;
  readonly #relaying: Loop;
  readonly #reclaiming: Loop;
  readonly #purging: Loop;
  readonly #listeners: ((renewal: LeaseRenewal) => void)[] = [];

  constructor(parts: ServiceLoopParts) {
    this.#parts = parts;
    const { clock, onError, relay } = parts;
    this.#renewing = new Loop('leases', () => this.#renew(), clock, onError);
    this.#relaying = new Loop('relay', relay.work, clock, onError);
    this.#reclaiming = new Loop('reclaim', () => this.#reclaim(), clock, onError);
    this.#purging = new Loop('inbox purge', () => this.#purge(), clock, onError);
  }

  /** `listener` hears of every renewal that changed something, before the next one begins. */
  onLeases(listener: (renewal: LeaseRenewal) => void): void {
    this.#listeners.push(listener);
  }

  start(): void {
    this.#renewing.start();
    this.#relaying.start();
    this.#reclaiming.start();
    this.#purging.start();
  }

  /** To be called after each commit that wrote to the outbox of a shard of ours. */
  wakeRelay(): void {
    this.#relaying.wake();
  }

  /** Shutdown, stage `commit`: sends what is left, and relays no more. Leases are still renewed. */
  async flush(): Promise<void> {
    await Promise.all([this.#relaying.stop(), this.#reclaiming.stop(), this.#purging.stop()]);
    for (let run = 0; run < RELAY_FLUSH_RUNS_MAX; run += 1) {
      if ((await this.#parts.relay.relayOnce()) === 0) return;
    }
  }

  /** Shutdown, stage `giveShardsBack`: the next owner may begin at once. */
  async giveShardsBack(): Promise<void> {
    await this.#renewing.stop();
    await this.#parts.leases.release();
  }

  async #renew(): Promise<number> {
    const renewal = await this.#parts.leases.renew();
    if (renewal.gained.length + renewal.lost.length > 0) {
      for (const listener of this.#listeners) listener(renewal);
      // What a dead owner left in the outbox of a shard is ours to send now.
      this.#relaying.wake();
    }
    return Math.min(LEASE_RENEW_MS, renewal.othersRunOutInMs ?? LEASE_RENEW_MS);
  }

  async #reclaim(): Promise<number> {
    await this.#parts.database.reclaim();
    return OUTBOX_RECLAIM_MS;
  }

  async #purge(): Promise<number> {
    const { database, inboxKeptMs } = this.#parts;
    const purged = await database.purgeInbox(inboxKeptMs, INBOX_PURGED_AT_ONCE);
    return purged === INBOX_PURGED_AT_ONCE ? 0 : INBOX_PURGE_MS;
  }
}
