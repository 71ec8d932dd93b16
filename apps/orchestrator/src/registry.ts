/**
 * What is registered (spec §2): components, their versions, the paths between them, and which
 * version of a component a tenant runs where. Times are milliseconds since the epoch.
 */
import {
  SKIPPABLE_CHECKS,
  VERSION_STATUSES,
  type UpgradeJudgement,
  type VersionStatus,
} from '#core/compatibility/compatibility.js';
import { coerceVersion, parseVersion } from '#core/compatibility/semver.js';
import type { StandbySet } from '#core/execution/execution-requests.js';
import { parseRange } from '#core/compatibility/semver-range.js';
import type { CanaryMetric, SmokeTest } from '#contracts/work.messages.js';

// What inbound needs of the rules' words to say what it takes and answers.
export { SKIPPABLE_CHECKS, VERSION_STATUSES, type UpgradeJudgement };

export const COMPONENT_KINDS = ['API', 'GATEWAY', 'CONSOLE', 'WORKER', 'DATA', 'OTHER'] as const;
export type ComponentKind = (typeof COMPONENT_KINDS)[number];

interface Registered {
  /** UUID */
  readonly id: string;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export interface Component extends Registered {
  /** Unique slug; what `requires` and `installedComponents` call it. */
  readonly name: string;
  readonly displayName: string;
  readonly kind: ComponentKind;
  /** A stateless one needs no backup to go back to. */
  readonly stateless: boolean;
  readonly description: string | null;
}

/** As they travel to the services that hold an upgrade against them. */
export type { CanaryMetric, SmokeTest };

export const SMOKE_TEST_METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
] as const;
export const METRIC_SOURCES = ['PROMETHEUS', 'TARGET'] as const;
export const METRIC_DIRECTIONS = ['BELOW', 'ABOVE'] as const;

/** What of a version may be changed after it was registered: all but which version it is. */
export interface VersionDetails {
  readonly status: VersionStatus;
  /** `YYYY-MM-DD` */
  readonly releaseDate: string | null;
  /** What a driver needs: a command, an image, a chart. */
  readonly artifacts: Readonly<Record<string, string>>;
  /** semver, included */
  readonly minPlatformVersion: string | null;
  readonly maxPlatformVersion: string | null;
  /** Component name → semver range. */
  readonly requires: Readonly<Record<string, string>>;
  readonly smokeTests: readonly SmokeTest[];
  readonly canaryMetrics: readonly CanaryMetric[];
  readonly drainTimeoutSeconds: number;
  readonly lts: boolean;
  readonly recommended: boolean;
}

export interface Version extends Registered, VersionDetails {
  readonly componentId: string;
  /** semver, unique in its component */
  readonly version: string;
}

/** An edge from one version to a later one of the same component. */
export interface UpgradePath extends Registered {
  readonly componentId: string;
  readonly fromVersionId: string;
  readonly toVersionId: string;
  readonly requiresDowntime: boolean;
  readonly estimatedDurationMinutes: number | null;
  readonly tested: boolean;
  /** What people do around it. */
  readonly stepsBefore: string | null;
  readonly stepsDuring: string | null;
  readonly stepsAfter: string | null;
  readonly stepsBack: string | null;
}

export interface Target {
  readonly driver: string;
  readonly settings: Readonly<Record<string, unknown>>;
}

/** A component at a tenant; (tenant, component) is unique. */
export interface Deployment extends Registered {
  readonly tenantId: string;
  readonly componentId: string;
  /** Null: nobody has said yet where it runs, so it cannot be upgraded. */
  readonly target: Target | null;
  /** Moves only when every listed instance is on the target version. */
  readonly currentVersionId: string | null;
  /** semver → how many instances were seen on it. */
  readonly observedVersions: Readonly<Record<string, number>>;
  readonly platformVersion: string | null;
  /** The set that a BLUE_GREEN upgrade has left, kept for a while to be gone back to. */
  readonly standbySet: StandbySet | null;
}

/** The last of the page before, in a list of the newest first. */
export interface PageKey {
  readonly createdAtMs: number;
  readonly id: string;
}

export interface Page {
  /** Null for the first page. */
  readonly after: PageKey | null;
  /** 1–201: one more than is shown tells whether there are more. */
  readonly limit: number;
}

/** Whether a text is a version as it is registered: semver 2.0.0 to the letter. */
export function isVersionText(text: string): boolean {
  return parseVersion(text) !== null;
}

/** Whether a version can be made of what people write of what they have installed. */
export function isCoercibleText(text: string): boolean {
  return coerceVersion(text) !== null;
}

/** Blanks would mean any version, which is to be said: `*`. */
export function isRangeText(text: string): boolean {
  const isSaid = text.split('||').every((alternative) => alternative.trim() !== '');
  return isSaid && parseRange(text) !== null;
}

/** Smoke tests and canary metrics of a version, as many bytes as their JSON has. */
export function checksBytes({
  smokeTests,
  canaryMetrics,
}: Pick<VersionDetails, 'smokeTests' | 'canaryMetrics'>): number {
  return Buffer.byteLength(JSON.stringify({ smokeTests, canaryMetrics }));
}
