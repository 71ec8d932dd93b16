/**
 * From a request to an execution, or to the reasons why it cannot be: pure, so that `create` is
 * nothing but reading, this, and one insert.
 */
import type {
  Blocker,
  JudgedVersion,
  OtherDeployment,
  RegisteredPath,
  SkippableCheck,
  UpgradeJudgement,
  Warning,
} from '#core/compatibility/compatibility.js';
import { judgeSize } from '#core/compatibility/judge-size.js';
import { judgeSingleStep, judgeUpgrade, waiveSkipped } from '#core/compatibility/judge-upgrade.js';
import type { StrategyName } from '#core/execution/execution.js';
import { isAvailable } from '#core/strategies/strategies.js';
import type { CreateExecution } from './create-execution.js';
import { Refusal } from './refusal.js';
import type { Component, Deployment, Target, Version } from './registry.js';

/** The request as it is answered again: the seed's fields and ours, defaults filled in (spec §2). */
export interface UpgradeRequest {
  readonly componentId: string;
  readonly fromVersionId: string;
  readonly toVersionId: string;
  readonly strategy: StrategyName;
  readonly canaryPercentage: number;
  readonly batchSize: number;
  readonly batchDelaySeconds: number;
  readonly healthCheckIntervalSeconds: number;
  readonly healthCheckTimeoutSeconds: number;
  readonly maxUnavailablePercentage: number;
  readonly totalInstances: number | null;
  readonly autoRollbackEnabled: boolean;
  readonly failureThreshold: number;
  readonly initiatedBy: string | null;
  readonly installedComponents: Readonly<Record<string, string>>;
  readonly skipChecks: readonly { readonly check: SkippableCheck; readonly reason: string }[];
  readonly allowDowntime: boolean;
  readonly canaryDurationSeconds: number;
  readonly autoPromote: boolean;
  readonly blueGreenRetentionSeconds: number;
}

/** What was read for a new upgrade; null where the registry has nothing. */
export interface UpgradeGrounds {
  readonly tenantId: string;
  readonly request: UpgradeRequest;
  readonly component: Component;
  readonly from: Version;
  readonly to: Version;
  readonly versions: readonly JudgedVersion[];
  readonly paths: readonly RegisteredPath[];
  readonly deployment: Deployment | null;
  /** semver of the deployment's current version, when it has one. */
  readonly currentVersion: string | null;
  readonly neighbours: readonly OtherDeployment[];
}

/** Everything that speaks against the upgrade before the target was asked. */
export function judgeGrounds(grounds: UpgradeGrounds): UpgradeJudgement {
  const { request, deployment } = grounds;
  const judged = judgeUpgrade({
    componentName: grounds.component.name,
    from: grounds.from,
    to: grounds.to,
    versions: grounds.versions,
    paths: grounds.paths,
    strategy: request.strategy,
    allowDowntime: request.allowDowntime,
    surroundings: {
      platformVersion: deployment?.platformVersion ?? null,
      installedComponents: request.installedComponents,
      otherDeployments: grounds.neighbours,
    },
  });
  const waived = waiveSkipped(
    judged,
    request.skipChecks.map(({ check }) => check),
  );
  const blockers = [
    ...judgeStrategy(request.strategy),
    ...judgeDeployment(grounds),
    ...waived.blockers,
    ...judgeSingleStep(waived.steps),
  ];
  return { ...waived, valid: blockers.length === 0, blockers };
}

/** Adds what the number of the target's instances says. */
export function judgeCount(
  judgement: UpgradeJudgement,
  request: UpgradeRequest,
  listed: number,
): UpgradeJudgement {
  const size = judgeSize({ ...request, listed });
  const blockers = [...judgement.blockers, ...size.blockers];
  const warnings = [...judgement.warnings, ...size.warnings];
  return { ...judgement, valid: blockers.length === 0, blockers, warnings };
}

/** 422, with all that stands against it. */
export function cannotBeDone(judgement: UpgradeJudgement): Refusal {
  const { blockers, warnings } = judgement;
  return new Refusal('CANNOT_BE_DONE', 422, 'The upgrade cannot be done', {
    detail: blockers.map(({ message }) => message).join('; '),
    blockers,
    warnings,
    steps: judgement.steps.map(({ fromVersionId, toVersionId, fromVersion, toVersion }) => {
      return { fromVersionId, toVersionId, fromVersion, toVersion };
    }),
  });
}

/** The execution to be stored, with everything its services will need, frozen as it is now. */
export function executionFor(
  grounds: UpgradeGrounds & { readonly target: Target },
  judgement: UpgradeJudgement,
  asked: { readonly id: string; readonly by: string },
): CreateExecution {
  const { tenantId, request, component, target } = grounds;
  const [from, to] = [plannedOf(grounds.from), plannedOf(grounds.to)];
  const { drainTimeoutSeconds } = grounds.to;
  return {
    id: asked.id,
    by: asked.by,
    tenantId,
    componentId: component.id,
    kind: 'UPGRADE',
    plan: { ...planOf(request), from, to, drainTimeoutSeconds },
    snapshot: {
      tenantId,
      componentId: component.id,
      componentName: component.name,
      stateless: component.stateless,
      target: { driver: target.driver, settings: { ...target.settings } },
      from,
      to,
      strategy: request.strategy,
      allowDowntime: request.allowDowntime,
      batchSize: request.batchSize,
      maxUnavailablePercentage: request.maxUnavailablePercentage,
      drainTimeoutMs: drainTimeoutSeconds * 1_000,
      healthCheckIntervalMs: request.healthCheckIntervalSeconds * 1_000,
      healthCheckTimeoutMs: request.healthCheckTimeoutSeconds * 1_000,
    },
    compatibility: {
      valid: judgement.valid,
      upgradeType: judgement.upgradeType,
      riskLevel: judgement.riskLevel,
      requiresDowntime: judgement.requiresDowntime,
      blockers: judgement.blockers.map(sentenceOf),
      warnings: judgement.warnings.map(sentenceOf),
    },
    skipChecks: request.skipChecks.map((skipped) => ({ ...skipped, by: asked.by })),
    request: { ...request },
  };
}

function planOf(
  request: UpgradeRequest,
): Omit<CreateExecution['plan'], 'from' | 'to' | 'drainTimeoutSeconds'> {
  return {
    strategy: request.strategy,
    canaryPercentage: request.canaryPercentage,
    batchSize: request.batchSize,
    batchDelaySeconds: request.batchDelaySeconds,
    healthCheckIntervalSeconds: request.healthCheckIntervalSeconds,
    healthCheckTimeoutSeconds: request.healthCheckTimeoutSeconds,
    maxUnavailablePercentage: request.maxUnavailablePercentage,
    totalInstances: request.totalInstances,
    autoRollbackEnabled: request.autoRollbackEnabled,
    failureThreshold: request.failureThreshold,
    initiatedBy: request.initiatedBy,
    allowDowntime: request.allowDowntime,
  };
}

function judgeStrategy(strategy: StrategyName): Blocker[] {
  if (isAvailable(strategy)) return [];
  const message = `strategy ${strategy} is not available yet`;
  return [{ code: 'STRATEGY_NOT_AVAILABLE', message }];
}

function judgeDeployment(grounds: UpgradeGrounds): Blocker[] {
  const { deployment, component, tenantId, from, currentVersion } = grounds;
  if (deployment === null) {
    const message = `tenant ${tenantId} has no deployment of ${component.name}`;
    return [{ code: 'NO_TARGET', message }];
  }
  const blockers: Blocker[] = [];
  if (deployment.target === null) {
    const message = `the deployment of ${component.name} names no target`;
    blockers.push({ code: 'NO_TARGET', message });
  }
  if (deployment.currentVersionId !== from.id) {
    const current = `${currentVersion ?? 'none'} (${deployment.currentVersionId ?? 'none'})`;
    const message = `fromVersionId is ${from.version} (${from.id}), the deployment's current version is ${current}`;
    blockers.push({ code: 'NOT_THE_CURRENT_VERSION', message });
  }
  return blockers;
}

function plannedOf({ id, version, artifacts }: Version): CreateExecution['plan']['from'] & {
  artifacts: Record<string, string>;
} {
  return { id, version, artifacts: { ...artifacts } };
}

function sentenceOf({ code, message }: Blocker | Warning): string {
  return `${code}: ${message}`;
}
