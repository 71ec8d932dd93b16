/** What the runner is asked, and what it answers. */
import type { Lease } from '#postgres/service-database.js';
import type { Decision } from '#core/execution/decide.js';
import type { LeftOver } from '#core/execution/execution.js';
import type { Action, Input, Report } from '#core/execution/execution-inputs.js';
import type { Fact } from '#core/execution/execution-facts.js';
import type { ListedPage } from '#core/execution/listing.js';
import type {
  ExecutionStore,
  MovedInstance,
  StoredExecution,
} from './persistence/execution.store.js';
import type { Refusal } from './refusal.js';

export type { MovedInstance, StoredExecution };

/** What the engine reads of executions. */
export type EngineReads = Pick<
  ExecutionStore,
  'get' | 'activeIn' | 'ownDown' | 'pendingAmong' | 'instances'
>;

/** A report as it arrives: what it means is seen under the execution's lock. */
export type RawReport =
  | Report
  | ({ readonly type: 'PAGE_READ' } & ListedPage)
  /** A page of a new set's instances, by id, ascending. */
  | {
      readonly type: 'SET_PAGE_READ';
      readonly handOver: number;
      readonly cursor: string | null;
      readonly nextCursor: string | null;
      readonly ids: readonly string[];
    }
  | {
      readonly type: 'ROLLBACK_ANSWERED';
      readonly handOver: number;
      readonly setsRestored: boolean;
      readonly restored: readonly number[];
      readonly leftOver: readonly LeftOver[];
      readonly done: boolean;
    };

export interface Asked {
  readonly executionId: string;
  readonly input: Action | RawReport;
  /** The engine proves that it still owns the shard; other callers need not. */
  readonly lease?: Lease;
  /** Of the message it came in; seen before: nothing happens. */
  readonly inboxKey?: string;
  /** Of an action: what it insists on. */
  readonly strict?: { readonly ifMatchRevision: number | null; readonly tenantId: string | null };
}

export type Answer =
  | { readonly kind: 'COMMITTED'; readonly change: Committed }
  /** Late, repeated, or seen before: nothing changed. */
  | { readonly kind: 'ABSORBED'; readonly stored: StoredExecution | null }
  | { readonly kind: 'REFUSED'; readonly refusal: Refusal }
  | { readonly kind: 'IMPOSSIBLE'; readonly reason: string }
  /** Somebody else holds the row just now: ask again soon. */
  | { readonly kind: 'BUSY' }
  /** Rows stood elsewhere, or the shard has another owner: load again. */
  | { readonly kind: 'STALE'; readonly reason: string };

/** One execution's committed change: what the engine goes on from. */
export interface Committed {
  readonly stored: StoredExecution;
  /** Instances that were taken in: named by the store, not yet known to the engine. */
  readonly taken: readonly MovedInstance[];
}

/** An input and the rows of the table it took. */
export interface Judged {
  readonly executionId: string;
  readonly input: Input['type'];
  readonly kind: Decision['kind'];
  readonly rows: readonly string[];
  readonly facts: readonly Fact[];
}

/** What the runner tells the rest of its process, after the commit and never before. */
export interface RunnerEvents {
  /** Called for each execution that changed in this process. Must not throw. */
  committed(change: Committed): void;
  /** What became of an input, for the metrics and the log. Must not throw. */
  decided(judged: Judged): void;
  /** The answer to a commit was lost: these may have changed without a word. Must not throw. */
  readonly doubted?: (executionIds: readonly string[]) => void;
}

/** A service's answer that cannot belong to its execution: a dead letter. */
export class ImpossibleReportError extends Error {
  override readonly name = 'ImpossibleReportError';
}

/** A timer row's kind: its execution was changed by another replica. */
export const WAKE = 'WAKE';
