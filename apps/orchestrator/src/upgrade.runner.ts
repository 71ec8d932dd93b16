import { SHARDS, shardOf } from '#postgres/shard-of.js';
import { StaleEpochError, TransientDatabaseError, type Lease } from '#postgres/service-database.js';
import type { ShardLeases } from '#postgres/shard-leases.js';
import type { Clock } from '#runtime/clock.js';
import { Coalescer } from '#runtime/coalescer.js';
import { decide, type Decision } from '#core/execution/decide.js';
import { createExecution, type Execution } from '#core/execution/execution.js';
import {
  isAction,
  type Action,
  type Input,
  type Report,
} from '#core/execution/execution-inputs.js';
import type { Fact } from '#core/execution/execution-facts.js';
import type { Request, TimerKind } from '#core/execution/execution-requests.js';
import { takePage, type ListedPage, type TakenInstance } from '#core/execution/listing.js';
import type { LeftOver } from '#core/execution/execution.js';
import { RUNNER_LIMITS } from './orchestrator-limits.js';
import { Refusal } from './refusal.js';
import {
  ActiveExecutionError,
  StaleExecutionError,
  type ExecutionBrief,
  type ExecutionStore,
  type ExecutionTx,
  type MovedInstance,
  type StoredExecution,
} from './persistence/execution.store.js';
import type { CreateExecution } from './create-execution.js';
import { carryOut } from './upgrade-requests.runner.js';

export type { MovedInstance, StoredExecution };

/** What the engine reads of executions. */
export type EngineReads = Pick<ExecutionStore, 'get' | 'activeIn' | 'ownDown' | 'pendingAmong'>;

/** A report as it arrives: what it means is seen under the execution's lock. */
export type RawReport =
  | Report
  | ({ readonly type: 'PAGE_READ' } & ListedPage)
  | {
      readonly type: 'ROLLBACK_ANSWERED';
      readonly handOver: number;
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
export abstract class RunnerEvents {
  /** Called for each execution that changed in this process. Must not throw. */
  abstract committed(change: Committed): void;
  /** What became of an input, for the metrics and the log. Must not throw. */
  abstract decided(judged: Judged): void;
}

/** An execution's state while a transaction decides several inputs of it, one after another. */
interface Working {
  readonly before: StoredExecution;
  next: Execution;
  readonly facts: Fact[];
  readonly requests: Request[];
  readonly taken: TakenInstance[];
  readonly actions: Action[];
}

/**
 * Load → decide → commit: the only file that joins the rules and the store.
 *
 * Many inputs share a transaction; those of one execution are decided in memory one after another.
 * A shared commit that fails is split until the one bad execution stands alone.
 */
export class UpgradeRunner {
  readonly #engine: Coalescer<Asked, Answer | Failed>;

  constructor(
    private readonly store: ExecutionStore,
    private readonly leases: ShardLeases,
    private readonly clock: Clock,
    private readonly events: RunnerEvents,
  ) {
    this.#engine = new Coalescer((asked) => this.#commitSplitting(asked, 'skip'), {
      maxGroup: RUNNER_LIMITS.inputsPerCommitMax,
      maxQueue: RUNNER_LIMITS.inputsWaitingMax,
    });
  }

  /** Stores a new execution, PENDING. Refusal 409 when the component has an active one. */
  async create(asked: CreateExecution): Promise<StoredExecution> {
    const { id, tenantId, componentId, kind, plan, by, ...brief } = asked;
    const nowMs = this.clock.nowMs();
    try {
      const created = await this.store.transaction(async (tx) => {
        const handOver = await tx.handOverOf(tenantId, componentId);
        const asked = { id, tenantId, componentId, kind, plan, handOver };
        const execution = createExecution(asked, nowMs);
        const stored = { ...(brief satisfies ExecutionBrief), execution };
        await tx.insert(stored);
        const action = {
          executionId: id,
          action: 'CREATE',
          by,
          reason: null,
          force: false,
        } as const;
        await tx.recordAction({ ...action, revision: execution.revision, atMs: nowMs });
        const first = firstFact(execution, by, nowMs);
        const next = { ...execution, sequence: 1 };
        await tx.save([{ before: execution, next, facts: [first] }]);
        return { ...stored, execution: next };
      });
      this.events.committed({ stored: created, taken: [] });
      return created;
    } catch (error) {
      if (!(error instanceof ActiveExecutionError)) throw error;
      const active = await this.store.active(tenantId, componentId);
      throw new Refusal('ACTIVE_EXECUTION', 409, 'The component has an active upgrade', {
        activeExecutionId: active?.execution.id ?? null,
      });
    }
  }

  /** An action of a person, judged by the status it finds. Throws {@link Refusal}. */
  async act(
    executionId: string,
    action: Action,
    strict: Asked['strict'],
  ): Promise<StoredExecution> {
    const asked = { executionId, input: action, ...(strict && { strict }) };
    const [answer] = await this.#commit([asked], 'wait');
    if (answer?.kind === 'REFUSED') throw answer.refusal;
    if (answer?.kind !== 'COMMITTED')
      throw new Error(`an action was answered ${String(answer?.kind)}`);
    return answer.change.stored;
  }

  /**
   * A report of the engine: shares its commit with those of other executions. Rejects with
   * TransientDatabaseError when the database could not be reached: report it again.
   */
  async report(asked: Asked): Promise<Answer> {
    const answer = await this.#engine.push(asked);
    if (answer.kind === 'FAILED') throw answer.error;
    return answer;
  }

  /**
   * Answers of services, in one transaction with their inbox rows. All or nothing: throws
   * {@link ImpossibleReportError} when one of them cannot belong to its execution.
   */
  async absorb(asked: readonly Asked[]): Promise<void> {
    await this.#commit(asked, 'wait', true);
  }

  /** Wake-up rows of executions that have been looked at. */
  disarmWakes(executionIds: readonly string[]): Promise<void> {
    const timers = executionIds.map((subject) => ({ subject, kind: WAKE }));
    return this.store.transaction((tx) => tx.disarm(timers));
  }

  /** Resolves when every report that was handed in is committed. */
  idle(): Promise<void> {
    return this.#engine.idle();
  }

  async #commitSplitting(
    asked: readonly Asked[],
    mode: 'wait' | 'skip',
  ): Promise<(Answer | Failed)[]> {
    try {
      return await this.#commit(asked, mode);
    } catch (error) {
      const ids = [...new Set(asked.map(({ executionId }) => executionId))];
      if (ids.length > 1 && !(error instanceof TransientDatabaseError)) {
        const firstHalf = new Set(ids.slice(0, Math.ceil(ids.length / 2)));
        const [first, second] = [true, false].map((inFirst) =>
          asked.filter(({ executionId }) => firstHalf.has(executionId) === inFirst),
        ) as [Asked[], Asked[]];
        const answers = new Map<Asked, Answer | Failed>();
        for (const half of [first, second]) {
          const ofHalf = await this.#commitSplitting(half, mode);
          half.forEach((one, at) => answers.set(one, ofHalf[at] as Answer | Failed));
        }
        return asked.map((one) => answers.get(one) as Answer | Failed);
      }
      if (error instanceof StaleEpochError || error instanceof StaleExecutionError) {
        return asked.map(() => ({ kind: 'STALE', reason: error.message }));
      }
      return asked.map(() => ({ kind: 'FAILED', error }));
    }
  }

  async #commit(
    asked: readonly Asked[],
    mode: 'wait' | 'skip',
    refuseImpossible = false,
  ): Promise<Answer[]> {
    const owned = new Set(this.leases.heldNow().map(({ shard }) => shard));
    const judged: Judged[] = [];
    const answers = await this.store.transaction(async (tx) => {
      judged.length = 0;
      const transaction = new RunnerTransaction(tx, this.clock.nowMs(), judged);
      const answered = await transaction.run(asked, mode, owned);
      const impossible = answered.find((answer) => answer.kind === 'IMPOSSIBLE');
      if (refuseImpossible && impossible) throw new ImpossibleReportError(impossible.reason);
      return answered;
    });
    for (const one of judged) this.events.decided(one);
    const told = new Set<Committed>();
    for (const answer of answers) {
      if (answer.kind !== 'COMMITTED' || told.has(answer.change)) continue;
      told.add(answer.change);
      this.events.committed(answer.change);
    }
    return answers;
  }
}

/** A service's answer that cannot belong to its execution: a dead letter. */
export class ImpossibleReportError extends Error {
  override readonly name = 'ImpossibleReportError';
}

interface Failed {
  readonly kind: 'FAILED';
  readonly error: unknown;
}

/** A timer row's kind: its execution was changed by another replica. */
export const WAKE = 'WAKE';

/** The timers whose firing is a report. */
const FIRED: Readonly<Partial<Record<Input['type'], TimerKind>>> = {
  BATCH_DELAY_OVER: 'BATCH_DELAY',
  DEADLINE_PASSED: 'DEADLINE',
};

/** What happens inside one transaction. */
class RunnerTransaction {
  readonly #working = new Map<string, Working>();
  readonly #fired: { subject: string; kind: TimerKind }[] = [];

  constructor(
    private readonly tx: ExecutionTx,
    private readonly nowMs: number,
    private readonly judged: Judged[],
  ) {}

  async run(
    asked: readonly Asked[],
    mode: 'wait' | 'skip',
    owned: ReadonlySet<number>,
  ): Promise<Answer[]> {
    const ids = [...new Set(asked.map(({ executionId }) => executionId))].sort();
    const keys = asked.flatMap(({ inboxKey }) => (inboxKey === undefined ? [] : [inboxKey]));
    const [fresh, , locked] = await Promise.all([
      this.tx.admit(keys),
      this.tx.holdLeases(leasesOf(asked)),
      this.tx.lock(ids, mode),
    ]);
    const answers: (Answer | 'CHANGED')[] = [];
    for (const one of asked) {
      const stored = locked.get(one.executionId);
      if (one.inboxKey !== undefined && !fresh.delete(one.inboxKey)) {
        answers.push({ kind: 'ABSORBED', stored: stored ?? null });
      } else if (stored === undefined) {
        answers.push(mode === 'skip' ? { kind: 'BUSY' } : unknownExecution(one));
      } else {
        answers.push(await this.#decide(one, stored));
      }
    }
    // A timer that fired is gone, unless what was decided arms it again.
    await this.tx.disarm(this.#fired);
    const changes = await this.#write(owned);
    return answers.map((answer, at) => {
      if (answer !== 'CHANGED') return answer;
      return {
        kind: 'COMMITTED',
        change: changes.get((asked[at] as Asked).executionId) as Committed,
      };
    });
  }

  async #decide(asked: Asked, stored: StoredExecution): Promise<Answer | 'CHANGED'> {
    const working = this.#working.get(asked.executionId) ?? workingOn(stored);
    const refusal = notAsInsisted(asked, working.next);
    if (refusal !== null) return { kind: 'REFUSED', refusal };
    const { input, taken } = await this.#understood(asked.input, working.next);
    const decision = decide(working.next, input, this.nowMs);
    const fired = FIRED[input.type];
    if (fired !== undefined) this.#fired.push({ subject: asked.executionId, kind: fired });
    this.judged.push({
      executionId: asked.executionId,
      input: input.type,
      kind: decision.kind,
      rows: 'rows' in decision ? decision.rows : [],
      facts: decision.kind === 'DECIDED' ? decision.facts : [],
    });
    switch (decision.kind) {
      case 'REFUSED':
        return {
          kind: 'REFUSED',
          refusal: notAllowed(working.next, input, decision.allowedActions),
        };
      case 'IMPOSSIBLE':
        return { kind: 'IMPOSSIBLE', reason: decision.reason };
      case 'ABSORBED':
        return { kind: 'ABSORBED', stored: { ...stored, execution: working.next } };
      case 'DECIDED':
        working.next = decision.next;
        working.facts.push(...decision.facts);
        working.requests.push(...decision.requests);
        working.taken.push(...taken);
        if (isAction(input)) working.actions.push(input);
        this.#working.set(asked.executionId, working);
        return 'CHANGED';
    }
  }

  /** What a report means can depend on how the rows stand, which only the lock's holder knows. */
  async #understood(
    input: Action | RawReport,
    execution: Execution,
  ): Promise<{ input: Input; taken: readonly TakenInstance[] }> {
    if (input.type === 'PAGE_READ') {
      if (execution.status !== 'VALIDATING') {
        const { cursor, nextCursor } = input;
        const counts = { listed: 0, taken: 0, alreadyThere: 0 };
        return { input: { type: 'INSTANCES_LISTED', ...counts, cursor, nextCursor }, taken: [] };
      }
      const { report, taken } = takePage(execution, input);
      return { input: report, taken };
    }
    if (input.type !== 'ROLLBACK_ANSWERED') return { input, taken: [] };
    const { handOver, leftOver, done } = input;
    const standing = await this.tx.standing(execution.id, input.restored);
    const restored = Map.groupBy(
      standing.filter(({ status }) => status !== 'ROLLED_BACK' && status !== 'PENDING'),
      ({ status }) => status,
    );
    return {
      input: {
        type: 'ROLLBACK_PROGRESSED',
        handOver,
        leftOver,
        done,
        restored: [...restored].map(([from, instances]) => {
          return { from, indices: instances.map(({ index }) => index) };
        }),
      },
      taken: [],
    };
  }

  async #write(owned: ReadonlySet<number>): Promise<ReadonlyMap<string, Committed>> {
    const all = [...this.#working.values()];
    if (all.length === 0) return new Map();
    const added = all.map(({ next, taken }) => this.tx.addInstances(next.id, taken, this.nowMs));
    const saved = this.tx.save(
      all.map(({ before, next, facts }) => ({ before: before.execution, next, facts })),
    );
    const recorded = all.flatMap((working) => this.#recordActions(working));
    // All at once: of two that fail, one that nobody awaited would end the process.
    const [moved] = await Promise.all([saved, ...added, ...recorded]);
    const changes = new Map<string, Committed>();
    const foreign: string[] = [];
    for (const working of all) {
      const stored = { ...working.before, execution: working.next };
      await carryOut(this.tx, stored, working.requests);
      changes.set(working.next.id, { stored, taken: moved.get(working.next.id) ?? [] });
      if (!owned.has(shardOf(working.next.id, SHARDS))) foreign.push(working.next.id);
    }
    await this.#wakeOwners(foreign);
    return changes;
  }

  #recordActions({ next, actions }: Working): Promise<void>[] {
    return actions.map(({ type, by, reason, force }) => {
      const { id: executionId, revision } = next;
      const action = { executionId, action: type, by, reason, force };
      return this.tx.recordAction({ ...action, revision, atMs: this.nowMs });
    });
  }

  /** The owner is another replica: a notification now, and a row in case it gets lost. */
  async #wakeOwners(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    const timers = ids.map((subject) => {
      return { shard: shardOf(subject, SHARDS), subject, kind: WAKE, atMs: this.nowMs };
    });
    await Promise.all([this.tx.arm(timers), this.tx.tell(ids)]);
  }
}

function workingOn(before: StoredExecution): Working {
  const { execution: next } = before;
  return { before, next, facts: [], requests: [], taken: [], actions: [] };
}

function leasesOf(asked: readonly Asked[]): Lease[] {
  const byShard = new Map<number, Lease>();
  for (const { lease } of asked) if (lease !== undefined) byShard.set(lease.shard, lease);
  return [...byShard.values()].sort((a, b) => a.shard - b.shard);
}

function unknownExecution(asked: Asked): Answer {
  if (!isAction(asked.input as Input)) {
    return { kind: 'IMPOSSIBLE', reason: `there is no execution ${asked.executionId}` };
  }
  return { kind: 'REFUSED', refusal: noSuchUpgrade(asked.executionId) };
}

function noSuchUpgrade(id: string): Refusal {
  return new Refusal('NOT_FOUND', 404, `There is no upgrade ${id}`);
}

function notAsInsisted({ strict }: Asked, execution: Execution): Refusal | null {
  if (strict === undefined) return null;
  if (strict.tenantId !== null && strict.tenantId !== execution.tenantId) {
    return noSuchUpgrade(execution.id);
  }
  if (strict.ifMatchRevision !== null && strict.ifMatchRevision !== execution.revision) {
    return new Refusal('REVISION_MISMATCH', 412, 'The upgrade has another revision by now', {
      currentRevision: execution.revision,
      currentStatus: execution.status,
    });
  }
  return null;
}

function notAllowed(
  execution: Execution,
  input: Input,
  allowedActions: readonly string[],
): Refusal {
  const doing = execution.stopping === null ? '' : ` and stopping to ${execution.stopping.to}`;
  return new Refusal(
    'NOT_ALLOWED',
    409,
    `${input.type} is not allowed while the upgrade is ${execution.status}${doing}`,
    { currentStatus: execution.status, allowedActions },
  );
}

function firstFact(execution: Execution, by: string, nowMs: number): Fact {
  return {
    type: 'STATUS_CHANGED',
    from: null,
    to: 'PENDING',
    by,
    sequence: 1,
    revision: execution.revision,
    atMs: nowMs,
    executionStatus: 'PENDING',
    why: 'created',
    before: { total: 0, completed: 0, failed: 0, rolledBack: 0, percentage: 0 },
  };
}
