import type { Lease } from './service-database.js';
import { LEASE_MARGIN_MS, LEASE_MS } from './postgres-limits.js';

/** What a renewal changed, against the renewal before. */
export interface LeaseRenewal {
  held: Lease[];
  /** Newly taken, each at an epoch no one had before: rebuild from rows and targets. */
  gained: Lease[];
  /** Given back for balance, run out, or taken by another: stop. */
  lost: Lease[];
  /**
   * Milliseconds until the first lease of another replica would run out, null when there is none.
   * A loop that renews then, and not only every `LEASE_RENEW_MS`, takes a dead one's work at once.
   */
  othersRunOutInMs: number | null;
}

/**
 * Which shards this replica drives. With R live replicas each holds at most ceil(S / R) of the S
 * shards. There is no timer in here: whoever owns the loop calls `renew` every `LEASE_RENEW_MS`.
 */
export abstract class ShardLeases {
  /**
   * Renews what is held, gives surplus back, takes what is free. A call while another is under way
   * gets that one's answer. Throws `TransientDatabaseError`; nothing is lost by that until the
   * leases run out by themselves.
   */
  abstract renew(): Promise<LeaseRenewal>;

  /**
   * What this replica may believe in right now, by its own monotonic clock: empty when it could
   * not renew in time, or was frozen. To be asked right before every effect on the world.
   */
  abstract heldNow(): Lease[];

  /** Gives everything back, for good: the next owner takes over at once. `renew` then holds none. */
  abstract release(): Promise<void>;
}

/** A lease as one replica may believe in it: pure book-keeping, shared by both implementations. */
export class BelievedLeases {
  private held: readonly Lease[] = [];
  private untilMs = Number.NEGATIVE_INFINITY;

  /**
   * @param askedAtMs when the renewal was sent, not when its answer came: the database's 1,500 ms
   * began somewhere in between, and the earlier end is the safe one.
   */
  renewed(
    held: readonly Lease[],
    askedAtMs: number,
    othersRunOutInMs: number | null,
  ): LeaseRenewal {
    const before = this.held;
    this.held = held;
    this.untilMs = askedAtMs + LEASE_MS - LEASE_MARGIN_MS;
    return {
      held: [...held],
      gained: held.filter((lease) => !contains(before, lease)),
      lost: before.filter((lease) => !contains(held, lease)),
      othersRunOutInMs,
    };
  }

  at(nowMs: number): Lease[] {
    return nowMs < this.untilMs ? [...this.held] : [];
  }
}

// Another epoch of the same shard is another lease: work of the old one must not go on.
function contains(leases: readonly Lease[], { shard, epoch }: Lease): boolean {
  return leases.some((lease) => lease.shard === shard && lease.epoch === epoch);
}
