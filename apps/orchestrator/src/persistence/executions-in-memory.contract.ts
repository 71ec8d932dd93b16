/** The twin of the executions, as their contract suites want it. */
import { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import { SHARDS } from '#postgres/shard-of.js';
import type { ExecutionsUnderTest } from './execution.contract.js';
import type { RecordedAction } from './execution.store.js';
import { EXECUTION_TABLES, MemoryExecutionStore } from './execution.memory.store.js';

interface DeploymentRow {
  currentVersionId: string;
  observedVersions: Record<string, number>;
  handOver: number;
}

export function executionsInMemory(): Promise<ExecutionsUnderTest> {
  const database = new MemoryServiceDatabase({ nowMs: () => 0, tables: EXECUTION_TABLES });
  return Promise.resolve({
    store: new MemoryExecutionStore(database),
    deploy: (tenantId, componentId, currentVersionId) =>
      database.transaction((tx) =>
        tx.table<DeploymentRow>('deployments').put(`${tenantId}/${componentId}`, {
          currentVersionId,
          observedVersions: {},
          handOver: 0,
        }),
      ),
    deployment: (tenantId, componentId) =>
      database.transaction(async (tx) => {
        const table = tx.table<DeploymentRow>('deployments');
        const row = await table.get(`${tenantId}/${componentId}`);
        if (row === undefined) throw new Error('there is no such deployment');
        const { currentVersionId, observedVersions } = row;
        return { currentVersionId, observedVersions };
      }),
    actions: (executionId) =>
      database.transaction(async (tx) => {
        const isIts = (row: RecordedAction): boolean => row.executionId === executionId;
        const rows = await tx.table<RecordedAction>('actions').scan(isIts);
        return rows.map(
          ({ row: { by, action, revision } }) => `${by} ${action} ${String(revision)}`,
        );
      }),
    pointers: async () => {
      const rows = await database.takeOutbox([...Array(SHARDS).keys()], 1_000);
      return rows.flatMap(({ pointer }) =>
        pointer === null ? [] : [{ executionId: pointer.subject, sequence: pointer.position }],
      );
    },
    close: () => database.close(),
  });
}
