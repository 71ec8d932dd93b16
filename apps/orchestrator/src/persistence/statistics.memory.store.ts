import type { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import { isTerminal, type Ended } from '#core/execution/execution.js';
import {
  outcomeOf,
  talliesOf,
  type StatisticsFilter,
  type UpgradeStatistics,
} from '../upgrade-statistics.js';
import type { StoredExecution } from './execution.store.js';
import { StatisticsStore } from './statistics.store.js';

/** The in-memory twin reads the executions themselves. */
export class MemoryStatisticsStore extends StatisticsStore {
  constructor(private readonly db: MemoryServiceDatabase) {
    super();
  }

  override async statistics(filter: StatisticsFilter): Promise<UpgradeStatistics> {
    const { componentId, tenantId, sinceMs, executionsMax } = filter;
    const rows = await this.db.transaction((tx) =>
      tx.table<StoredExecution>('executions').scan(({ execution }) => {
        const ours = tenantId === null || execution.tenantId === tenantId;
        return (
          ours && execution.componentId === componentId && execution.createdAtMs >= (sinceMs ?? 0)
        );
      }),
    );
    const executions = rows.map(({ row }) => row.execution);
    const ended = executions.filter((one): one is Ended => isTerminal(one.status));
    const newest = ended.sort((a, b) => b.createdAtMs - a.createdAtMs).slice(0, executionsMax);
    return { tallies: talliesOf(newest.map(outcomeOf)), active: executions.length - ended.length };
  }
}
