/**
 * Words of compatibility: what is asked about an upgrade, and what is answered (spec §6).
 */
import type { StrategyName } from '../execution/execution.js';

export const VERSION_STATUSES = ['DRAFT', 'RELEASED', 'DEPRECATED', 'END_OF_LIFE'] as const;
export type VersionStatus = (typeof VERSION_STATUSES)[number];

/** A version as far as compatibility is concerned. */
export interface JudgedVersion {
  readonly id: string;
  readonly componentId: string;
  /** semver */
  readonly version: string;
  readonly status: VersionStatus;
  /** Component name → semver range. */
  readonly requires: Readonly<Record<string, string>>;
  /** semver, both bounds included; null: no bound. */
  readonly minPlatformVersion: string | null;
  readonly maxPlatformVersion: string | null;
  /** Kept alive longer than its neighbours. */
  readonly lts: boolean;
  /** What its makers would have you run. */
  readonly recommended: boolean;
}

/** An edge somebody registered. */
export interface RegisteredPath {
  readonly fromVersionId: string;
  readonly toVersionId: string;
  readonly requiresDowntime: boolean;
  readonly tested: boolean;
  readonly estimatedDurationMinutes: number | null;
}

/** What runs beside the component at its tenant. */
export interface OtherDeployment {
  readonly componentName: string;
  /** semver of its current version. */
  readonly version: string;
  /** Its own wants: component name → semver range. */
  readonly requires: Readonly<Record<string, string>>;
}

/** Where the upgrade would happen. */
export interface Surroundings {
  /** Null when the deployment does not say. */
  readonly platformVersion: string | null;
  /** As the request claims: component name → version, coerced to semver. */
  readonly installedComponents: Readonly<Record<string, string>>;
  readonly otherDeployments: readonly OtherDeployment[];
}

export interface UpgradeQuestion {
  readonly componentName: string;
  readonly from: JudgedVersion;
  readonly to: JudgedVersion;
  /** All versions of the component that may be steps on the way. */
  readonly versions: readonly JudgedVersion[];
  /** All paths registered for the component. */
  readonly paths: readonly RegisteredPath[];
  readonly strategy: StrategyName;
  readonly allowDowntime: boolean;
  /** Null: asked for no tenant in particular, so platform and requirements are not judged. */
  readonly surroundings: Surroundings | null;
  /**
   * The way back of an execution that ended: path, direction and end of life do not stand against
   * it (spec §3), and nothing that a path says about downtime either. Left out: a way forward.
   */
  readonly isRevert?: boolean;
}

export const BLOCKER_CODES = [
  'SAME_VERSION',
  'DOWNGRADE',
  'OTHER_COMPONENT',
  'TARGET_DRAFT',
  'TARGET_END_OF_LIFE',
  'NO_PATH',
  'SEVERAL_STEPS',
  'REQUIRES_DOWNTIME',
  'PLATFORM_VERSION_UNKNOWN',
  'PLATFORM_TOO_OLD',
  'PLATFORM_TOO_NEW',
  'REQUIREMENT_MISSING',
  'REQUIREMENT_NOT_MET',
  'NEIGHBOUR_OUT_OF_RANGE',
  'STRATEGY_NOT_AVAILABLE',
  'NO_TARGET',
  'NOT_THE_CURRENT_VERSION',
  'NO_INSTANCES',
  'TOO_MANY_INSTANCES',
  'NOT_THE_WHOLE_SET',
  'NOTHING_WOULD_SERVE',
  'ANOTHER_IS_ACTIVE',
] as const;
export type BlockerCode = (typeof BLOCKER_CODES)[number];

/** Why it cannot be done: a code for programs, a sentence for people. */
export interface Blocker {
  readonly code: BlockerCode;
  readonly message: string;
}

export const WARNING_CODES = [
  'TARGET_DEPRECATED',
  'TARGET_END_OF_LIFE',
  'UNTESTED_PATH',
  'PRE_RELEASE',
  'STEP_DEPRECATED',
  'DEPENDENT_NOT_MET',
  'CHECK_SKIPPED',
  'THRESHOLD_OUT_OF_REACH',
  'DOWNTIME',
  'NOTHING_TO_TAKE',
] as const;
export type WarningCode = (typeof WARNING_CODES)[number];

/** What somebody should know who does it all the same. */
export interface Warning {
  readonly code: WarningCode;
  readonly message: string;
}

/** Checks by the names that `skipChecks` calls them by: all there are (spec §6). */
export {
  CHECK_NAMES as SKIPPABLE_CHECKS,
  type CheckName as SkippableCheck,
} from '../validation/checks.js';

export type UpgradeType = 'PATCH' | 'MINOR' | 'MAJOR';
export type RiskLevel = 'LOW' | 'MEDIUM' | 'HIGH';

/** One hop of the way; `registered` is null for a direct one nobody had to register. */
export interface UpgradeStep {
  readonly fromVersionId: string;
  readonly toVersionId: string;
  readonly fromVersion: string;
  readonly toVersion: string;
  readonly registered: RegisteredPath | null;
}

export interface UpgradeJudgement {
  /** No blockers. */
  readonly valid: boolean;
  readonly upgradeType: UpgradeType;
  readonly riskLevel: RiskLevel;
  readonly requiresDowntime: boolean;
  /** The shortest way; empty when there is none, or none was sought. */
  readonly steps: readonly UpgradeStep[];
  readonly blockers: readonly Blocker[];
  readonly warnings: readonly Warning[];
}
