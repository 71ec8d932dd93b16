import type { StatisticsFilter, UpgradeStatistics } from '../upgrade-statistics.js';

/** Counts executions. Two implementations, Postgres and an in-memory twin, pass one contract. */
export abstract class StatisticsStore {
  abstract statistics(filter: StatisticsFilter): Promise<UpgradeStatistics>;
}
