/**
 * Where rollbacks and their instances are kept. Two implementations, Postgres and an in-memory
 * twin, pass one contract suite. Every statement is about a set of instances, never about one.
 */
import type {
  RollbackKey,
  RollbackMove,
  RollbackStatus,
  RollbackWork,
  SettledInstances,
} from '#core/rollback/rollback.js';
import type { OwnedKey } from '#postgres/owned-work.js';
import type { ServiceTx } from '#postgres/service-database.js';

/** What was asked, frozen: where the instances are, and how they are taken back. */
export interface AskedRollback {
  readonly target: {
    readonly driver: string;
    readonly settings: Readonly<Record<string, unknown>>;
  };
  readonly drainTimeoutMs: number;
  readonly healthCheckIntervalMs: number;
  readonly healthCheckTimeoutMs: number;
  /** What a driver needs to run a version, by its number. */
  readonly artifacts: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export interface StoredRollback {
  readonly work: RollbackWork;
  readonly asked: AskedRollback;
}

/** An instance with the version it goes back to. */
export interface NewRollbackInstance {
  readonly index: number;
  readonly instanceId: string;
  readonly version: string;
}

export interface RollbackInstance extends NewRollbackInstance {
  readonly status: RollbackStatus;
  /** The last one that was begun; 0: none yet. */
  readonly attempt: number;
  /** When it came to stand where it stands, ms since 1970. */
  readonly sinceMs: number;
}

/** A rollback that its owner has to drive. */
export interface RunningRollback extends OwnedKey {
  readonly key: RollbackKey;
}

/** Rows did not stand where the decision took them to stand: load again and decide again. */
export class StaleRollbackError extends Error {
  override readonly name = 'StaleRollbackError';
}

export interface RollbackTx extends ServiceTx {
  /** All of an execution, by hand-over, locked to the end of the transaction. */
  lockAll(executionId: string): Promise<RollbackWork[]>;
  /** One, locked to the end of the transaction; null when there is none. */
  lock(key: RollbackKey): Promise<RollbackWork | null>;
  /**
   * Not active until its first update. Throws TransientDatabaseError when another transaction has
   * just inserted the same key.
   */
  insert(stored: StoredRollback): Promise<void>;
  /** Only under its lock. `active`: its owner has something to do or to say. */
  update(work: RollbackWork, active: boolean): Promise<void>;
  /** As UNSEEN. Throws UniqueViolationError for an index that is there already. */
  addInstances(
    key: RollbackKey,
    instances: readonly NewRollbackInstance[],
    nowMs: number,
  ): Promise<void>;
  /** How the named instances stand, by index. Only under the lock. */
  standing(key: RollbackKey, indices: readonly number[]): Promise<RollbackInstance[]>;
  /** Which UP ones have one of these ids: their indices, ascending. Only under the lock. */
  upAmong(key: RollbackKey, instanceIds: readonly string[]): Promise<number[]>;
  /**
   * Applies moves in their order; answers the instances that stand in a step by that, by index.
   * Throws {@link StaleRollbackError} when fewer stood in `from` than a move takes.
   */
  apply(
    key: RollbackKey,
    moves: readonly RollbackMove[],
    nowMs: number,
  ): Promise<RollbackInstance[]>;
  /** Instances settled with numbers greater than `after`, up to `upTo`, in the order of those. */
  settled(key: RollbackKey, after: number, upTo: number): Promise<SettledInstances>;
}

/** Port and injection token. */
export abstract class RollbackStore {
  abstract transaction<T>(work: (tx: RollbackTx) => Promise<T>): Promise<T>;

  abstract get(key: RollbackKey): Promise<StoredRollback | null>;
  /** Active ones in these shards, at most `limit`. */
  abstract activeIn(shards: readonly number[], limit: number): Promise<RunningRollback[]>;
  /** The next by index that stand there. */
  abstract next(
    key: RollbackKey,
    status: RollbackStatus,
    limit: number,
  ): Promise<RollbackInstance[]>;
  /** Instances that a target is working on: what a new owner goes on from. */
  abstract underWay(key: RollbackKey): Promise<RollbackInstance[]>;
  /**
   * Forgets rollbacks untouched for `olderThanMs` (an age), first their instances, at most `limit`
   * rows; says whether there may be more.
   */
  abstract purge(olderThanMs: number, limit: number): Promise<boolean>;
}

/** Names a rollback in loops, logs and operations. */
export function idOf({ executionId, handOver }: RollbackKey): string {
  return `${executionId}:rollback:${String(handOver)}`;
}
