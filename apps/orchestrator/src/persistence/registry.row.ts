/** How the registry lies in Postgres. Times are selected as milliseconds, dates as text. */
import type { VersionStatus } from '#core/compatibility/compatibility.js';
import type {
  CanaryMetric,
  Component,
  ComponentKind,
  Deployment,
  SmokeTest,
  Target,
  UpgradePath,
  Version,
} from '../registry.js';

interface RegisteredRow {
  id: string;
  /** bigint, so text */
  created_at_ms: string;
  updated_at_ms: string;
}

const TIMES = `
  (extract(epoch FROM created_at) * 1000)::bigint AS created_at_ms,
  (extract(epoch FROM updated_at) * 1000)::bigint AS updated_at_ms`;

/** What every statement selects or returns of a table. */
export const COLUMNS = {
  components: `id, name, display_name, kind, stateless, description, ${TIMES}`,
  versions: `id, component_id, version, status, to_char(release_date, 'YYYY-MM-DD') AS release_date,
    artifacts, min_platform_version, max_platform_version, requires, smoke_tests, canary_metrics,
    drain_timeout_seconds, lts, recommended, ${TIMES}`,
  paths: `id, component_id, from_version_id, to_version_id, requires_downtime,
    estimated_duration_minutes, tested, steps_before, steps_during, steps_after, steps_back, ${TIMES}`,
  deployments: `id, tenant_id, component_id, target, current_version_id, observed_versions,
    platform_version, standby_set, ${TIMES}`,
} as const;

export interface ComponentRow extends RegisteredRow {
  name: string;
  display_name: string;
  kind: string;
  stateless: boolean;
  description: string | null;
}

export interface VersionRow extends RegisteredRow {
  component_id: string;
  version: string;
  status: string;
  release_date: string | null;
  artifacts: Record<string, string>;
  min_platform_version: string | null;
  max_platform_version: string | null;
  requires: Record<string, string>;
  smoke_tests: SmokeTest[];
  canary_metrics: CanaryMetric[];
  drain_timeout_seconds: number;
  lts: boolean;
  recommended: boolean;
}

export interface PathRow extends RegisteredRow {
  component_id: string;
  from_version_id: string;
  to_version_id: string;
  requires_downtime: boolean;
  estimated_duration_minutes: number | null;
  tested: boolean;
  steps_before: string | null;
  steps_during: string | null;
  steps_after: string | null;
  steps_back: string | null;
}

export interface DeploymentRow extends RegisteredRow {
  tenant_id: string;
  component_id: string;
  target: Target | null;
  current_version_id: string | null;
  observed_versions: Record<string, number>;
  platform_version: string | null;
  standby_set: Deployment['standbySet'];
}

function registered(row: RegisteredRow): Pick<Component, 'id' | 'createdAtMs' | 'updatedAtMs'> {
  return {
    id: row.id,
    createdAtMs: Number(row.created_at_ms),
    updatedAtMs: Number(row.updated_at_ms),
  };
}

export function componentOf(row: ComponentRow): Component {
  return {
    ...registered(row),
    name: row.name,
    displayName: row.display_name,
    kind: row.kind as ComponentKind,
    stateless: row.stateless,
    description: row.description,
  };
}

export function versionOf(row: VersionRow): Version {
  return {
    ...registered(row),
    componentId: row.component_id,
    version: row.version,
    status: row.status as VersionStatus,
    releaseDate: row.release_date,
    artifacts: row.artifacts,
    minPlatformVersion: row.min_platform_version,
    maxPlatformVersion: row.max_platform_version,
    requires: row.requires,
    smokeTests: row.smoke_tests,
    canaryMetrics: row.canary_metrics,
    drainTimeoutSeconds: row.drain_timeout_seconds,
    lts: row.lts,
    recommended: row.recommended,
  };
}

export function pathOf(row: PathRow): UpgradePath {
  return {
    ...registered(row),
    componentId: row.component_id,
    fromVersionId: row.from_version_id,
    toVersionId: row.to_version_id,
    requiresDowntime: row.requires_downtime,
    estimatedDurationMinutes: row.estimated_duration_minutes,
    tested: row.tested,
    stepsBefore: row.steps_before,
    stepsDuring: row.steps_during,
    stepsAfter: row.steps_after,
    stepsBack: row.steps_back,
  };
}

export function deploymentOf(row: DeploymentRow): Deployment {
  return {
    ...registered(row),
    tenantId: row.tenant_id,
    componentId: row.component_id,
    target: row.target,
    currentVersionId: row.current_version_id,
    observedVersions: row.observed_versions,
    platformVersion: row.platform_version,
    standbySet: row.standby_set,
  };
}
