import type { OtherDeployment, VersionStatus } from '#core/compatibility/compatibility.js';
import { REQUEST_LIMITS } from '#core/limits.js';
import type { PgTx } from '#postgres/pg-tx.js';
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
  COLUMNS,
  componentOf,
  deploymentOf,
  pathOf,
  versionOf,
  type ComponentRow,
  type DeploymentRow,
  type PathRow,
  type VersionRow,
} from './registry.row.js';
import {
  AlreadyRegisteredError,
  DeploymentBusyError,
  RegistryFullError,
  RegistryStore,
} from './registry.store.js';

/** The newest first, after the last of the page before ($1, $2; null: from the first). */
const NEWEST = `($1::timestamptz IS NULL OR (created_at, id) < ($1, $2::uuid))
  ORDER BY created_at DESC, id DESC LIMIT $3`;

const INSERT_VERSION = `
  INSERT INTO versions (id, component_id, version, status, release_date, artifacts,
    min_platform_version, max_platform_version, requires, smoke_tests, canary_metrics,
    drain_timeout_seconds, lts, recommended, created_at, updated_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`;

// What is not given stays: null cannot say so, because some fields may be set to null.
const CHANGE_VERSION = `
  UPDATE versions SET
    status = CASE WHEN $3::jsonb ? 'status' THEN $3->>'status' ELSE status END,
    release_date = CASE WHEN $3 ? 'releaseDate'
      THEN ($3->>'releaseDate')::date ELSE release_date END,
    artifacts = CASE WHEN $3 ? 'artifacts' THEN $3->'artifacts' ELSE artifacts END,
    min_platform_version = CASE WHEN $3 ? 'minPlatformVersion'
      THEN $3->>'minPlatformVersion' ELSE min_platform_version END,
    max_platform_version = CASE WHEN $3 ? 'maxPlatformVersion'
      THEN $3->>'maxPlatformVersion' ELSE max_platform_version END,
    requires = CASE WHEN $3 ? 'requires' THEN $3->'requires' ELSE requires END,
    smoke_tests = CASE WHEN $3 ? 'smokeTests' THEN $3->'smokeTests' ELSE smoke_tests END,
    canary_metrics = CASE WHEN $3 ? 'canaryMetrics'
      THEN $3->'canaryMetrics' ELSE canary_metrics END,
    drain_timeout_seconds = CASE WHEN $3 ? 'drainTimeoutSeconds'
      THEN ($3->>'drainTimeoutSeconds')::int ELSE drain_timeout_seconds END,
    lts = CASE WHEN $3 ? 'lts' THEN ($3->>'lts')::boolean ELSE lts END,
    recommended = CASE WHEN $3 ? 'recommended'
      THEN ($3->>'recommended')::boolean ELSE recommended END,
    updated_at = $4
  WHERE component_id = $1 AND id = $2 RETURNING ${COLUMNS.versions}`;

const INSERT_PATH = `
  INSERT INTO upgrade_paths (id, component_id, from_version_id, to_version_id, requires_downtime,
    estimated_duration_minutes, tested, steps_before, steps_during, steps_after, steps_back,
    created_at, updated_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`;

const PUT_DEPLOYMENT = `
  INSERT INTO deployments (id, tenant_id, component_id, target, current_version_id,
    platform_version, created_at, updated_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
  ON CONFLICT (tenant_id, component_id) DO UPDATE SET
    target = excluded.target, current_version_id = excluded.current_version_id,
    platform_version = excluded.platform_version, updated_at = excluded.updated_at
  RETURNING ${COLUMNS.deployments}, id = $1 AS created`;

export class PgRegistryStore extends RegistryStore {
  constructor(private readonly database: ServiceDatabase<PgTx>) {
    super();
  }

  override async insertComponent(component: Component): Promise<void> {
    const { id, name, displayName, kind, stateless, description } = component;
    await this.insert((tx) =>
      tx.query(
        'registry.insertComponent',
        `INSERT INTO components (id, name, display_name, kind, stateless, description, created_at,
           updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
        [id, name, displayName, kind, stateless, description, ...timesOf(component)],
      ),
    );
  }

  override async component(id: string): Promise<Component | null> {
    const rows = await this.read<ComponentRow>(
      'registry.component',
      `SELECT ${COLUMNS.components} FROM components WHERE id = $1`,
      [id],
    );
    return rows.map(componentOf)[0] ?? null;
  }

  override async components(page: Page): Promise<Component[]> {
    const rows = await this.read<ComponentRow>(
      'registry.components',
      `SELECT ${COLUMNS.components} FROM components WHERE ${NEWEST}`,
      keyOf(page),
    );
    return rows.map(componentOf);
  }

  override async insertVersion(version: Version): Promise<void> {
    await this.insert(async (tx) => {
      const max = REQUEST_LIMITS.versionsMax;
      await refuseWhenFull(tx, 'versions', version.componentId, max);
      await tx.query('registry.insertVersion', INSERT_VERSION, [
        version.id,
        version.componentId,
        version.version,
        version.status,
        version.releaseDate,
        JSON.stringify(version.artifacts),
        version.minPlatformVersion,
        version.maxPlatformVersion,
        JSON.stringify(version.requires),
        JSON.stringify(version.smokeTests),
        JSON.stringify(version.canaryMetrics),
        version.drainTimeoutSeconds,
        version.lts,
        version.recommended,
        ...timesOf(version),
      ]);
    });
  }

  override async versionsById(ids: readonly string[]): Promise<Version[]> {
    const rows = await this.read<VersionRow>(
      'registry.versionsById',
      `SELECT ${COLUMNS.versions} FROM versions WHERE id = ANY($1::uuid[])`,
      [ids],
    );
    return rows.map(versionOf);
  }

  override async versions(
    componentId: string,
    statuses: readonly VersionStatus[] | null,
    page: Page,
  ): Promise<Version[]> {
    const rows = await this.read<VersionRow>(
      'registry.versions',
      `SELECT ${COLUMNS.versions} FROM versions WHERE component_id = $4
         AND ($5::text[] IS NULL OR status = ANY($5)) AND ${NEWEST}`,
      [...keyOf(page), componentId, statuses],
    );
    return rows.map(versionOf);
  }

  override async allVersions(componentId: string): Promise<Version[]> {
    const rows = await this.read<VersionRow>(
      'registry.allVersions',
      `SELECT ${COLUMNS.versions} FROM versions WHERE component_id = $1`,
      [componentId],
    );
    return rows.map(versionOf);
  }

  override async changeVersion(
    componentId: string,
    versionId: string,
    change: Partial<VersionDetails>,
    nowMs: number,
  ): Promise<Version | null> {
    const rows = await this.read<VersionRow>('registry.changeVersion', CHANGE_VERSION, [
      componentId,
      versionId,
      JSON.stringify(change),
      new Date(nowMs).toISOString(),
    ]);
    return rows.map(versionOf)[0] ?? null;
  }

  override async insertPath(path: UpgradePath): Promise<void> {
    await this.insert(async (tx) => {
      await refuseWhenFull(tx, 'paths', path.componentId, REQUEST_LIMITS.pathsMax);
      await tx.query('registry.insertPath', INSERT_PATH, [
        path.id,
        path.componentId,
        path.fromVersionId,
        path.toVersionId,
        path.requiresDowntime,
        path.estimatedDurationMinutes,
        path.tested,
        path.stepsBefore,
        path.stepsDuring,
        path.stepsAfter,
        path.stepsBack,
        ...timesOf(path),
      ]);
    });
  }

  override async paths(componentId: string | null, page: Page): Promise<UpgradePath[]> {
    const rows = await this.read<PathRow>(
      'registry.paths',
      `SELECT ${COLUMNS.paths} FROM upgrade_paths
       WHERE ($4::uuid IS NULL OR component_id = $4) AND ${NEWEST}`,
      [...keyOf(page), componentId],
    );
    return rows.map(pathOf);
  }

  override async allPaths(componentId: string): Promise<UpgradePath[]> {
    const rows = await this.read<PathRow>(
      'registry.allPaths',
      `SELECT ${COLUMNS.paths} FROM upgrade_paths WHERE component_id = $1`,
      [componentId],
    );
    return rows.map(pathOf);
  }

  override async putDeployment(
    deployment: Deployment,
  ): Promise<{ deployment: Deployment; created: boolean }> {
    return this.database.transaction(async (tx) => {
      const { id, tenantId, componentId, target, currentVersionId, platformVersion } = deployment;
      // The row is written, and so locked, before the look at the executions: whoever has created
      // one under this lock is seen, and undoes what was written.
      const [row] = await tx.query<DeploymentRow & { created: boolean }>(
        'registry.putDeployment',
        PUT_DEPLOYMENT,
        [
          id,
          tenantId,
          componentId,
          target === null ? null : JSON.stringify(target),
          currentVersionId,
          platformVersion,
          ...timesOf(deployment),
        ],
      );
      const [active] = await tx.query<{ id: string }>(
        'registry.activeExecution',
        'SELECT id FROM executions WHERE tenant_id = $1 AND component_id = $2 AND active',
        [tenantId, componentId],
      );
      if (active !== undefined) throw new DeploymentBusyError(active.id);
      if (row === undefined) throw new Error('a put deployment was not returned');
      return { deployment: deploymentOf(row), created: row.created };
    });
  }

  override async deployment(tenantId: string, componentId: string): Promise<Deployment | null> {
    const rows = await this.read<DeploymentRow>(
      'registry.deployment',
      `SELECT ${COLUMNS.deployments} FROM deployments WHERE tenant_id = $1 AND component_id = $2`,
      [tenantId, componentId],
    );
    return rows.map(deploymentOf)[0] ?? null;
  }

  override async changeSettings(
    tenantId: string,
    componentId: string,
    settings: Readonly<Record<string, unknown>>,
    nowMs: number,
  ): Promise<boolean> {
    const rows = await this.read<{ id: string }>(
      'registry.changeSettings',
      `UPDATE deployments SET target = jsonb_set(target, '{settings}', $3::jsonb), updated_at = $4
       WHERE tenant_id = $1 AND component_id = $2 AND target IS NOT NULL RETURNING id`,
      [tenantId, componentId, JSON.stringify(settings), new Date(nowMs).toISOString()],
    );
    return rows.length === 1;
  }

  override async neighbours(
    tenantId: string,
    componentId: string,
    limit: number,
  ): Promise<OtherDeployment[]> {
    const rows = await this.read<{ name: string; version: string; requires: Version['requires'] }>(
      'registry.neighbours',
      `SELECT c.name, v.version, v.requires FROM deployments d
         JOIN components c ON c.id = d.component_id
         JOIN versions v ON v.id = d.current_version_id
       WHERE d.tenant_id = $1 AND d.component_id <> $2 ORDER BY c.name LIMIT $3`,
      [tenantId, componentId, limit],
    );
    return rows.map(({ name, version, requires }) => ({ componentName: name, version, requires }));
  }

  private read<Row>(name: string, text: string, values: unknown[]): Promise<Row[]> {
    return this.database.transaction((tx) => tx.query<Row>(name, text, values));
  }

  private async insert(work: (tx: PgTx) => Promise<unknown>): Promise<void> {
    try {
      await this.database.transaction(work);
    } catch (error) {
      if (!(error instanceof UniqueViolationError)) throw error;
      throw new AlreadyRegisteredError(error.message, { cause: error });
    }
  }
}

/** Counts under the component's row lock, so that two inserts cannot both be the last one. */
async function refuseWhenFull(
  tx: PgTx,
  what: 'versions' | 'paths',
  componentId: string,
  max: number,
): Promise<void> {
  await tx.query('registry.lockComponent', 'SELECT 1 FROM components WHERE id = $1 FOR UPDATE', [
    componentId,
  ]);
  const table = what === 'versions' ? 'versions' : 'upgrade_paths';
  const [row] = await tx.query<{ count: string }>(
    `registry.count.${what}`,
    `SELECT count(*) FROM ${table} WHERE component_id = $1`,
    [componentId],
  );
  if (Number(row?.count ?? 0) >= max) throw new RegistryFullError(what, max);
}

function timesOf(registered: { createdAtMs: number; updatedAtMs: number }): [string, string] {
  const { createdAtMs, updatedAtMs } = registered;
  return [new Date(createdAtMs).toISOString(), new Date(updatedAtMs).toISOString()];
}

function keyOf({ after, limit }: Page): [string | null, string | null, number] {
  return [
    after === null ? null : new Date(after.createdAtMs).toISOString(),
    after?.id ?? null,
    limit,
  ];
}
