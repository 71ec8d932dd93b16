import { copyOf } from './memory-copy.js';
import { MemoryLocks } from './memory-locks.js';
import type { MemoryObserver } from './memory-observer.js';
import { MemoryRows, type MemoryTableRules } from './memory-rows.js';
import type { MemoryServiceTx } from './memory-tx.js';
import {
  IDLE_IN_TRANSACTION_TIMEOUT_MS,
  LOCK_TIMEOUT_MS,
  TRANSACTION_TIMEOUT_MS,
} from './postgres-limits.js';
import { type OutboxRow, TransientDatabaseError } from './service-database.js';
import { SHARDS } from './shard-of.js';

/** One row of the lease table. */
export interface MemoryLeaseRow {
  epoch: number;
  owner: string | null;
  untilMs: number;
}

/** What a server is to its connections: everything that outlives a process of the service. */
export class MemoryStore {
  readonly locks: MemoryLocks;
  /** Owner → until, in milliseconds of `nowMs`. */
  readonly replicas = new Map<string, number>();
  /** Null: nobody looks on. */
  observer: MemoryObserver | null = null;
  private readonly tables = new Map<string, MemoryRows>();
  /** By shard. */
  readonly leases: readonly MemoryLeaseRow[];
  private readonly open = new Set<MemoryServiceTx>();
  private readonly listeners = new Set<(subjects: string[]) => void>();
  private outbox: OutboxRow[] = [];
  private lastOutboxId = 0;

  constructor(
    readonly nowMs: () => number,
    rules: Readonly<Record<string, MemoryTableRules>>,
  ) {
    this.locks = new MemoryLocks(nowMs);
    for (const [name, rule] of Object.entries(rules)) {
      this.tables.set(name, new MemoryRows(name, rule));
    }
    this.leases = Array.from({ length: SHARDS }, () => ({ epoch: 0, owner: null, untilMs: 0 }));
  }

  table(name: string): MemoryRows {
    let table = this.tables.get(name);
    if (!table) this.tables.set(name, (table = new MemoryRows(name)));
    return table;
  }

  lease(shard: number): MemoryLeaseRow {
    const row = this.leases[shard];
    if (!row) throw new Error(`there is no shard ${String(shard)}`);
    return row;
  }

  begun(tx: MemoryServiceTx): void {
    this.open.add(tx);
  }

  forget(tx: MemoryServiceTx): void {
    this.open.delete(tx);
    this.locks.free(tx);
  }

  /** How many rows wait to be relayed. */
  get outboxRows(): number {
    return this.outbox.length;
  }

  /** Whether a transaction other than `but` has changed this row and not ended. */
  isBeingChanged(table: string, key: string, but: MemoryServiceTx): boolean {
    return [...this.open].some((tx) => tx !== but && tx.hasChanged(table, key));
  }

  transactionsOf(owner: string): MemoryServiceTx[] {
    return [...this.open].filter((tx) => tx.place.owner === owner);
  }

  /**
   * Rolls back whoever did nothing for too long with a transaction open, as the server does: else a
   * frozen process would keep its shards for ever. Nor does anybody wait for ever for a lock, or
   * keep a transaction open for ever by being busy.
   */
  endOverdueTransactions(): void {
    this.locks.refuseAfter(LOCK_TIMEOUT_MS);
    const nowMs = this.nowMs();
    for (const tx of this.open) {
      const { beganAtMs, activeAtMs } = tx;
      const isIdle = activeAtMs !== null && !this.locks.isWaiting(tx);
      if (beganAtMs !== null && nowMs - beganAtMs > TRANSACTION_TIMEOUT_MS) {
        this.end(tx, 'transaction timeout');
      } else if (isIdle && nowMs - activeAtMs > IDLE_IN_TRANSACTION_TIMEOUT_MS) {
        this.end(tx, 'idle in transaction');
      }
    }
  }

  private end(tx: MemoryServiceTx, why: string): void {
    const error = new TransientDatabaseError(`ended: ${why}`);
    this.locks.refuse(tx, error);
    tx.rollback(error);
  }

  // Like a sequence: taken when written, not when committed, so a lower one may appear later.
  nextOutboxId(): string {
    this.lastOutboxId += 1;
    return String(this.lastOutboxId);
  }

  appendOutbox(rows: readonly OutboxRow[]): void {
    if (rows.length === 0) return;
    const late = Number(rows[0]?.id) < Number(this.outbox.at(-1)?.id ?? 0);
    this.outbox.push(...rows);
    if (late) this.outbox.sort((a, b) => Number(a.id) - Number(b.id));
  }

  readOutbox(shards: readonly number[], limit: number): OutboxRow[] {
    const rows: OutboxRow[] = [];
    for (const row of this.outbox) {
      if (rows.length >= limit) break;
      if (shards.includes(row.shard)) rows.push(row);
    }
    return copyOf(rows);
  }

  removeOutbox(ids: readonly string[]): void {
    const gone = new Set(ids);
    const isGone = ({ id }: OutboxRow): boolean => gone.has(id);
    this.observer?.dropped(this.outbox.filter(isGone));
    this.outbox = this.outbox.filter((row) => !isGone(row));
  }

  listen(listener: (subjects: string[]) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  notify(subjects: readonly string[]): void {
    for (const listener of this.listeners) listener([...subjects]);
  }
}
