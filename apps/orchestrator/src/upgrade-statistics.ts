/** Statistics over a component's executions (seed 003, spec §6), as far as they are asked for. */
import { FAILURE_CAUSES, outcomeOf, type Outcome } from '#core/statistics/outcome.js';
import {
  finishedOf,
  successRateOf,
  talliesOf,
  type Tallied,
  type Tallies,
  type Tally,
} from '#core/statistics/statistics.js';

// What other rooms need of the rules' words.
export { FAILURE_CAUSES, finishedOf, outcomeOf, successRateOf, talliesOf };
export type { Outcome, Tallied, Tallies, Tally };

export const STATISTICS_LIMITS = {
  /** Only the newest that ended, by creation, are counted: what one question may cost is bounded. */
  executionsMax: 100_000,
  /** Target versions shown, those with the most executions first. */
  versionsShown: 100,
} as const;

export interface StatisticsFilter {
  readonly componentId: string;
  /** Null: of all tenants. */
  readonly tenantId: string | null;
  /** Created at or after this; null: whenever. */
  readonly sinceMs: number | null;
  /** How many that ended are counted, the newest by creation. */
  readonly executionsMax: number;
}

export interface UpgradeStatistics {
  readonly tallies: Tallies;
  /** Those that have not ended. */
  readonly active: number;
}
