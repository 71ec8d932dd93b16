/** Leases that are looked at whenever somebody believes in them. */
import { LEASE_MS } from '#postgres/postgres-limits.js';
import type { Lease } from '#postgres/service-database.js';
import { type LeaseRenewal, ShardLeases } from '#postgres/shard-leases.js';

export class WatchedLeases extends ShardLeases {
  #askedAtMs = Number.NEGATIVE_INFINITY;
  /** When somebody believed in leases that were over, unless they were renewed in that very moment. */
  #suspect: { readonly atMs: number; readonly overForMs: number } | null = null;

  /** @param believed told for how long those had been over in which somebody believed, in ms */
  constructor(
    private readonly leases: ShardLeases,
    private readonly nowMs: () => number,
    private readonly believed: (overForMs: number) => void,
  ) {
    super();
  }

  override async renew(): Promise<LeaseRenewal> {
    const askedAtMs = this.nowMs();
    const renewal = await this.leases.renew();
    this.#askedAtMs = Math.max(this.#askedAtMs, askedAtMs);
    // Whoever was told of the renewal first may have asked before this line.
    if (this.#suspect?.atMs === this.nowMs()) this.#suspect = null;
    return renewal;
  }

  override heldNow(): Lease[] {
    const held = this.leases.heldNow();
    const nowMs = this.nowMs();
    if (this.#suspect !== null && this.#suspect.atMs < nowMs) {
      this.believed(this.#suspect.overForMs);
      this.#suspect = null;
    }
    const overForMs = nowMs - this.#askedAtMs - LEASE_MS;
    if (held.length > 0 && overForMs >= 0) this.#suspect ??= { atMs: nowMs, overForMs };
    return held;
  }

  override release(): Promise<void> {
    return this.leases.release();
  }
}
