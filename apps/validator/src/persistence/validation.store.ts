/**
 * Where validations and the pages of their questions are kept. Two implementations, Postgres and an
 * in-memory twin, pass one contract suite.
 */
import type { ExpectedInstance } from '#core/validation/instance-checks.js';
import type { ValidationQuestion } from '#core/validation/examination.js';
import type { Validation, ValidationKey } from '#core/validation/validation.js';
import type { ServiceTx } from '#postgres/service-database.js';
import type { OwnedKey } from '#postgres/owned-work.js';

/** What was asked, frozen: where to look, and what checks need to know. */
export interface AskedValidation {
  readonly target: {
    readonly driver: string;
    readonly settings: Readonly<Record<string, unknown>>;
  };
  readonly question: ValidationQuestion;
}

export interface StoredValidation {
  readonly validation: Validation;
  readonly asked: AskedValidation;
}

/** A running validation as its owner finds it. */
export interface RunningValidation extends OwnedKey {
  readonly key: ValidationKey;
}

export interface ValidationTx extends ServiceTx {
  /** All of an execution, by hand-over, locked to the end of the transaction. */
  lockAll(executionId: string): Promise<Validation[]>;
  /** One, locked to the end of the transaction; null when there is none. */
  lock(key: ValidationKey): Promise<Validation | null>;
  /** Throws TransientDatabaseError when another transaction has just inserted the same key. */
  insert(stored: StoredValidation): Promise<void>;
  /** Only under its lock. */
  update(validation: Validation): Promise<void>;
  /** Replaces what was asked. Only under its lock. */
  putAsked(key: ValidationKey, asked: AskedValidation): Promise<void>;
  addPage(key: ValidationKey, page: number, instances: readonly ExpectedInstance[]): Promise<void>;
  /** Whatever of older hand-overs has not ended is SUPERSEDED. Only under their locks. */
  supersedeOlder(executionId: string, handOver: number): Promise<void>;
}

/** Port and injection token. */
export abstract class ValidationStore {
  abstract transaction<T>(work: (tx: ValidationTx) => Promise<T>): Promise<T>;

  abstract get(key: ValidationKey): Promise<StoredValidation | null>;
  /** Instances of a stored page; empty when there is no such page. */
  abstract page(key: ValidationKey, page: number): Promise<ExpectedInstance[]>;
  /** RUNNING ones in these shards, at most `limit`. */
  abstract runningIn(shards: readonly number[], limit: number): Promise<RunningValidation[]>;
  /** Forgets validations untouched for `olderThanMs` (an age), at most `limit`; returns how many. */
  abstract purge(olderThanMs: number, limit: number): Promise<number>;
}

/** Names a validation in loops and logs. */
export function idOf({ executionId, kind, handOver }: ValidationKey): string {
  return `${executionId}/${kind}/${String(handOver)}`;
}
