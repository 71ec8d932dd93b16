import type { RegistryStore } from './persistence/registry.store.js';
import type { StatisticsStore } from './persistence/statistics.store.js';
import { notFound } from './refusal.js';
import { STATISTICS_LIMITS, type UpgradeStatistics } from './upgrade-statistics.js';

/** Counts a component's executions for people. */
export class StatisticsRunner {
  constructor(
    private readonly registry: RegistryStore,
    private readonly store: StatisticsStore,
  ) {}

  /**
   * Refusal 404 without the component.
   *
   * @param tenantId whose executions alone are counted; null: all
   */
  async statistics(asked: {
    readonly componentId: string;
    readonly tenantId: string | null;
    readonly sinceMs: number | null;
  }): Promise<UpgradeStatistics> {
    const { componentId } = asked;
    const { executionsMax } = STATISTICS_LIMITS;
    const [component, statistics] = await Promise.all([
      this.registry.component(componentId),
      this.store.statistics({ ...asked, executionsMax }),
    ]);
    if (component === null) throw notFound('component', componentId);
    return statistics;
  }
}
