import { SHARDS, shardOf } from '#postgres/shard-of.js';
import type { Clock } from '#runtime/clock.js';
import type { Execution } from '#core/execution/execution.js';
import type { WorkSnapshot } from '#contracts/work.messages.js';
import { TIDYING_LIMITS } from './orchestrator-limits.js';
import type {
  ExecutionStore,
  ExecutionTx,
  StoredExecution,
} from './persistence/execution.store.js';

/** Timers that fire for executions that have ended: so they are no reports to them. */
export const TIDYING = ['RETIRE_STANDBY', 'EVEN_TRAFFIC'] as const;
export type Tidying = (typeof TIDYING)[number];

/** An operation on a target's sets that an ended execution has left to be done. */
export interface DueTidying {
  readonly target: WorkSnapshot['target'];
  readonly handOver: number;
  readonly drainTimeoutMs: number;
  readonly operation:
    | { readonly verb: 'retireSet'; readonly set: string }
    | { readonly verb: 'weigh'; readonly version: string };
}

/**
 * What remains to be done when an execution has ended: the set that BLUE_GREEN has kept goes when
 * its time is over, and traffic that was weighed for canaries is evened after their rollback.
 */
export class TidyingRunner {
  constructor(
    private readonly store: ExecutionStore,
    private readonly clock: Clock,
  ) {}

  /** Null when there is nothing to do (any more), or not now, in which case it comes again. */
  due(executionId: string, kind: Tidying): Promise<DueTidying | null> {
    return this.store.transaction(async (tx) => {
      const stored = (await tx.lock([executionId], 'wait')).get(executionId);
      const operation = stored === undefined ? null : await this.#operation(tx, stored, kind);
      if (stored === undefined || operation === null) {
        await tx.disarm([{ subject: executionId, kind }]);
        return null;
      }
      const { execution, snapshot } = stored;
      const { tenantId, componentId, plan, handOver } = execution;
      // One that runs goes on from the kept set, or retires it first: it knows of it.
      const isUsed =
        kind === 'RETIRE_STANDBY' && (await this.store.active(tenantId, componentId)) !== null;
      if (isUsed) {
        await this.#postpone(tx, executionId, kind);
        return null;
      }
      const drainTimeoutMs = plan.drainTimeoutSeconds * 1_000;
      return { target: snapshot.target, handOver, drainTimeoutMs, operation };
    });
  }

  /** It is done, or somebody with a higher fence drives the target now. */
  done(executionId: string, kind: Tidying): Promise<void> {
    return this.store.transaction(async (tx) => {
      const stored = (await tx.lock([executionId], 'wait')).get(executionId);
      if (stored !== undefined && kind === 'RETIRE_STANDBY') {
        const set = await keptSet(tx, stored.execution);
        if (set !== null) await tx.recordStandby(stored.execution, null);
      }
      await tx.disarm([{ subject: executionId, kind }]);
    });
  }

  /** It could not be done now. */
  postpone(executionId: string, kind: Tidying): Promise<void> {
    return this.store.transaction((tx) => this.#postpone(tx, executionId, kind));
  }

  async #operation(
    tx: ExecutionTx,
    { execution }: StoredExecution,
    kind: Tidying,
  ): Promise<DueTidying['operation'] | null> {
    if (kind === 'EVEN_TRAFFIC') {
      const version = execution.plan.to.version;
      return execution.weighed === null ? null : { verb: 'weigh', version };
    }
    const set = await keptSet(tx, execution);
    return set === null ? null : { verb: 'retireSet', set };
  }

  #postpone(tx: ExecutionTx, subject: string, kind: Tidying): Promise<void> {
    const atMs = this.clock.nowMs() + TIDYING_LIMITS.againAfterMs;
    return tx.arm([{ shard: shardOf(subject, SHARDS), subject, kind, atMs }]);
  }
}

/** The set this execution has left and the deployment still keeps: another may have been since. */
async function keptSet(tx: ExecutionTx, execution: Execution): Promise<string | null> {
  const { tenantId, componentId, newSet } = execution;
  const deployment = await tx.deployment(tenantId, componentId);
  const set = deployment?.standby?.set ?? null;
  return set !== null && set === newSet?.previous ? set : null;
}
