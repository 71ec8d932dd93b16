/**
 * Where the registry is kept. Two implementations, Postgres and an in-memory twin, pass one
 * contract suite (`registry.contract.ts`). All lists are the newest first.
 */
import type { OtherDeployment, VersionStatus } from '#core/compatibility/compatibility.js';
import type {
  Component,
  Deployment,
  Page,
  UpgradePath,
  Version,
  VersionDetails,
} from '../registry.js';

/** Something with the same name, version, or pair of versions is registered already. */
export class AlreadyRegisteredError extends Error {
  override readonly name = 'AlreadyRegisteredError';
}

/** A component has as many versions or paths as it may have. */
export class RegistryFullError extends Error {
  override readonly name = 'RegistryFullError';

  constructor(
    readonly what: 'versions' | 'paths',
    readonly max: number,
  ) {
    super(`a component has at most ${String(max)} ${what}`);
  }
}

/** The deployment cannot be changed while an execution works on it. */
export class DeploymentBusyError extends Error {
  override readonly name = 'DeploymentBusyError';

  constructor(readonly executionId: string) {
    super(`execution ${executionId} is active`);
  }
}

export abstract class RegistryStore {
  /** Throws {@link AlreadyRegisteredError} by the name's unique index. */
  abstract insertComponent(component: Component): Promise<void>;
  abstract component(id: string): Promise<Component | null>;
  abstract components(page: Page): Promise<Component[]>;

  /** Throws {@link AlreadyRegisteredError}, {@link RegistryFullError}. */
  abstract insertVersion(version: Version): Promise<void>;
  /** Those that are there, in no order; at most 100 ids. */
  abstract versionsById(ids: readonly string[]): Promise<Version[]>;
  abstract versions(
    componentId: string,
    statuses: readonly VersionStatus[] | null,
    page: Page,
  ): Promise<Version[]>;
  /** All of a component, which are bounded (REQUEST_LIMITS.versionsMax). */
  abstract allVersions(componentId: string): Promise<Version[]>;
  /** Changes what is given and leaves the rest; null when there is no such version. */
  abstract changeVersion(
    componentId: string,
    versionId: string,
    change: Partial<VersionDetails>,
    nowMs: number,
  ): Promise<Version | null>;

  /** Throws {@link AlreadyRegisteredError}, {@link RegistryFullError}. */
  abstract insertPath(path: UpgradePath): Promise<void>;
  abstract paths(componentId: string | null, page: Page): Promise<UpgradePath[]>;
  /** All of a component, which are bounded (REQUEST_LIMITS.pathsMax). */
  abstract allPaths(componentId: string): Promise<UpgradePath[]>;

  /**
   * Creates the deployment, or replaces what may be set of it: target, current and platform
   * version; `observedVersions` and the like stay. Judged with the executions in one transaction:
   * throws {@link DeploymentBusyError}.
   */
  abstract putDeployment(
    deployment: Deployment,
  ): Promise<{ readonly deployment: Deployment; readonly created: boolean }>;
  abstract deployment(tenantId: string, componentId: string): Promise<Deployment | null>;
  /** Replaces the target's settings, also while an execution runs; false: no such deployment. */
  abstract changeSettings(
    tenantId: string,
    componentId: string,
    settings: Readonly<Record<string, unknown>>,
    nowMs: number,
  ): Promise<boolean>;
  /**
   * The tenant's deployments of other components, by name, at most `limit`: what an upgrade's
   * requirements are held against.
   */
  abstract neighbours(
    tenantId: string,
    componentId: string,
    limit: number,
  ): Promise<OtherDeployment[]>;
}
