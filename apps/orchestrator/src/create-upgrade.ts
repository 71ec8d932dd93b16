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
import type { ExecutionKind, StrategyName } from '#core/execution/execution.js';
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
  readonly kind: ExecutionKind;
  /** Of a REVERT: the execution whose moves it takes back. */
  readonly revertOf: string | null;
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
    isRevert: grounds.kind === 'REVERT',
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
    ...judgeDeployment(grounds),
    ...waived.blockers,
    ...judgeSingleStep(waived.steps),
  ];
  return { ...waived, valid: blockers.length === 0, blockers };
}

/** What a target says of itself before an upgrade is stored. */
export interface TargetFacts {
  /** Instances of its live set. */
  readonly listed: number;
  /** Of those, down: not both admitted to traffic and healthy. */
  readonly down: number;
  /** Can run a second set beside the first. */
  readonly sets: boolean;
}

/** Adds what the target says. */
export function judgeTarget(
  judgement: UpgradeJudgement,
  request: UpgradeRequest,
  { listed, sets }: TargetFacts,
): UpgradeJudgement {
  const size = judgeSize({ ...request, listed });
  const blockers = [
    ...judgement.blockers,
    ...size.blockers,
    ...(request.strategy === 'BLUE_GREEN' && !sets ? [WITHOUT_SETS] : []),
  ];
  const warnings = [...judgement.warnings, ...size.warnings];
  return { ...judgement, valid: blockers.length === 0, blockers, warnings };
}

const WITHOUT_SETS: Blocker = {
  code: 'STRATEGY_NOT_AVAILABLE',
  message: 'BLUE_GREEN needs a target that can run a second set beside the first; this one cannot',
};

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
  asked: { readonly id: string; readonly by: string; readonly nowMs: number },
): CreateExecution {
  const { tenantId, request, component, target, kind, revertOf } = grounds;
  const [from, to] = [plannedOf(grounds.from), plannedOf(grounds.to)];
  const { drainTimeoutSeconds } = grounds.to;
  return {
    id: asked.id,
    by: asked.by,
    tenantId,
    componentId: component.id,
    ...{ kind, revertOf },
    plan: { ...planOf(request), ...setsOf(grounds, asked), from, to, drainTimeoutSeconds },
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
    installedComponents: installedBeside(grounds),
    requires: { ...grounds.to.requires },
    smokeTests: [...grounds.to.smokeTests],
    canaryMetrics: [...grounds.to.canaryMetrics],
    request: { ...request },
  };
}

/** What runs at the tenant: its other deployments, and what the request claims, which outranks them. */
function installedBeside({ request, neighbours }: UpgradeGrounds): Record<string, string> {
  const deployed = new Map(neighbours.map((one) => [one.componentName, one.version]));
  return { ...Object.fromEntries(deployed), ...request.installedComponents };
}

/**
 * BLUE_GREEN: the set that takes over. A revert goes back to the one that was kept, as long as it
 * is; in every other case a kept set is in the way and goes first (spec §5).
 */
function setsOf(
  { kind, request, to, deployment }: UpgradeGrounds,
  { id, nowMs }: { readonly id: string; readonly nowMs: number },
): Pick<CreateExecution['plan'], 'newSet' | 'staleSet'> {
  const kept = deployment?.standbySet ?? null;
  const isBlueGreen = request.strategy === 'BLUE_GREEN';
  const isBackToKept = kind === 'REVERT' && kept?.versionId === to.id && kept.retireAtMs > nowMs;
  if (isBlueGreen && isBackToKept) return { newSet: kept.set, staleSet: null };
  return { newSet: isBlueGreen ? `u-${id}` : null, staleSet: kept?.set ?? null };
}

type PlanOfRequest = Omit<
  CreateExecution['plan'],
  'from' | 'to' | 'drainTimeoutSeconds' | 'newSet' | 'staleSet'
>;

function planOf(request: UpgradeRequest): PlanOfRequest {
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
    canaryDurationSeconds: request.canaryDurationSeconds,
    autoPromote: request.autoPromote,
    blueGreenRetentionSeconds: request.blueGreenRetentionSeconds,
  };
}

function judgeDeployment(grounds: UpgradeGrounds): Blocker[] {
  const { deployment, component, tenantId, from, currentVersion, kind } = grounds;
  if (deployment === null) {
    const message = `tenant ${tenantId} has no deployment of ${component.name}`;
    return [{ code: 'NO_TARGET', message }];
  }
  const blockers: Blocker[] = [];
  if (deployment.target === null) {
    const message = `the deployment of ${component.name} names no target`;
    blockers.push({ code: 'NO_TARGET', message });
  }
  // What a revert takes back may never have become the current version.
  if (kind === 'UPGRADE' && deployment.currentVersionId !== from.id) {
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
