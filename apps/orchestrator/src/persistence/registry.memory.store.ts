import type { OtherDeployment, VersionStatus } from '#core/compatibility/compatibility.js';
import { isTerminal, type Execution } from '#core/execution/execution.js';
import { REQUEST_LIMITS } from '#core/limits.js';
import type { MemoryTableRules } from '#postgres/memory-rows.js';
import type { MemoryTx } from '#postgres/memory-tx.js';
import { type ServiceDatabase, UniqueViolationError } from '#postgres/service-database.js';
import type {
  Component,
  Deployment,
  Page,
  UpgradePath,
  Version,
  VersionDetails,
} from '../registry.js';
import {
  AlreadyRegisteredError,
  DeploymentBusyError,
  RegistryFullError,
  RegistryStore,
} from './registry.store.js';

/** The unique indexes of the registry's tables, as its migration creates them. */
export const REGISTRY_TABLES: Readonly<Record<string, MemoryTableRules>> = {
  components: { unique: { components_name: (row: Component) => row.name } },
  versions: {
    unique: {
      versions_of_component: (row: Version) =>
        `${row.componentId}/${row.version.split('+')[0] ?? ''}`,
    },
  },
  upgrade_paths: {
    unique: {
      upgrade_paths_pair: (row: UpgradePath) => `${row.fromVersionId}/${row.toVersionId}`,
    },
  },
};

/** A deployment's row; executions write `handOver` in it. */
interface DeploymentRow extends Deployment {
  readonly handOver: number;
}

/** The in-memory twin of the registry. Times come with the rows, so it needs no clock. */
export class MemoryRegistryStore extends RegistryStore {
  constructor(private readonly database: ServiceDatabase<MemoryTx>) {
    super();
  }

  override insertComponent(component: Component): Promise<void> {
    return this.insert('components', component);
  }

  override component(id: string): Promise<Component | null> {
    return this.get<Component>('components', id);
  }

  override components(page: Page): Promise<Component[]> {
    return this.page<Component>('components', page, () => true);
  }

  override insertVersion(version: Version): Promise<void> {
    return this.insert('versions', version, { what: 'versions', max: REQUEST_LIMITS.versionsMax });
  }

  override async versionsById(ids: readonly string[]): Promise<Version[]> {
    return this.all<Version>('versions', (version) => ids.includes(version.id));
  }

  override versions(
    componentId: string,
    statuses: readonly VersionStatus[] | null,
    page: Page,
  ): Promise<Version[]> {
    return this.page<Version>(
      'versions',
      page,
      (version) =>
        version.componentId === componentId &&
        (statuses === null || statuses.includes(version.status)),
    );
  }

  override allVersions(componentId: string): Promise<Version[]> {
    return this.all<Version>('versions', (version) => version.componentId === componentId);
  }

  override changeVersion(
    componentId: string,
    versionId: string,
    change: Partial<VersionDetails>,
    nowMs: number,
  ): Promise<Version | null> {
    return this.database.transaction(async (tx) => {
      const table = tx.table<Version>('versions');
      await tx.lockRow('versions', versionId, 'wait');
      const version = await table.get(versionId);
      if (version?.componentId !== componentId) return null;
      const changed = { ...version, ...change, updatedAtMs: nowMs };
      await table.put(versionId, changed);
      return changed;
    });
  }

  override insertPath(path: UpgradePath): Promise<void> {
    return this.insert('upgrade_paths', path, { what: 'paths', max: REQUEST_LIMITS.pathsMax });
  }

  override paths(componentId: string | null, page: Page): Promise<UpgradePath[]> {
    return this.page<UpgradePath>(
      'upgrade_paths',
      page,
      (path) => componentId === null || path.componentId === componentId,
    );
  }

  override allPaths(componentId: string): Promise<UpgradePath[]> {
    return this.all<UpgradePath>('upgrade_paths', (path) => path.componentId === componentId);
  }

  override putDeployment(
    deployment: Deployment,
  ): Promise<{ deployment: Deployment; created: boolean }> {
    const { tenantId, componentId, target, currentVersionId, platformVersion } = deployment;
    return this.database.transaction(async (tx) => {
      const table = tx.table<DeploymentRow>('deployments');
      const key = keyOf(tenantId, componentId);
      await tx.lockRow('deployments', key, 'wait');
      const before = await table.get(key);
      const settings = { target, currentVersionId, platformVersion };
      const row: DeploymentRow =
        before === undefined
          ? { ...deployment, observedVersions: {}, standbySet: null, handOver: 0 }
          : { ...before, ...settings, updatedAtMs: deployment.updatedAtMs };
      await table.put(key, row);
      const active = await activeExecution(tx, tenantId, componentId);
      if (active !== null) throw new DeploymentBusyError(active);
      return { deployment: deploymentOf(row), created: before === undefined };
    });
  }

  override async deployment(tenantId: string, componentId: string): Promise<Deployment | null> {
    const row = await this.get<DeploymentRow>('deployments', keyOf(tenantId, componentId));
    return row === null ? null : deploymentOf(row);
  }

  override changeSettings(
    tenantId: string,
    componentId: string,
    settings: Readonly<Record<string, unknown>>,
    nowMs: number,
  ): Promise<boolean> {
    return this.database.transaction(async (tx) => {
      const table = tx.table<DeploymentRow>('deployments');
      const key = keyOf(tenantId, componentId);
      await tx.lockRow('deployments', key, 'wait');
      const row = await table.get(key);
      const target = row?.target ?? null;
      if (row === undefined || target === null) return false;
      await table.put(key, { ...row, target: { ...target, settings }, updatedAtMs: nowMs });
      return true;
    });
  }

  override neighbours(
    tenantId: string,
    componentId: string,
    limit: number,
  ): Promise<OtherDeployment[]> {
    return this.database.transaction(async (tx) => {
      const others = await tx
        .table<DeploymentRow>('deployments')
        .scan((row) => row.tenantId === tenantId && row.componentId !== componentId);
      const found: OtherDeployment[] = [];
      for (const { row } of others) {
        const component = await tx.table<Component>('components').get(row.componentId);
        const version = await tx.table<Version>('versions').get(row.currentVersionId ?? '');
        if (component === undefined || version === undefined) continue;
        const { requires } = version;
        found.push({ componentName: component.name, version: version.version, requires });
      }
      return found.sort((a, b) => (a.componentName < b.componentName ? -1 : 1)).slice(0, limit);
    });
  }

  private async insert(
    table: string,
    row: { readonly id: string; readonly componentId?: string },
    bound?: { what: 'versions' | 'paths'; max: number },
  ): Promise<void> {
    try {
      await this.database.transaction(async (tx) => {
        if (bound !== undefined) {
          await tx.lockRow('components', row.componentId ?? '', 'wait');
          const same = await tx
            .table<{ componentId: string }>(table)
            .scan((other) => other.componentId === row.componentId);
          if (same.length >= bound.max) throw new RegistryFullError(bound.what, bound.max);
        }
        await tx.table(table).insert(row.id, row);
      });
    } catch (error) {
      if (!(error instanceof UniqueViolationError)) throw error;
      throw new AlreadyRegisteredError(error.message, { cause: error });
    }
  }

  private get<Row>(table: string, key: string): Promise<Row | null> {
    return this.database.transaction(async (tx) => (await tx.table<Row>(table).get(key)) ?? null);
  }

  private async all<Row>(table: string, where: (row: Row) => boolean): Promise<Row[]> {
    const found = await this.database.transaction((tx) => tx.table<Row>(table).scan(where));
    return found.map(({ row }) => row);
  }

  private async page<Row extends { readonly createdAtMs: number; readonly id: string }>(
    table: string,
    { after, limit }: Page,
    where: (row: Row) => boolean,
  ): Promise<Row[]> {
    const rows = await this.all(table, where);
    return rows
      .sort(newestFirst)
      .filter((row) => after === null || newestFirst(after, row) < 0)
      .slice(0, limit);
  }
}

function newestFirst(
  a: { readonly createdAtMs: number; readonly id: string },
  b: { readonly createdAtMs: number; readonly id: string },
): number {
  if (a.createdAtMs !== b.createdAtMs) return b.createdAtMs - a.createdAtMs;
  if (a.id === b.id) return 0;
  return a.id < b.id ? 1 : -1;
}

async function activeExecution(
  tx: MemoryTx,
  tenantId: string,
  componentId: string,
): Promise<string | null> {
  const [active] = await tx
    .table<{ execution: Execution }>('executions')
    .scan(
      ({ execution }) =>
        execution.tenantId === tenantId &&
        execution.componentId === componentId &&
        !isTerminal(execution.status),
    );
  return active?.key ?? null;
}

function deploymentOf({ handOver: _, ...deployment }: DeploymentRow): Deployment {
  return deployment;
}

function keyOf(tenantId: string, componentId: string): string {
  return `${tenantId}/${componentId}`;
}
