import { allowedActions } from '#core/execution/decide.js';
import { touched, type Execution } from '#core/execution/execution.js';
import type { Action } from '#core/execution/execution-inputs.js';
import { REQUEST_LIMITS } from '#core/limits.js';
import type { UpgradeRequest } from './create-upgrade.js';
import { Refusal } from './refusal.js';
import type { Asked } from './upgrade-asked.runner.js';
import type { UpgradeCreationRunner } from './upgrade-creation.runner.js';
import type { ExecutionStore, ListFilter, StoredExecution } from './persistence/execution.store.js';
import type { RegistryStore } from './persistence/registry.store.js';
import type { UpgradeRunner } from './upgrade.runner.js';

/**
 * What is down is what a revert is for: neither check may keep it from going back. They are shown
 * as skipped, with this reason.
 */
const NOT_BEFORE_REVERT = ['HEALTH_ENDPOINTS', 'RESOURCE_AVAILABILITY'] as const;
const WHY_SKIPPED = 'a revert must be possible while instances are down';

/** Takes back an execution that has ended, as an execution of its own (spec §3). */
export class UpgradeReversalRunner {
  constructor(
    private readonly upgrades: UpgradeRunner,
    private readonly creation: UpgradeCreationRunner,
    private readonly executions: Pick<ExecutionStore, 'list'>,
    private readonly registry: Pick<RegistryStore, 'deployment'>,
  ) {}

  /**
   * Creates the REVERT, PENDING, of what is to be called `id`. Refusals: 409 when the status does
   * not allow it or another execution is active, 422 when nothing was moved, or when a later
   * execution has moved on from where this one went. All say how the reverted one stands.
   */
  async revert(
    id: string,
    executionId: string,
    action: Action,
    strict: Asked['strict'],
  ): Promise<StoredExecution> {
    const reverted = await this.upgrades.act(executionId, action, strict);
    const { execution } = reverted;
    try {
      if (!hasMoved(execution)) throw nothingMoved();
      const later = await this.#laterThan(execution, id);
      if (later !== null) throw superseded(later);
      const { tenantId } = execution;
      const request = requestBack(reverted, action);
      const asked = { id, tenantId, by: action.by, request, revertOf: executionId };
      return await this.creation.create(asked);
    } catch (error) {
      throw error instanceof Refusal ? asItStands(error, execution) : error;
    }
  }

  /**
   * The id of the latest execution that has moved the deployment on from where this one took it;
   * null as long as the deployment's current version is the one this led to.
   *
   * @param asked what is being created: a try whose answer was lost may have created it before
   */
  async #laterThan(reverted: Execution, asked: string): Promise<string | null> {
    const { tenantId, componentId, createdAtMs, plan } = reverted;
    const deployment = await this.registry.deployment(tenantId, componentId);
    if (deployment?.currentVersionId === plan.to.id) return null;
    const limit = REQUEST_LIMITS.pageMax;
    const later = {
      ...{ tenantId, componentId, statuses: null, strategy: null, kind: null, active: null },
      ...{ createdAfterMs: createdAtMs, createdBeforeMs: null, limit },
    };
    const movedOn = movingOnFrom(reverted);
    for (let after: ListFilter['after'] = null; ;) {
      const page = await this.executions.list({ ...later, after });
      const found = page.find(({ execution }) => execution.id !== asked && movedOn(execution));
      if (found !== undefined) return found.execution.id;
      const last = page.at(-1)?.execution;
      if (last === undefined || page.length < limit) return null;
      after = { createdAtMs: last.createdAtMs, id: last.id };
    }
  }
}

/**
 * Whether a later execution has moved instances elsewhere; to be asked from the latest on. One that
 * was taken back has not, nor has what took it back, and a REVERT of the same execution that was
 * cut short has left the rest where it was.
 */
function movingOnFrom(reverted: Execution): (later: Execution) => boolean {
  const takenBack = new Set<string | null>();
  return (later) => {
    const { id, plan, revertOf, status } = later;
    const isSame = plan.to.id === reverted.plan.to.id;
    if (!hasMoved(later) || isSame || takenBack.has(id)) return false;
    if (revertOf === null) return true;
    const isOfThis = revertOf === reverted.id;
    if (status === 'COMPLETED' && !isOfThis) takenBack.add(revertOf);
    return (status === 'COMPLETED') === isOfThis;
  };
}

function nothingMoved(): Refusal {
  return new Refusal('NOTHING_MOVED', 422, 'The upgrade has moved nothing that could go back');
}

function superseded(laterExecutionId: string): Refusal {
  const title = `A later upgrade has moved on from where this one went: ${laterExecutionId}`;
  return new Refusal('SUPERSEDED', 422, title, { laterExecutionId });
}

/** A refused action says what of it stands and what would be allowed (spec §2). */
function asItStands({ code, status, title, extra, headers }: Refusal, execution: Execution) {
  const standing = {
    currentStatus: execution.status,
    allowedActions: allowedActions(execution),
  };
  return new Refusal(code, status, title, { ...extra, ...standing }, headers);
}

/** Something is not where it was before the execution. */
function hasMoved(execution: Execution): boolean {
  const { newSet, counters } = execution;
  // Where a rollback of sets did not end well, traffic may go to the new one.
  const mayServe = newSet?.state === 'LIVE' || newSet?.state === 'UNKNOWN';
  if (newSet !== null) return mayServe && counters.ROLLED_BACK === 0;
  return touched(execution) > counters.ROLLED_BACK;
}

/** The same request the other way round. What was canaried or staged goes back by ROLLING. */
function requestBack({ execution, request }: StoredExecution, { by }: Action): UpgradeRequest {
  const asked = request as unknown as UpgradeRequest;
  const { strategy, from, to } = execution.plan;
  const keepsStrategy = strategy === 'BLUE_GREEN' || strategy === 'RECREATE';
  const skipped = asked.skipChecks.filter(({ check }) => !isSkippedAnyway(check));
  return {
    ...asked,
    fromVersionId: to.id,
    toVersionId: from.id,
    strategy: keepsStrategy ? strategy : 'ROLLING',
    totalInstances: null,
    initiatedBy: by,
    skipChecks: [...skipped, ...NOT_BEFORE_REVERT.map((check) => ({ check, reason: WHY_SKIPPED }))],
  };
}

function isSkippedAnyway(check: string): boolean {
  return (NOT_BEFORE_REVERT as readonly string[]).includes(check);
}
