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

const { againAfterMs, placeAfterMs, silentAskedForMs } = TIDYING_LIMITS;

/** Timers that fire for executions that have ended: so they are no reports to them. */
export const TIDYING = ['RETIRE_STANDBY', 'EVEN_TRAFFIC', 'OBSERVE'] as const;
export type Tidying = (typeof TIDYING)[number];

/** Under this those instances are counted that do not say which version they run. */
export const UNKNOWN_VERSION = 'unknown';

/** What a target says that it runs. */
export interface Census {
  /** Version → how many instances of the live set. */
  readonly versions: Readonly<Record<string, number>>;
  /** Sets beside the live one, by name. */
  readonly standing: readonly string[];
}

/** What an ended execution has left to be done at its target. */
export interface DueTidying {
  readonly target: WorkSnapshot['target'];
  readonly handOver: number;
  readonly drainTimeoutMs: number;
  readonly operation:
    | { readonly verb: 'retireSet'; readonly set: string }
    | { readonly verb: 'weigh'; readonly version: string }
    | { readonly verb: 'observe' };
}

/**
 * What remains to be done when an execution has ended: its target is asked what runs, so that the
 * deployment says what is and not what should be; the set that BLUE_GREEN has kept goes when its time
 * is over; traffic that was weighed for canaries is evened.
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
      const { plan } = execution;
      const handOver =
        kind === 'RETIRE_STANDBY' ? await this.#turnOfSet(tx, execution) : execution.handOver;
      if (handOver === null) return null;
      const drainTimeoutMs = plan.drainTimeoutSeconds * 1_000;
      return { target: snapshot.target, handOver, drainTimeoutMs, operation };
    });
  }

  /** The hand-over under which the kept set goes. Null: not now, and it comes again. */
  async #turnOfSet(tx: ExecutionTx, execution: Execution): Promise<number | null> {
    const { id, tenantId, componentId } = execution;
    // One that runs goes on from the kept set, or retires it first: it knows of it.
    if ((await this.store.active(tenantId, componentId)) !== null) {
      await this.#postpone(tx, id, 'RETIRE_STANDBY', againAfterMs);
      return null;
    }
    const deployment = await tx.deployment(tenantId, componentId);
    // A later execution may have found the set standing, and keeps it for a time of its own.
    const earlyMs = (deployment?.standby?.retireAtMs ?? 0) - this.clock.nowMs();
    if (earlyMs > 0) {
      const forMs = Math.max(earlyMs, placeAfterMs);
      await this.#postpone(tx, id, 'RETIRE_STANDBY', forMs);
      return null;
    }
    // Later executions that left the set alone may have driven the target since.
    return Math.max(deployment?.handOver ?? 0, execution.handOver);
  }

  /** It is done. */
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

  /**
   * Somebody with a higher fence drives the target. A later execution: the traffic this one has left
   * is its business. The next owner of this one: that does it, and until it has, it stays to be done;
   * so does a kept set for as long as the deployment keeps it, whoever has driven the target since.
   */
  superseded(executionId: string, kind: Tidying): Promise<void> {
    return this.store.transaction(async (tx) => {
      const execution = (await tx.lock([executionId], 'wait')).get(executionId)?.execution;
      const isOurs = execution !== undefined && (await isLeftTo(tx, execution, kind));
      if (isOurs) await this.#postpone(tx, executionId, kind, againAfterMs);
      else await tx.disarm([{ subject: executionId, kind }]);
    });
  }

  /**
   * What the target runs now is written down, unless another execution has begun since. It is asked
   * again while an instance is silent, for `silentAskedForMs` after the end: a process that restarts
   * says soon what it runs, and one that never does is seen by the next execution.
   */
  observed(executionId: string, { versions, standing }: Census): Promise<void> {
    return this.store.transaction(async (tx) => {
      const execution = (await tx.lock([executionId], 'wait')).get(executionId)?.execution;
      const deployment =
        execution && (await tx.deployment(execution.tenantId, execution.componentId));
      const isLatest = execution !== undefined && deployment?.handOver === execution.handOver;
      if (isLatest) {
        await tx.recordObserved(execution, versions, await versionFound(tx, execution, versions));
        await this.#keepFound(tx, execution, standing, deployment.standby?.set);
      }
      const isSilent = isLatest && UNKNOWN_VERSION in versions;
      if (isSilent && this.clock.nowMs() < execution.lastProgressAtMs + silentAskedForMs) {
        await this.#postpone(tx, executionId, 'OBSERVE', againAfterMs);
      } else await tx.disarm([{ subject: executionId, kind: 'OBSERVE' }]);
    });
  }

  /** A rollback of a set that did not end well: the set that is not live must not stand for ever. */
  async #keepFound(
    tx: ExecutionTx,
    execution: Execution,
    standing: readonly string[],
    kept: string | undefined,
  ): Promise<void> {
    const { newSet, plan } = execution;
    if (newSet?.state !== 'UNKNOWN') return;
    const set = standing.find((name) => name === newSet.name || name === newSet.previous);
    // Found again: its time runs already.
    if (set !== undefined && set === kept) return;
    const retireAtMs = this.clock.nowMs() + plan.blueGreenRetentionSeconds * 1_000;
    const versionId = set === newSet.name ? plan.to.id : plan.from.id;
    await tx.recordStandby(execution, set === undefined ? null : { set, versionId, retireAtMs });
    if (set === undefined) return;
    const subject = execution.id;
    const shard = shardOf(subject, SHARDS);
    await tx.arm([{ shard, subject, kind: 'RETIRE_STANDBY', atMs: retireAtMs }]);
  }

  /** It could not be done now. */
  postpone(executionId: string, kind: Tidying, forMs: number = againAfterMs): Promise<void> {
    return this.store.transaction((tx) => this.#postpone(tx, executionId, kind, forMs));
  }

  async #operation(
    tx: ExecutionTx,
    { execution }: StoredExecution,
    kind: Tidying,
  ): Promise<DueTidying['operation'] | null> {
    if (kind === 'OBSERVE') return { verb: 'observe' };
    if (kind === 'EVEN_TRAFFIC') {
      const version = execution.plan.to.version;
      return execution.weighed === null ? null : { verb: 'weigh', version };
    }
    const set = await keptSet(tx, execution);
    return set === null ? null : { verb: 'retireSet', set };
  }

  #postpone(tx: ExecutionTx, subject: string, kind: Tidying, forMs: number): Promise<void> {
    const atMs = this.clock.nowMs() + forMs;
    return tx.arm([{ shard: shardOf(subject, SHARDS), subject, kind, atMs }]);
  }
}

/**
 * The version of the component that all run which the target lists, whatever became of the
 * execution: what its rows say may have changed since, and what has come to the fleet by itself need
 * not run either of its two. Null, where they differ or it is not registered: the deployment's
 * version stays.
 */
async function versionFound(
  tx: ExecutionTx,
  { componentId }: Execution,
  versions: Census['versions'],
): Promise<string | null> {
  const [only, ...others] = Object.keys(versions);
  if (only === undefined || others.length > 0) return null;
  const [found] = await tx.plannedVersions(componentId, [only]);
  return found?.id ?? null;
}

async function isLeftTo(tx: ExecutionTx, execution: Execution, kind: Tidying): Promise<boolean> {
  if (kind === 'RETIRE_STANDBY') return (await keptSet(tx, execution)) !== null;
  const deployment = await tx.deployment(execution.tenantId, execution.componentId);
  return deployment?.handOver === execution.handOver;
}

/**
 * The set this execution has left and the deployment still keeps. A revert that went back to it has
 * left the other one of the two, which is that one's to retire.
 */
async function keptSet(tx: ExecutionTx, execution: Execution): Promise<string | null> {
  const { tenantId, componentId, newSet } = execution;
  const deployment = await tx.deployment(tenantId, componentId);
  const set = deployment?.standby?.set ?? null;
  const isLeft = set === newSet?.previous || (newSet?.state === 'UNKNOWN' && set === newSet.name);
  return isLeft ? set : null;
}
