import type { Lease, OutboxRow } from './service-database.js';

/** One row that a commit of the twin has changed. Both are the store's own: not to be changed. */
export interface MemoryRowChange {
  readonly table: string;
  readonly key: string;
  /** Undefined: there was none. */
  readonly before: unknown;
  /** Undefined: it was deleted. */
  readonly after: unknown;
}

/** What one transaction made visible, all at once. */
export interface MemoryCommit {
  /** The process it was of. */
  readonly owner: string;
  readonly changes: readonly MemoryRowChange[];
  readonly outbox: readonly OutboxRow[];
  /** Which it proved to own, to the end. */
  readonly leases: readonly Lease[];
}

/** Whoever looks on, as no client of a real server could. Called in the turn of the change. */
export interface MemoryObserver {
  /** Of a transaction that changed anything, when its changes stand and before it is answered. */
  committed(commit: MemoryCommit): void;
  /** Rows of the outbox that are gone now, because they have been relayed. */
  dropped(rows: readonly OutboxRow[]): void;
}
