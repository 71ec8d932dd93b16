import type { TimeReading } from './database-clock.js';
import { LEASE_MS, REPLICA_ROW_KEPT_MS } from './postgres-limits.js';
import type { PgServiceDatabase } from './pg-service-database.js';
import type { Lease } from './service-database.js';
import { BelievedLeases, type LeaseRenewal, ShardLeases } from './shard-leases.js';
import { SHARDS } from './shard-of.js';

/*
 * One statement, on the database's clock alone: two replicas never compare their own.
 *
 * - `mine` are the leases still running. One that ran out is as free to its old owner as to anyone,
 *   and comes back with a new epoch: in between, somebody could have had it.
 * - `free` is locked FOR UPDATE, which waits for nobody: a row that a transaction of the old owner
 *   still holds (`holdLeases`) is passed over and taken by the next renewal, after that one ended.
 * - The update asks for owner and epoch again: it meets rows as they are by then, not as read.
 */
const RENEW = `
  WITH clock AS MATERIALIZED (SELECT clock_timestamp() AS now),
  alive AS (
    INSERT INTO service_replicas (owner, until)
    SELECT $1, now + $2 * interval '1 millisecond' FROM clock
    ON CONFLICT (owner) DO UPDATE SET until = excluded.until
  ),
  gone AS (
    DELETE FROM service_replicas r USING clock
    WHERE r.owner <> $1 AND r.until < clock.now - $3 * interval '1 millisecond'
  ),
  fair AS MATERIALIZED (
    SELECT ceil($4::numeric / (1 + count(*)))::int AS most
    FROM service_replicas r, clock WHERE r.owner <> $1 AND r.until > clock.now
  ),
  mine AS MATERIALIZED (
    SELECT l.shard, l.epoch, row_number() OVER (ORDER BY l.shard) > fair.most AS surplus
    FROM shard_leases l, clock, fair WHERE l.owner = $1 AND l.until > clock.now
  ),
  free AS MATERIALIZED (
    SELECT l.shard, l.epoch FROM shard_leases l, clock
    WHERE l.owner IS NULL OR l.until <= clock.now
    ORDER BY l.shard
    LIMIT (SELECT greatest(0, fair.most - (SELECT count(*) FROM mine)) FROM fair)
    FOR UPDATE OF l SKIP LOCKED
  ),
  plan AS (
    SELECT shard, epoch, $1 AS was, epoch AS next, surplus FROM mine
    UNION ALL SELECT shard, epoch, NULL, epoch + 1, false FROM free
  ),
  written AS (
    UPDATE shard_leases l SET
      owner = CASE WHEN plan.surplus THEN NULL ELSE $1 END,
      until = CASE WHEN plan.surplus THEN NULL
              ELSE clock.now + $2 * interval '1 millisecond' END,
      epoch = plan.next
    FROM plan, clock
    WHERE l.shard = plan.shard AND l.epoch = plan.epoch AND (plan.was IS NULL OR l.owner = plan.was)
    RETURNING l.shard, l.epoch, plan.surplus
  )
  SELECT
    (SELECT coalesce(json_agg(json_build_object('shard', shard, 'epoch', epoch) ORDER BY shard), '[]')
     FROM written WHERE NOT surplus) AS held,
    (SELECT extract(epoch FROM min(l.until) - clock.now)::float8 * 1000
     FROM shard_leases l WHERE l.owner <> $1 AND l.until > clock.now) AS others_run_out_in_ms,
    extract(epoch FROM now)::float8 * 1000 AS now_ms
  FROM clock`;

const RELEASE = `
  WITH gone AS (DELETE FROM service_replicas WHERE owner = $1)
  UPDATE shard_leases SET owner = NULL, until = NULL WHERE owner = $1`;

interface RenewedRow {
  held: Lease[];
  others_run_out_in_ms: number | null;
  now_ms: number;
}

/** Leases as rows of `shard_leases`, held by the owner its database was opened for. */
export class PgShardLeases extends ShardLeases {
  private readonly believed = new BelievedLeases();
  private underWay: Promise<LeaseRenewal> | null = null;
  private released = false;

  /**
   * @param monotonicMs a clock that nobody sets: `() => performance.now()`.
   * @param heard told the database's time by each renewal; must not throw.
   */
  constructor(
    private readonly database: PgServiceDatabase,
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
    // First of all stop believing; then let a renewal under way end, or it would take all again.
    this.released = true;
    await this.underWay?.catch(() => undefined);
    await this.database.statement('plumbing.release', RELEASE, [this.database.owner]);
  }

  private async ask(): Promise<LeaseRenewal> {
    const askedAtMs = this.monotonicMs();
    if (this.released) return this.believed.renewed([], askedAtMs, null);
    const [row] = await this.database.statement<RenewedRow>('plumbing.renew', RENEW, [
      this.database.owner,
      LEASE_MS,
      REPLICA_ROW_KEPT_MS,
      SHARDS,
    ]);
    if (!row) throw new Error('a renewal answers with exactly one row');
    this.heard({ askedAtMs, databaseMs: row.now_ms, answeredAtMs: this.monotonicMs() });
    return this.believed.renewed(row.held, askedAtMs, row.others_run_out_in_ms);
  }
}
