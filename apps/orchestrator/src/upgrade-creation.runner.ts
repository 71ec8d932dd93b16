import type { Clock } from '#runtime/clock.js';
import type { UpgradeJudgement } from '#core/compatibility/compatibility.js';
import {
  cannotBeDone,
  executionFor,
  judgeTarget,
  judgeGrounds,
  type UpgradeGrounds,
  type UpgradeRequest,
} from './create-upgrade.js';
import type { ExecutionStore, StoredExecution } from './persistence/execution.store.js';
import type { RegistryStore } from './persistence/registry.store.js';
import type { TargetDesk } from './target-desk.js';
import { askTarget, readGrounds } from './upgrade-grounds.runner.js';
import type { UpgradeRunner } from './upgrade.runner.js';

export interface UpgradeAsked {
  /** Of the execution to be; under an Idempotency-Key the same for each try. */
  readonly id: string;
  readonly tenantId: string;
  readonly by: string;
  readonly request: UpgradeRequest;
  /** The execution that is to be taken back; null: a way forward. */
  readonly revertOf: string | null;
}

/** Reads what a new upgrade depends on, asks its target how many there are, judges, and stores it. */
export class UpgradeCreationRunner {
  constructor(
    private readonly registry: RegistryStore,
    private readonly executions: ExecutionStore,
    private readonly upgrades: UpgradeRunner,
    private readonly desk: TargetDesk,
    private readonly clock: Clock,
  ) {}

  /**
   * Stores a new execution, PENDING. Throws a Refusal: 409 when another is active, 422 with all
   * blockers for what cannot be done, 503 when the target does not say how many it has.
   */
  async create(asked: UpgradeAsked): Promise<StoredExecution> {
    const before = await this.executions.get(asked.id);
    if (before?.execution.tenantId === asked.tenantId) return before;
    const grounds = await readGrounds(this.registry, asked);
    const judgement = await this.#judge(grounds);
    const target = grounds.deployment?.target ?? null;
    if (!judgement.valid || target === null) throw cannotBeDone(judgement);
    const nowMs = this.clock.nowMs();
    return this.upgrades.create(
      executionFor({ ...grounds, target }, judgement, { ...asked, nowMs }),
    );
  }

  async #judge(grounds: UpgradeGrounds): Promise<UpgradeJudgement> {
    const judgement = judgeGrounds(grounds);
    const facts = await askTarget(this.desk, grounds, judgement);
    return facts === null ? judgement : judgeTarget(judgement, grounds.request, facts);
  }
}
