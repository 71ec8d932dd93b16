import type { TimeReading } from './database-clock.js';
import type { MemoryServiceDatabase } from './memory-service-database.js';
import type { MemoryLeaseRow } from './memory-store.js';
import { SHARD_LEASES } from './memory-tx.js';
import { LEASE_MS } from './postgres-limits.js';
import type { Lease } from './service-database.js';
import { BelievedLeases, type LeaseRenewal, ShardLeases } from './shard-leases.js';
import { SHARDS } from './shard-of.js';

/** The twin of `PgShardLeases`, over the rows of a `MemoryServiceDatabase` and on its clock. */
export class MemoryShardLeases extends ShardLeases {
  private readonly believed = new BelievedLeases();
  private underWay: Promise<LeaseRenewal> | null = null;
  private released = false;

  /**
   * @param monotonicMs the process's own clock, which may differ from the database's.
   * @param heard told the database's time by each renewal; must not throw.
   */
  constructor(
    private readonly database: MemoryServiceDatabase,
    private readonly monotonicMs: () => number,
    private readonly heard: (reading: TimeReading) => void = () => undefined,
  ) {
    super();
  }

  override renew(): Promise<LeaseRenewal> {
    this.underWay ??= this.ask().finally(() => {
      this.underWay = null;
    });
    return this.underWay;
  }

  override heldNow(): Lease[] {
    return this.released ? [] : this.believed.at(this.monotonicMs());
  }

  override async release(): Promise<void> {
    this.released = true;
    await this.underWay?.catch(() => undefined);
    await this.database.reach('release');
    const { store, owner } = this.database;
    store.replicas.delete(owner);
    for (const row of store.leases) if (row.owner === owner) row.owner = null;
    await this.database.reach('committed');
  }

  private async ask(): Promise<LeaseRenewal> {
    const askedAtMs = this.monotonicMs();
    if (this.released) return this.believed.renewed([], askedAtMs, null);
    await this.database.reach('renew');
    const databaseMs = this.database.store.nowMs();
    const { held, othersRunOutInMs } = this.renewRows();
    await this.database.reach('committed');
    this.heard({ askedAtMs, databaseMs, answeredAtMs: this.monotonicMs() });
    return this.believed.renewed(held, askedAtMs, othersRunOutInMs);
  }

  // The one statement of Postgres, in the same steps.
  private renewRows(): { held: Lease[]; othersRunOutInMs: number | null } {
    const { store, owner } = this.database;
    store.endOverdueTransactions();
    const nowMs = store.nowMs();
    const alive = [...store.replicas].filter(([other, until]) => other !== owner && until > nowMs);
    store.replicas.set(owner, nowMs + LEASE_MS);
    const most = Math.ceil(SHARDS / (alive.length + 1));

    const held: Lease[] = [];
    let mine = 0;
    for (const [shard, row] of store.leases.entries()) {
      if (row.owner !== owner || row.untilMs <= nowMs) continue;
      mine += 1;
      if (mine > most) row.owner = null;
      else held.push(this.hold(shard, row, nowMs));
    }
    // What was given back just now is not taken again by the same statement.
    for (const [shard, row] of store.leases.entries()) {
      if (mine >= most) break;
      const isFree = row.owner === null || row.untilMs <= nowMs;
      if (!isFree || !this.isUnlocked(shard)) continue;
      mine += 1;
      row.epoch += 1;
      held.push(this.hold(shard, row, nowMs));
    }
    held.sort((a, b) => a.shard - b.shard);
    return { held, othersRunOutInMs: this.othersRunOutInMs(nowMs) };
  }

  private othersRunOutInMs(nowMs: number): number | null {
    const { store, owner } = this.database;
    let firstMs: number | null = null;
    for (const row of store.leases) {
      if (row.owner === null || row.owner === owner || row.untilMs <= nowMs) continue;
      firstMs = Math.min(firstMs ?? Infinity, row.untilMs - nowMs);
    }
    return firstMs;
  }

  private hold(shard: number, row: MemoryLeaseRow, nowMs: number): Lease {
    row.owner = this.database.owner;
    row.untilMs = nowMs + LEASE_MS;
    return { shard, epoch: row.epoch };
  }

  private isUnlocked(shard: number): boolean {
    return this.database.store.locks.isFree(`${SHARD_LEASES} ${String(shard)}`);
  }
}
