/** Leases that are looked at whenever somebody believes in them. */
import { LEASE_MS } from '#postgres/postgres-limits.js';
import type { Lease } from '#postgres/service-database.js';
import { type LeaseRenewal, ShardLeases } from '#postgres/shard-leases.js';

export class WatchedLeases extends ShardLeases {
  #askedAtMs = Number.NEGATIVE_INFINITY;

  /** @param believed told for how long those have been over in which somebody believes; negative: they are not */
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
    return renewal;
  }

  override heldNow(): Lease[] {
    const held = this.leases.heldNow();
    if (held.length > 0) this.believed(this.nowMs() - this.#askedAtMs - LEASE_MS);
    return held;
  }

  override release(): Promise<void> {
    return this.leases.release();
  }
}
