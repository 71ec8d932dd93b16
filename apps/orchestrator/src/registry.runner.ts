import type {
  JudgedVersion,
  UpgradeJudgement,
  VersionStatus,
} from '#core/compatibility/compatibility.js';
import { judgeUpgrade } from '#core/compatibility/judge-upgrade.js';
import { isOlder } from '#core/compatibility/upgrade-path.js';
import { REQUEST_DEFAULTS, REQUEST_LIMITS } from '#core/limits.js';
import type { Clock } from '#runtime/clock.js';
import { invalidRequest, notFound, Refusal, type FieldProblem } from './refusal.js';
import { checksBytes } from './registry.js';
import type {
  Component,
  Deployment,
  Page,
  Target,
  UpgradePath,
  Version,
  VersionDetails,
} from './registry.js';
import {
  AlreadyRegisteredError,
  DeploymentBusyError,
  RegistryFullError,
  type RegistryStore,
} from './persistence/registry.store.js';
import type { TargetDesk } from './target-desk.js';

type New<Of extends { id: string }> = Omit<Of, 'createdAtMs' | 'updatedAtMs'>;

/** What may be set of a deployment; the rest is what executions found. */
export type DeploymentSettings = Pick<
  Deployment,
  'tenantId' | 'componentId' | 'target' | 'platformVersion'
> & { readonly id: string; readonly currentVersionId: string };

/** The registry's rules around its store: what refers to what, and what may be said twice. */
export class RegistryRunner {
  constructor(
    private readonly store: RegistryStore,
    private readonly desk: TargetDesk,
    private readonly clock: Clock,
  ) {}

  /** Refusal 409 when the name is taken. The same id again is the same component. */
  async addComponent(asked: New<Component>): Promise<Component> {
    const component = this.#stamped(asked);
    return this.#add(
      () => this.store.insertComponent(component),
      component,
      () => this.store.component(asked.id),
      `component ${asked.name}`,
    );
  }

  async component(id: string): Promise<Component> {
    const component = await this.store.component(id);
    if (component === null) throw notFound('component', id);
    return component;
  }

  components(page: Page): Promise<Component[]> {
    return this.store.components(page);
  }

  /**
   * Refusal 400 when its checks are too large together, 404 without the component, 409 when it has
   * this version, 422 when it has too many.
   */
  async addVersion(asked: New<Version>): Promise<Version> {
    await this.component(asked.componentId);
    insistOnSmallChecks(asked);
    const version = this.#stamped(asked);
    return this.#add(
      () => this.store.insertVersion(version),
      version,
      async () => (await this.store.versionsById([asked.id]))[0] ?? null,
      `version ${asked.version}`,
    );
  }

  async versions(
    componentId: string,
    statuses: readonly VersionStatus[] | null,
    page: Page,
  ): Promise<Version[]> {
    await this.component(componentId);
    return this.store.versions(componentId, statuses, page);
  }

  /** Refusal 404 when it is not there, or another component's. */
  async version(componentId: string, versionId: string): Promise<Version> {
    const version = await this.#version(versionId);
    if (version.componentId !== componentId) throw notFound('version', versionId);
    return version;
  }

  /** Refusal 400 when its checks grow too large together, 404 without the version. */
  async changeVersion(
    componentId: string,
    versionId: string,
    change: Partial<VersionDetails>,
  ): Promise<Version> {
    if (change.smokeTests !== undefined || change.canaryMetrics !== undefined) {
      // Two changes at once may pass together: each list alone is as bounded, so both still travel.
      insistOnSmallChecks({ ...(await this.version(componentId, versionId)), ...change });
    }
    const nowMs = this.clock.nowMs();
    const version = await this.store.changeVersion(componentId, versionId, change, nowMs);
    if (version === null) throw notFound('version', versionId);
    return version;
  }

  /** Refusal 422 unless it leads upwards between two versions of the component. */
  async addPath(asked: New<UpgradePath>): Promise<UpgradePath> {
    const versions = await this.store.versionsById([asked.fromVersionId, asked.toVersionId]);
    const [from, to] = await this.#ends(asked, versions);
    const problems: FieldProblem[] = [];
    for (const [field, version] of [
      ['fromVersionId', from],
      ['toVersionId', to],
    ] as const) {
      if (version.componentId === asked.componentId) continue;
      problems.push({ field, expected: 'a version of the component named by componentId' });
    }
    if (problems.length === 0 && !isOlder(from.version, to.version)) {
      problems.push({ field: 'toVersionId', expected: `a version after ${from.version}` });
    }
    if (problems.length > 0) throw unusable(problems);
    const path = this.#stamped(asked);
    return this.#add(
      () => this.store.insertPath(path),
      path,
      async () => {
        const paths = await this.store.allPaths(asked.componentId);
        return paths.find(({ id }) => id === asked.id) ?? null;
      },
      `path ${from.version} → ${to.version}`,
    );
  }

  paths(componentId: string | null, page: Page): Promise<UpgradePath[]> {
    return this.store.paths(componentId, page);
  }

  /** Judges the way between two versions, for a tenant's deployment when one is named. */
  async validatePath(asked: {
    readonly fromVersionId: string;
    readonly toVersionId: string;
    readonly tenantId: string | null;
  }): Promise<UpgradeJudgement> {
    const [from, to] = await Promise.all([
      this.#version(asked.fromVersionId),
      this.#version(asked.toVersionId),
    ]);
    const { componentId } = from;
    const [component, versions, paths] = await Promise.all([
      this.component(componentId),
      this.store.allVersions(componentId),
      this.store.allPaths(componentId),
    ]);
    return judgeUpgrade({
      componentName: component.name,
      from,
      to,
      versions,
      paths,
      strategy: REQUEST_DEFAULTS.strategy,
      allowDowntime: REQUEST_DEFAULTS.allowDowntime,
      surroundings:
        asked.tenantId === null ? null : await this.#surroundings(asked.tenantId, componentId),
    });
  }

  /**
   * Creates or replaces a deployment. Refusal 400 for settings the driver does not take, 404 without
   * the component, 409 while an execution works on it, 422 for a version that is not its own.
   */
  async putDeployment(
    asked: DeploymentSettings,
  ): Promise<{ deployment: Deployment; created: boolean }> {
    const { tenantId, componentId, currentVersionId } = asked;
    if (asked.target !== null) this.desk.check(asked.target);
    await this.component(componentId);
    const [version] = await this.store.versionsById([currentVersionId]);
    if (version?.componentId !== componentId) {
      const expected = 'a registered version of the component';
      throw unusable([{ field: 'currentVersionId', expected }]);
    }
    const fleet = `${tenantId}/${componentId}`;
    const target = asked.target === null ? null : filledIn(asked.target, fleet, version);
    const fresh = { observedVersions: {}, standbySet: null };
    try {
      const put = await this.store.putDeployment(this.#stamped({ ...asked, target, ...fresh }));
      // After the commit: a fleet must not be set back under an execution that is refused the PUT.
      if (target !== null) await this.desk.declare(target);
      return put;
    } catch (error) {
      throw error instanceof DeploymentBusyError ? busy(error) : error;
    }
  }

  async deployment(tenantId: string, componentId: string): Promise<Deployment> {
    const deployment = await this.store.deployment(tenantId, componentId);
    if (deployment === null) throw notFound('deployment of component', componentId);
    return deployment;
  }

  /** Replaces the faults of a simulated target, also while an execution runs. */
  async putFaults(
    tenantId: string,
    componentId: string,
    faults: readonly unknown[],
  ): Promise<Deployment> {
    const { target } = await this.deployment(tenantId, componentId);
    if (target?.driver !== 'simulated') {
      const title = 'Only a simulated target has faults to be set';
      throw new Refusal('NOT_SIMULATED', 422, title, { driver: target?.driver ?? null });
    }
    const settings = { ...target.settings, faults };
    try {
      this.desk.check({ ...target, settings });
    } catch (error) {
      throw asSent(error);
    }
    await this.store.changeSettings(tenantId, componentId, settings, this.clock.nowMs());
    await this.desk.setFaults({ ...target, settings }, faults);
    return this.deployment(tenantId, componentId);
  }

  async #surroundings(tenantId: string, componentId: string) {
    const [deployment, otherDeployments] = await Promise.all([
      this.deployment(tenantId, componentId),
      this.store.neighbours(tenantId, componentId, REQUEST_LIMITS.neighboursMax),
    ]);
    const { platformVersion } = deployment;
    return { platformVersion, installedComponents: {}, otherDeployments };
  }

  async #version(id: string): Promise<Version> {
    const [version] = await this.store.versionsById([id]);
    if (version === undefined) throw notFound('version', id);
    return version;
  }

  async #ends(
    asked: { componentId: string; fromVersionId: string; toVersionId: string },
    versions: readonly Version[],
  ): Promise<[Version, Version]> {
    const [from, to] = [asked.fromVersionId, asked.toVersionId].map((id) =>
      versions.find((version) => version.id === id),
    );
    const component = await this.store.component(asked.componentId);
    if (component !== null && from !== undefined && to !== undefined) return [from, to];
    throw unusable([
      ...(component === null ? [{ field: 'componentId', expected: 'a registered component' }] : []),
      ...(from === undefined ? [{ field: 'fromVersionId', expected: 'a registered version' }] : []),
      ...(to === undefined ? [{ field: 'toVersionId', expected: 'a registered version' }] : []),
    ]);
  }

  async #add<Of extends { readonly id: string }>(
    insert: () => Promise<void>,
    added: Of,
    find: () => Promise<Of | null>,
    what: string,
  ): Promise<Of> {
    try {
      await insert();
      return added;
    } catch (error) {
      if (error instanceof RegistryFullError) {
        throw new Refusal('REGISTRY_FULL', 422, error.message, { max: error.max });
      }
      if (!(error instanceof AlreadyRegisteredError)) throw error;
      // Under the same id it is the same request, whose first answer was lost.
      const same = await find();
      if (same !== null) return same;
      throw new Refusal('ALREADY_REGISTERED', 409, `There is a ${what} already`);
    }
  }

  #stamped<Of>(asked: Of): Of & { createdAtMs: number; updatedAtMs: number } {
    const nowMs = this.clock.nowMs();
    return { ...asked, createdAtMs: nowMs, updatedAtMs: nowMs };
  }
}

/** Faults are sent by themselves, not as the setting of a target. */
function asSent(error: unknown): unknown {
  if (!(error instanceof Refusal) || error.code !== 'INVALID_REQUEST') return error;
  const errors = error.extra['errors'] as readonly FieldProblem[];
  return invalidRequest(
    errors.map(({ field, expected }) => {
      return { field: field.replace(/^target\.settings\.(?=faults\b)/, ''), expected };
    }),
  );
}

/** 422: each field is well formed, but there is nothing such to point at. */
export function unusable(errors: readonly FieldProblem[]): Refusal {
  const fields = errors.map(({ field }) => field).join(', ');
  return new Refusal('UNUSABLE_REFERENCE', 422, `It cannot be done with this ${fields}`, {
    errors,
  });
}

function insistOnSmallChecks(version: Pick<VersionDetails, 'smokeTests' | 'canaryMetrics'>): void {
  const max = REQUEST_LIMITS.versionChecksMaxBytes;
  if (checksBytes(version) <= max) return;
  const expected = `at most ${String(max)} bytes of JSON, both together`;
  throw invalidRequest([
    { field: 'smokeTests', expected },
    { field: 'canaryMetrics', expected },
  ]);
}

/** A rehearsal's fleet is this deployment's, and begins on its version, unless it says otherwise. */
function filledIn(target: Target, fleet: string, { version }: JudgedVersion): Target {
  if (target.driver !== 'simulated') return target;
  return { ...target, settings: { fleet, version, ...target.settings } };
}

function busy({ executionId }: DeploymentBusyError): Refusal {
  const title = 'The deployment cannot be changed while an upgrade of it is active';
  return new Refusal('ACTIVE_EXECUTION', 409, title, { activeExecutionId: executionId });
}
