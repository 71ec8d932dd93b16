import { StaleEpochError, TransientDatabaseError } from '#postgres/service-database.js';
import { SHARDS, shardOf } from '#postgres/shard-of.js';
import type { ShardLeases } from '#postgres/shard-leases.js';
import type { Clock } from '#runtime/clock.js';
import { Coalescer } from '#runtime/coalescer.js';
import { REMINDER_EVERY_MS } from '#core/limits.js';
import { createExecution, type Execution } from '#core/execution/execution.js';
import type { Action } from '#core/execution/execution-inputs.js';
import type { Fact } from '#core/execution/execution-facts.js';
import type { CreateExecution } from './create-execution.js';
import { RUNNER_LIMITS } from './orchestrator-limits.js';
import {
  ActiveExecutionError,
  StaleExecutionError,
  type ExecutionBrief,
  type ExecutionStore,
  type ExecutionTx,
  type StandingDeployment,
  type StoredExecution,
} from './persistence/execution.store.js';
import { Refusal } from './refusal.js';
import {
  ImpossibleReportError,
  WAKE,
  type Answer,
  type Asked,
  type Committed,
  type Judged,
  type RunnerEvents,
} from './upgrade-asked.runner.js';
import { UpgradeTransaction, wakeOwners } from './upgrade-transaction.runner.js';

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
    const { id, tenantId, componentId, kind, revertOf, plan, by, ...brief } = asked;
    const nowMs = this.clock.nowMs();
    try {
      const created = await this.store.transaction(async (tx) => {
        const deployment = await tx.deployment(tenantId, componentId);
        if (deployment !== null && !isAsJudged(deployment, asked)) throw changedMeanwhile();
        const handOver = deployment?.handOver ?? 0;
        const created = { id, tenantId, componentId, kind, revertOf, plan, handOver };
        const execution = createExecution(created, nowMs);
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
        if (revertOf !== null) await this.#recordRevert(tx, { ...asked, revertOf }, nowMs);
        const first = firstFact(execution, by, nowMs);
        const next = { ...execution, sequence: 1 };
        const shard = shardOf(id, SHARDS);
        const atMs = nowMs + REMINDER_EVERY_MS;
        await tx.arm([{ shard, subject: id, kind: 'REMINDER', atMs }]);
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

  /** Beside the reverted execution, which itself stays as it has ended. */
  async #recordRevert(
    tx: ExecutionTx,
    { revertOf, id, by }: { readonly revertOf: string; readonly id: string; readonly by: string },
    atMs: number,
  ): Promise<void> {
    const reverted = (await tx.lock([revertOf], 'wait')).get(revertOf)?.execution;
    if (reverted === undefined) return;
    const { revision } = reverted;
    const reason = `by ${id}`;
    const what = { executionId: revertOf, action: 'REVERT', by, reason, force: false } as const;
    await tx.recordAction({ ...what, revision, atMs });
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
    if (answer?.kind === 'COMMITTED') return answer.change.stored;
    // Allowed, and it changes nothing about this execution: a revert is another one.
    if (answer?.kind === 'ABSORBED' && answer.stored !== null) return answer.stored;
    throw new Error(`an action was answered ${String(answer?.kind)}`);
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
    const committing = this.store.transaction(async (tx) => {
      judged.length = 0;
      const transaction = new UpgradeTransaction(tx, this.clock.nowMs(), judged);
      const answered = await transaction.run(asked, mode, owned);
      const impossible = answered.find((answer) => answer.kind === 'IMPOSSIBLE');
      if (refuseImpossible && impossible) throw new ImpossibleReportError(impossible.reason);
      return answered;
    });
    const answers = await committing.catch((error: unknown) => {
      this.#doubt(asked, error);
      throw error;
    });
    for (const one of judged) this.events.decided(one);
    const told = new Set<Committed>();
    for (const answer of answers) {
      if (answer.kind !== 'COMMITTED' || told.has(answer.change)) continue;
      told.add(answer.change);
      this.events.committed(answer.change);
    }
    await this.#tellNewOwners(told, owned);
    return answers;
  }

  /**
   * A shard was given up while this was being committed: whoever took it may have read the rows
   * before, and nobody told it. What is committed stays so, whether or not this gets through.
   */
  async #tellNewOwners(
    told: ReadonlySet<Committed>,
    ownedBefore: ReadonlySet<number>,
  ): Promise<void> {
    const held = new Set(this.leases.heldNow().map(({ shard }) => shard));
    const ids = [...told].map(({ stored }) => stored.execution.id);
    const handedOn = ids.filter((id) => {
      const shard = shardOf(id, SHARDS);
      return ownedBefore.has(shard) && !held.has(shard);
    });
    if (handedOn.length === 0) return;
    const telling = this.store.transaction((tx) => wakeOwners(tx, handedOn, this.clock.nowMs()));
    await telling.catch(() => undefined);
  }

  /** It may have been committed all the same, and then nobody would go on from it. */
  #doubt(asked: readonly Asked[], error: unknown): void {
    if (!(error instanceof TransientDatabaseError) || error.outcome !== 'unknown') return;
    this.events.doubted?.([...new Set(asked.map(({ executionId }) => executionId))]);
  }
}

/** Targets are asked for seconds before this: meanwhile the deployment may have become another. */
function isAsJudged(deployment: StandingDeployment, asked: CreateExecution): boolean {
  const { currentVersionId, target, standby } = deployment;
  const { kind, plan, snapshot } = asked;
  const isKept = [plan.newSet, plan.staleSet].includes(standby?.set ?? null);
  return (
    // What a REVERT takes back may never have become the current version.
    (kind === 'REVERT' || currentVersionId === null || currentVersionId === plan.from.id) &&
    (target === null || JSON.stringify(target) === JSON.stringify(snapshot.target)) &&
    (standby === null || isKept)
  );
}

function changedMeanwhile(): Refusal {
  const title = 'The deployment changed while the upgrade was being judged: ask again';
  return new Refusal('DEPLOYMENT_CHANGED', 409, title);
}

interface Failed {
  readonly kind: 'FAILED';
  readonly error: unknown;
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
