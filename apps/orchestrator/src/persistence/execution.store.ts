/**
 * Where executions, their instances and their facts are kept. Two implementations, Postgres and an
 * in-memory twin, pass one contract suite.
 */
import {
  touched,
  type Execution,
  type ExecutionKind,
  type ExecutionStatus,
  type InstanceStatus,
  type LeftOver,
  type PlannedVersion,
  type StrategyName,
} from '#core/execution/execution.js';
import type { ActionType } from '#core/execution/execution-inputs.js';
import type { Fact } from '#core/execution/execution-facts.js';
import type { StandbySet } from '#core/execution/execution-requests.js';
import type { ValidateCommand, WatchCommand, WorkSnapshot } from '#contracts/work.messages.js';
import type { ProgressEvent } from '#contracts/progress.messages.js';
import type { ProgressHead, ResolvedFact } from '#contracts/progress-events.js';
import type { ServiceTx } from '#postgres/service-database.js';

/** What never changes after creation: cached by the stores, never locked. */
export interface ExecutionBrief {
  readonly snapshot: WorkSnapshot;
  readonly compatibility: ValidateCommand['data']['compatibility'];
  readonly skipChecks: ValidateCommand['data']['skipChecks'];
  readonly installedComponents: ValidateCommand['data']['installedComponents'];
  /** Of the target version: what it needs, how it is tried out, and what its canaries are held to. */
  readonly requires: ValidateCommand['data']['requires'];
  readonly smokeTests: ValidateCommand['data']['smokeTests'];
  readonly canaryMetrics: WatchCommand['data']['metrics'];
  /** The request's fields as they are answered again, defaults filled in. */
  readonly request: Readonly<Record<string, unknown>>;
}

export interface StoredExecution extends ExecutionBrief {
  readonly execution: Execution;
}

/** A listed instance that is to be taken, with the version it was seen on. */
export interface NewInstance {
  readonly index: number;
  /** Empty as long as its set is not there (BLUE_GREEN). */
  readonly instanceId: string;
  readonly fromVersion: string | null;
}

export interface StoredInstance extends NewInstance {
  readonly status: InstanceStatus;
  readonly attempt: number;
  readonly failure: string | null;
  readonly movedAtMs: number;
}

/** One execution's decisions of this transaction, together. */
export interface ExecutionChange {
  /** As it was locked. */
  readonly before: Execution;
  readonly next: Execution;
  /** In the order in which they were decided. */
  readonly facts: readonly Fact[];
}

/** An instance that moved, with what the engine needs to work on it. */
export interface MovedInstance {
  readonly index: number;
  readonly instanceId: string;
  readonly status: InstanceStatus;
  readonly attempt: number;
}

/** Rows did not stand where the decision took them to stand: load again and decide again. */
export class StaleExecutionError extends Error {
  override readonly name = 'StaleExecutionError';
}

/** The unique index says that the tenant's component has an active execution (I5). */
export class ActiveExecutionError extends Error {
  override readonly name = 'ActiveExecutionError';
}

export interface RecordedAction {
  readonly executionId: string;
  readonly action: ActionType | 'CREATE';
  readonly by: string;
  readonly reason: string | null;
  readonly force: boolean;
  readonly revision: number;
  readonly atMs: number;
}

export interface DeploymentRecord {
  readonly execution: Execution;
  /** Null: it stays what it was. */
  readonly currentVersionId: string | null;
  readonly leftOver: readonly LeftOver[];
}

/**
 * What an execution's end says of the deployment's observed versions when that is not counted from
 * its rows; null: they stay, because it has changed nothing. BLUE_GREEN's rows are a new set's: once
 * that is live it is what runs.
 */
export function observedWithoutRows(
  execution: Execution,
): { readonly observed: Record<string, number> | null } | 'BY_ROWS' {
  const { newSet, plan, total } = execution;
  if (plan.newSet === null && touched(execution) > 0) return 'BY_ROWS';
  return { observed: newSet?.state === 'LIVE' ? { [plan.to.version]: total } : null };
}

/** What of a deployment a new execution depends on. */
export interface StandingDeployment {
  /** The highest `handOver` any execution of it has reached; 0 when none. */
  readonly handOver: number;
  readonly currentVersionId: string | null;
  readonly target: WorkSnapshot['target'] | null;
  readonly standby: StandbySet | null;
}

export interface ExecutionTx extends ServiceTx {
  /** Throws {@link ActiveExecutionError}. */
  insert(stored: StoredExecution): Promise<void>;
  /**
   * The deployment as it stands, kept so until the end of the transaction; null when there is none.
   */
  deployment(tenantId: string, componentId: string): Promise<StandingDeployment | null>;
  /**
   * Locks rows in the order of their ids. `skip` leaves out those that another transaction holds;
   * `wait` waits for them. Unknown ids are left out.
   */
  lock(ids: readonly string[], mode: 'wait' | 'skip'): Promise<Map<string, StoredExecution>>;
  addInstances(
    executionId: string,
    instances: readonly NewInstance[],
    nowMs: number,
  ): Promise<void>;
  /** The instances of a new set become known: rows from `first` on get these ids, in order. */
  nameInstances(executionId: string, first: number, ids: readonly string[]): Promise<void>;
  /** Which of these instances an execution has moved and not brought back. */
  movedAmong(executionId: string, instanceIds: readonly string[]): Promise<string[]>;
  /** How the named instances stand now. Only under the execution's lock. */
  standing(executionId: string, indices: readonly number[]): Promise<StoredInstance[]>;
  /**
   * Writes all changes, set-based and guarded: revisions, instances, facts and outbox pointers.
   * Answers the instances that were taken by NEXT or came from PENDING, per execution. Throws
   * {@link StaleExecutionError} when a row stood elsewhere.
   */
  save(changes: readonly ExecutionChange[]): Promise<Map<string, MovedInstance[]>>;
  /** Instances by index, in pages: all, or only those the execution has touched. */
  pageOfInstances(
    executionId: string,
    page: { afterIndex: number; limit: number; touchedOnly: boolean },
  ): Promise<StoredInstance[]>;
  /** What it takes to run these versions (semver) of a component, as far as they are registered. */
  plannedVersions(componentId: string, versions: readonly string[]): Promise<PlannedVersion[]>;
  recordAction(action: RecordedAction): Promise<void>;
  recordDeployment(record: DeploymentRecord): Promise<void>;
  /** What its target says that it runs: version → how many; and by that its version, null: as it was. */
  recordObserved(
    deployment: { readonly tenantId: string; readonly componentId: string },
    versions: Readonly<Record<string, number>>,
    currentVersionId: string | null,
  ): Promise<void>;
  /** Which set the deployment keeps beside the live one; null: none any more. */
  recordStandby(
    deployment: { readonly tenantId: string; readonly componentId: string },
    standby: StandbySet | null,
  ): Promise<void>;
}

/** Null where anything will do. */
export interface ListFilter {
  readonly tenantId: string | null;
  readonly componentId: string | null;
  readonly statuses: readonly ExecutionStatus[] | null;
  readonly strategy: StrategyName | null;
  readonly kind: ExecutionKind | null;
  /** Whether it has not ended yet. */
  readonly active: boolean | null;
  readonly createdAfterMs: number | null;
  readonly createdBeforeMs: number | null;
  /** The last of the page before; null for the first page. */
  readonly after: { readonly createdAtMs: number; readonly id: string } | null;
  readonly limit: number;
}

export interface InstanceFilter {
  readonly statuses: readonly InstanceStatus[] | null;
  /** -1 for the first page. */
  readonly afterIndex: number;
  readonly limit: number;
}

/** Where the outbox points. */
export interface FactPointer {
  readonly executionId: string;
  /** Of the fact's first event. */
  readonly sequence: number;
}

/** A fact and what it takes to make events of it. */
export interface LocatedFact {
  readonly head: ProgressHead;
  readonly fact: ResolvedFact;
}

export abstract class ExecutionStore {
  abstract transaction<T>(work: (tx: ExecutionTx) => Promise<T>): Promise<T>;

  abstract get(id: string): Promise<StoredExecution | null>;
  /** Newest first. */
  abstract list(filter: ListFilter): Promise<StoredExecution[]>;
  abstract active(tenantId: string, componentId: string): Promise<StoredExecution | null>;
  /** Ordered by index. */
  abstract instances(id: string, filter: InstanceFilter): Promise<StoredInstance[]>;
  /** Progress events after a sequence, oldest first. */
  abstract events(id: string, afterSequence: number, limit: number): Promise<ProgressEvent[]>;

  /** Ids of the executions in these shards that have not ended: what a new owner takes over. */
  abstract activeIn(shards: readonly number[]): Promise<string[]>;
  /**
   * An execution's instances that are under way or FAILED: what the engine rebuilds its steps from,
   * and what it leaves out when the target counts its room.
   */
  abstract ownDown(id: string): Promise<StoredInstance[]>;
  /** Which of these instances are PENDING, as indices, ascending. */
  abstract pendingAmong(id: string, instanceIds: readonly string[]): Promise<number[]>;
  /**
   * Makes sure that facts of the next weeks have a place, and lets those go that have been kept
   * long enough. Called at start and now and then.
   */
  abstract makeRoomForFacts(nowMs: number): Promise<void>;
  /** Facts with their instances by name, in the order of the pointers; lost ones are left out. */
  abstract resolvedFacts(pointers: readonly FactPointer[]): Promise<LocatedFact[]>;
}
