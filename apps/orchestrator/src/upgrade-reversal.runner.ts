import { touched, type Execution } from '#core/execution/execution.js';
import type { Action } from '#core/execution/execution-inputs.js';
import type { UpgradeRequest } from './create-upgrade.js';
import { Refusal } from './refusal.js';
import type { Asked } from './upgrade-asked.runner.js';
import type { UpgradeCreationRunner } from './upgrade-creation.runner.js';
import type { StoredExecution } from './persistence/execution.store.js';
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
  ) {}

  /**
   * Creates the REVERT, PENDING, of what is to be called `id`. Refusals: 409 when the status does
   * not allow it or another execution is active, 422 when nothing was moved.
   */
  async revert(
    id: string,
    executionId: string,
    action: Action,
    strict: Asked['strict'],
  ): Promise<StoredExecution> {
    const reverted = await this.upgrades.act(executionId, action, strict);
    const { execution } = reverted;
    if (!hasMoved(execution)) {
      throw new Refusal('NOTHING_MOVED', 422, 'The upgrade has moved nothing that could go back');
    }
    const { tenantId } = execution;
    const request = requestBack(reverted, action);
    return this.creation.create({ id, tenantId, by: action.by, request, revertOf: executionId });
  }
}

/** Something is not where it was before the execution. */
function hasMoved(execution: Execution): boolean {
  const { newSet, counters } = execution;
  if (newSet !== null) return newSet.state === 'LIVE' && counters.ROLLED_BACK === 0;
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
