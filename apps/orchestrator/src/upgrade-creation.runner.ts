import type { Clock } from '#runtime/clock.js';
import type { UpgradeJudgement } from '#core/compatibility/compatibility.js';
import { REQUEST_LIMITS } from '#core/limits.js';
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
import { Refusal } from './refusal.js';
import { unusable } from './registry.runner.js';
import type { TargetDesk } from './target-desk.js';
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
    const grounds = await this.#read(asked);
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
    const target = grounds.deployment?.target ?? null;
    if (target === null) return judgement;
    try {
      return judgeTarget(judgement, grounds.request, await this.desk.ask(target));
    } catch (error) {
      // What is known to be impossible does not become possible when the target comes back.
      if (error instanceof Refusal && !judgement.valid) return judgement;
      throw error;
    }
  }

  async #read({ tenantId, request, revertOf }: UpgradeAsked): Promise<UpgradeGrounds> {
    const { componentId, fromVersionId, toVersionId } = request;
    const [component, ends, versions, paths, deployment, neighbours] = await Promise.all([
      this.registry.component(componentId),
      this.registry.versionsById([fromVersionId, toVersionId]),
      this.registry.allVersions(componentId),
      this.registry.allPaths(componentId),
      this.registry.deployment(tenantId, componentId),
      this.registry.neighbours(tenantId, componentId, REQUEST_LIMITS.neighboursMax),
    ]);
    const from = ends.find(({ id }) => id === fromVersionId);
    const to = ends.find(({ id }) => id === toVersionId);
    if (component === null || from === undefined || to === undefined) {
      throw unusable([
        ...(component === null ? [field('componentId', 'a registered component')] : []),
        ...(from === undefined ? [field('fromVersionId', 'a registered version')] : []),
        ...(to === undefined ? [field('toVersionId', 'a registered version')] : []),
      ]);
    }
    const current = versions.find(({ id }) => id === deployment?.currentVersionId);
    const currentVersion = current?.version ?? null;
    const read = { component, from, to, versions, paths, deployment, neighbours };
    const kind = revertOf === null ? 'UPGRADE' : 'REVERT';
    return { kind, revertOf, tenantId, request, currentVersion, ...read };
  }
}

function field(name: string, expected: string): { field: string; expected: string } {
  return { field: name, expected };
}
