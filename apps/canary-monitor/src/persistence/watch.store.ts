/**
 * Where watches and the pages of their questions are kept. Two implementations, Postgres and an
 * in-memory twin, pass one contract suite.
 */
import type { CanaryWatch, WatchKey } from '#core/canary/canary-watch.js';
import type { ExpectedCanary } from '#core/canary/canary-findings.js';
import type { CanaryMetric } from '#contracts/work.messages.js';
import type { OwnedKey } from '#postgres/owned-work.js';
import type { ServiceTx } from '#postgres/service-database.js';

/** What was asked, frozen: where to look, and at what beside the instances. */
export interface AskedWatch {
  readonly target: {
    readonly driver: string;
    readonly settings: Readonly<Record<string, unknown>>;
  };
  readonly metrics: readonly CanaryMetric[];
  /** What queries may name. */
  readonly tenant: string;
  readonly component: string;
  readonly version: string;
}

export interface StoredWatch {
  readonly watch: CanaryWatch;
  readonly asked: AskedWatch;
}

/** A running watch as its owner finds it. */
export interface RunningWatch extends OwnedKey {
  readonly key: WatchKey;
}

export interface WatchTx extends ServiceTx {
  /** All of an execution, by hand-over, locked to the end of the transaction. */
  lockAll(executionId: string): Promise<CanaryWatch[]>;
  /** One, locked to the end of the transaction; null when there is none. */
  lock(key: WatchKey): Promise<CanaryWatch | null>;
  /** Throws TransientDatabaseError when another transaction has just inserted the same key. */
  insert(stored: StoredWatch): Promise<void>;
  /** Only under its lock. */
  update(watch: CanaryWatch): Promise<void>;
  addPage(key: WatchKey, page: number, canaries: readonly ExpectedCanary[]): Promise<void>;
  /** Whatever of older hand-overs has not ended is SUPERSEDED. Only under their locks. */
  supersedeOlder(executionId: string, handOver: number): Promise<void>;
}

/** Port and injection token. */
export abstract class WatchStore {
  abstract transaction<T>(work: (tx: WatchTx) => Promise<T>): Promise<T>;

  abstract get(key: WatchKey): Promise<StoredWatch | null>;
  /** Canaries of a stored page; empty when there is no such page. */
  abstract page(key: WatchKey, page: number): Promise<ExpectedCanary[]>;
  /** RUNNING ones in these shards, at most `limit`. */
  abstract runningIn(shards: readonly number[], limit: number): Promise<RunningWatch[]>;
  /** Forgets watches untouched for `olderThanMs` (an age), at most `limit`; returns how many. */
  abstract purge(olderThanMs: number, limit: number): Promise<number>;
}

/** Names a watch in loops and logs. */
export function idOf({ executionId, handOver }: WatchKey): string {
  return `${executionId}/${String(handOver)}`;
}
