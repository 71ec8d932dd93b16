import type { PgTx } from '#postgres/pg-service-database.js';
import type { Execution } from '#core/execution/execution.js';
import type { StandbySet } from '#core/execution/execution-requests.js';
import {
  observedWithoutRows,
  type DeploymentRecord,
  type StandingDeployment,
} from './execution.store.js';

/** Of which tenant's component it speaks. */
type Deployed = Pick<Execution, 'tenantId' | 'componentId'>;

/** What executions read and write of the deployments they are about. */
export class DeploymentRows {
  constructor(private readonly tx: PgTx) {}

  async deployment(tenantId: string, componentId: string): Promise<StandingDeployment | null> {
    const [row] = await this.tx.query<{
      hand_over: string;
      current_version_id: string | null;
      target: StandingDeployment['target'];
      standby_set: StandingDeployment['standby'];
    }>(
      '',
      `SELECT hand_over, current_version_id, target, standby_set FROM deployments
       WHERE tenant_id = $1 AND component_id = $2 FOR SHARE`,
      [tenantId, componentId],
    );
    if (row === undefined) return null;
    const { hand_over: handOver, current_version_id: currentVersionId, target } = row;
    return { handOver: Number(handOver), currentVersionId, target, standby: row.standby_set };
  }

  async recordDeployment({ execution, currentVersionId }: DeploymentRecord): Promise<void> {
    const { tenantId, componentId } = execution;
    const known = observedWithoutRows(execution);
    if (known !== 'BY_ROWS') {
      await this.tx.query(
        '',
        `UPDATE deployments SET current_version_id = COALESCE($3, current_version_id),
           observed_versions = COALESCE($4, observed_versions), updated_at = now()
         WHERE tenant_id = $1 AND component_id = $2`,
        [tenantId, componentId, currentVersionId, known.observed],
      );
      return;
    }
    const there = 'listing' in execution ? execution.listing.alreadyThere : 0;
    await this.tx.query(
      '',
      `UPDATE deployments SET
         current_version_id = COALESCE($3, current_version_id),
         observed_versions = (
           SELECT COALESCE(jsonb_object_agg(version, count), '{}')
           FROM (SELECT version, sum(count)::int AS count FROM (
                   SELECT CASE WHEN status = 4 THEN $5
                               WHEN status IN (0, 6) THEN COALESCE(from_version, 'unknown')
                               ELSE 'unknown' END AS version, count(*) AS count
                   FROM execution_instances WHERE execution_id = $4 GROUP BY 1
                   UNION ALL SELECT $5, $6::int WHERE $6::int > 0) v
                 GROUP BY version) o),
         updated_at = now()
       WHERE tenant_id = $1 AND component_id = $2`,
      [tenantId, componentId, currentVersionId, execution.id, execution.plan.to.version, there],
    );
  }

  async recordStandby(
    { tenantId, componentId }: Deployed,
    standby: StandbySet | null,
  ): Promise<void> {
    await this.tx.query(
      '',
      `UPDATE deployments SET standby_set = $3, updated_at = now()
       WHERE tenant_id = $1 AND component_id = $2`,
      [tenantId, componentId, standby],
    );
  }

  async recordObserved(
    { tenantId, componentId }: Deployed,
    versions: Readonly<Record<string, number>>,
    currentVersionId: string | null,
  ): Promise<void> {
    await this.tx.query(
      '',
      `UPDATE deployments SET observed_versions = $3,
         current_version_id = COALESCE($4, current_version_id), updated_at = now()
       WHERE tenant_id = $1 AND component_id = $2`,
      [tenantId, componentId, versions, currentVersionId],
    );
  }

  async keepHandOver({
    tenantId,
    componentId,
    handOver,
  }: Deployed & Pick<Execution, 'handOver'>): Promise<void> {
    await this.tx.query(
      '',
      `UPDATE deployments SET hand_over = greatest(hand_over, $3)
       WHERE tenant_id = $1 AND component_id = $2`,
      [tenantId, componentId, handOver],
    );
  }
}
