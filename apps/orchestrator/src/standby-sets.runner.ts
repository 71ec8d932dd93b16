import { SHARDS, shardOf } from '#postgres/shard-of.js';
import type { Clock } from '#runtime/clock.js';
import type { WorkSnapshot } from '#contracts/work.messages.js';
import { STANDBY_LIMITS } from './orchestrator-limits.js';
import type {
  ExecutionStore,
  ExecutionTx,
  StoredExecution,
} from './persistence/execution.store.js';

const KIND = 'RETIRE_STANDBY';

/** What it takes to retire a set that a BLUE_GREEN upgrade has kept. */
export interface DueStandby {
  readonly set: string;
  readonly target: WorkSnapshot['target'];
  readonly handOver: number;
  readonly drainTimeoutMs: number;
}

/** Sets that are kept beside the live one until their time is over. */
export class StandbySetsRunner {
  constructor(
    private readonly store: ExecutionStore,
    private readonly clock: Clock,
  ) {}

  /**
   * The kept set of an execution whose time is over; null when there is nothing to retire: another
   * upgrade has done so, or is using it, in which case it is looked at again later.
   */
  due(executionId: string): Promise<DueStandby | null> {
    return this.store.transaction(async (tx) => {
      const { stored, set } = await this.#kept(tx, executionId);
      if (stored === null || set === null) {
        await this.#disarm(tx, executionId);
        return null;
      }
      const { tenantId, componentId, plan, handOver } = stored.execution;
      if ((await this.store.active(tenantId, componentId)) !== null) {
        await this.#postpone(tx, executionId);
        return null;
      }
      const drainTimeoutMs = plan.drainTimeoutSeconds * 1_000;
      return { set, target: stored.snapshot.target, handOver, drainTimeoutMs };
    });
  }

  /** It is gone: the deployment keeps none any more. */
  retired(executionId: string): Promise<void> {
    return this.store.transaction(async (tx) => {
      const { stored, set } = await this.#kept(tx, executionId);
      if (stored !== null && set !== null) await tx.recordStandby(stored.execution, null);
      await this.#disarm(tx, executionId);
    });
  }

  /** It could not be retired now. */
  postpone(executionId: string): Promise<void> {
    return this.store.transaction((tx) => this.#postpone(tx, executionId));
  }

  async #kept(
    tx: ExecutionTx,
    executionId: string,
  ): Promise<{ stored: StoredExecution | null; set: string | null }> {
    const stored = (await tx.lock([executionId], 'wait')).get(executionId) ?? null;
    if (stored === null) return { stored, set: null };
    const { tenantId, componentId, newSet } = stored.execution;
    const deployment = await tx.deployment(tenantId, componentId);
    const set = deployment?.standby?.set ?? null;
    // Another execution may have kept another one since.
    return { stored, set: set !== null && set === newSet?.previous ? set : null };
  }

  #postpone(tx: ExecutionTx, executionId: string): Promise<void> {
    const atMs = this.clock.nowMs() + STANDBY_LIMITS.againAfterMs;
    return tx.arm([
      { shard: shardOf(executionId, SHARDS), subject: executionId, kind: KIND, atMs },
    ]);
  }

  #disarm(tx: ExecutionTx, executionId: string): Promise<void> {
    return tx.disarm([{ subject: executionId, kind: KIND }]);
  }
}
