import { PREVIEW_LIMITS } from '#core/limits.js';
import { previewOf } from '#core/preview/preview.js';
import type { Clock } from '#runtime/clock.js';
import {
  executionFor,
  judgeGrounds,
  judgeTarget,
  type UpgradeGrounds,
  type UpgradeRequest,
} from './create-upgrade.js';
import type { ExecutionStore } from './persistence/execution.store.js';
import type { RegistryStore } from './persistence/registry.store.js';
import type { StatisticsStore } from './persistence/statistics.store.js';
import {
  batchWorkOf,
  besideActive,
  checksBefore,
  resultsOf,
  withNothingToTake,
  type UpgradePreview,
} from './preview-upgrade.js';
import type { TargetDesk } from './target-desk.js';
import { askTarget, readGrounds } from './upgrade-grounds.runner.js';

export interface PreviewAsked {
  readonly tenantId: string;
  readonly by: string;
  readonly request: UpgradeRequest;
}

/** Of an execution that is never stored. */
const NO_ID = '00000000-0000-4000-8000-000000000000';

/** Shows what an upgrade would do now, as far as that can be known; stores nothing. */
export class UpgradePreviewRunner {
  constructor(
    private readonly registry: RegistryStore,
    private readonly executions: Pick<ExecutionStore, 'active'>,
    private readonly statistics: StatisticsStore,
    private readonly desk: TargetDesk,
    private readonly clock: Clock,
  ) {}

  /**
   * Throws a Refusal as `create` does, but for what stands against the upgrade and for another that
   * is active: those are what a preview is asked for.
   */
  async preview(asked: PreviewAsked): Promise<UpgradePreview> {
    const { tenantId, request } = asked;
    const grounds = await readGrounds(this.registry, { tenantId, request, revertOf: null });
    const judged = judgeGrounds(grounds);
    const [active, facts] = await Promise.all([
      this.executions.active(tenantId, request.componentId),
      askTarget(this.desk, grounds, judged),
    ]);
    const target = grounds.deployment?.target ?? null;
    const running = active?.execution ?? null;
    if (facts === null || target === null) {
      return { judgement: besideActive(judged, running), plan: null, batchWork: null, checks: [] };
    }
    const ofTarget = judgeTarget(judged, request, facts);
    const how = { id: NO_ID, by: asked.by, nowMs: this.clock.nowMs() };
    const execution = executionFor({ ...grounds, target }, ofTarget, how);
    const checks = checksBefore(execution);
    const [view, batchWork] = await Promise.all([
      this.desk.look(
        target,
        checks.map(({ first }) => first),
      ),
      this.#batchWork(grounds),
    ]);
    const plan = previewOf({
      plan: execution.plan,
      fleet: { ...facts, instances: view.instances },
      batchWorkMs: batchWork?.medianMs ?? null,
    });
    const isIdle = plan === null && facts.listed > 0;
    const judgement = isIdle ? withNothingToTake(ofTarget, facts.listed) : ofTarget;
    const results = resultsOf(checks, view);
    return { judgement: besideActive(judgement, running), plan, batchWork, checks: results };
  }

  /** How long batches took in this tenant's last executions: another's are not its business. */
  async #batchWork({ tenantId, request }: UpgradeGrounds) {
    const { componentId, strategy } = request;
    const executionsMax = PREVIEW_LIMITS.executionsAsked;
    const filter = { componentId, tenantId, sinceMs: null, executionsMax };
    const { tallies } = await this.statistics.statistics(filter);
    return batchWorkOf(tallies, strategy);
  }
}
