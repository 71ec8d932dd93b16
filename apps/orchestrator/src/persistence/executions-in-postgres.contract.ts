/** The executions on Postgres, empty at each opening, as their contract suites want them. */
import { emptiedDatabase } from '#postgres/emptied-schema.contract.js';
import { SHARDS } from '#postgres/shard-of.js';
import type { ExecutionsUnderTest } from './execution.contract.js';
import { PgExecutionStore } from './execution.pg.store.js';
import { MIGRATIONS } from './migrations.js';

interface ExecutionsInPostgres extends ExecutionsUnderTest {
  /** Names of the tables that facts lie in. */
  partitions(): Promise<string[]>;
}

const open = emptiedDatabase(MIGRATIONS);

export async function executionsInPostgres(): Promise<ExecutionsInPostgres> {
  const database = await open();
  await database.statement('', "SELECT ensure_fact_partitions('2026-01-01', 60)", []);
  return {
    partitions: async () => {
      const rows = await database.statement<{ name: string }>(
        '',
        `SELECT inhrelid::regclass::text AS name FROM pg_inherits
         WHERE inhparent = 'execution_facts'::regclass`,
        [],
      );
      return rows.map(({ name }) => name);
    },
    store: new PgExecutionStore(database),
    deploy: async (tenantId, componentId, currentVersionId) => {
      await database.statement(
        '',
        `INSERT INTO deployments (tenant_id, component_id, target, current_version_id,
           created_at, updated_at)
         VALUES ($1, $2, '{}', $3, now(), now())`,
        [tenantId, componentId, currentVersionId],
      );
    },
    deployment: async (tenantId, componentId) => {
      const [row] = await database.statement<{ id: string; seen: Record<string, number> }>(
        '',
        `SELECT current_version_id AS id, observed_versions AS seen FROM deployments
         WHERE tenant_id = $1 AND component_id = $2`,
        [tenantId, componentId],
      );
      if (row === undefined) throw new Error('there is no such deployment');
      return { currentVersionId: row.id, observedVersions: row.seen };
    },
    actions: async (executionId) => {
      const rows = await database.statement<{ said: string }>(
        '',
        `SELECT concat_ws(' ', claimed_by, action, revision) AS said FROM execution_actions
         WHERE execution_id = $1 ORDER BY id`,
        [executionId],
      );
      return rows.map(({ said }) => said);
    },
    pointers: async () => {
      const rows = await database.takeOutbox([...Array(SHARDS).keys()], 1_000);
      return rows.flatMap(({ pointer }) =>
        pointer === null ? [] : [{ executionId: pointer.subject, sequence: pointer.position }],
      );
    },
    close: () => Promise.resolve(),
  };
}
