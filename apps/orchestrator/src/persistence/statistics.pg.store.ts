import type { PgServiceDatabase } from '#postgres/pg-service-database.js';
import type {
  StatisticsFilter,
  Tallied,
  Tallies,
  Tally,
  UpgradeStatistics,
} from '../upgrade-statistics.js';
import { countOutcomes, GROUPED_BY } from './statistics.statements.js';
import { StatisticsStore } from './statistics.store.js';

interface TallyRow {
  grouping: number;
  key: string | null;
  completed: number;
  failed: number;
  rolled_back: number;
  cancelled: number;
  average_ms: number | null;
  percentiles_ms: number[] | null;
  batch_work_ms: number | null;
  batch_work_known: number;
  active: number;
}

/** Counts on Postgres, in one statement. */
export class PgStatisticsStore extends StatisticsStore {
  constructor(private readonly db: PgServiceDatabase) {
    super();
  }

  override async statistics(filter: StatisticsFilter): Promise<UpgradeStatistics> {
    const { componentId, tenantId, sinceMs, executionsMax } = filter;
    const rows = await this.db.statement<TallyRow>('', countOutcomes(tenantId !== null), [
      componentId,
      sinceMs ?? 0,
      executionsMax,
      ...(tenantId === null ? [] : [tenantId]),
    ]);
    const all = rows.find(({ grouping }) => grouping === GROUPED_BY.nothing);
    if (all === undefined) throw new Error('a count of everything has a row, even of nothing');
    const tallies = {
      all: tallyOf(all),
      byStrategy: grouped(rows, GROUPED_BY.strategy),
      byKind: grouped(rows, GROUPED_BY.kind),
      byVersion: grouped(rows, GROUPED_BY.toVersion),
      byFailure: grouped(rows, GROUPED_BY.failureCause),
    } as Tallies;
    return { tallies, active: all.active };
  }
}

function grouped(rows: readonly TallyRow[], grouping: number): Tallied<string>[] {
  return rows.flatMap((row) => {
    // Those that did not fail have no cause: no group either.
    if (row.grouping !== grouping || row.key === null) return [];
    return { key: row.key, tally: tallyOf(row) };
  });
}

function tallyOf(row: TallyRow): Tally {
  // All of them null when nothing was ever started.
  const [p50, p90, p95, p99] = row.percentiles_ms ?? [];
  const isCounted = row.average_ms !== null;
  return {
    completed: row.completed,
    failed: row.failed,
    rolledBack: row.rolled_back,
    cancelled: row.cancelled,
    averageDurationMs: row.average_ms,
    percentilesMs: isCounted
      ? { p50: p50 ?? 0, p90: p90 ?? 0, p95: p95 ?? 0, p99: p99 ?? 0 }
      : null,
    batchWork:
      row.batch_work_ms === null
        ? null
        : { medianMs: row.batch_work_ms, executions: row.batch_work_known },
  };
}
