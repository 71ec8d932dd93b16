/** How outcomes are written and counted. */
import { isTerminal, type Ended, type Execution } from '#core/execution/execution.js';
import { outcomeOf } from '../upgrade-statistics.js';

export const INSERT_OUTCOMES = `
  INSERT INTO execution_outcomes (id, component_id, tenant_id, created_at, duration_ms, status,
    kind, strategy, to_version, failure_cause, batch_work_ms)
  SELECT id, component_id, tenant_id, created_at, duration_ms, status, kind, strategy, to_version,
    failure_cause, batch_work_ms
  FROM jsonb_to_recordset($1::jsonb) AS o(
    id uuid, component_id uuid, tenant_id text, created_at bigint, duration_ms bigint, status text,
    kind text, strategy text, to_version text, failure_cause text, batch_work_ms bigint)`;

/** Rows for those that ended in this change; most changes end none. */
export function outcomeRows(
  changes: readonly { readonly before: Execution; readonly next: Execution }[],
): Record<string, unknown>[] {
  return changes.flatMap(({ before, next }) => {
    if (isTerminal(before.status) || !isTerminal(next.status)) return [];
    const { durationMs, toVersion, failureCause, batchWorkMs, ...outcome } = outcomeOf(
      next as Ended,
    );
    return {
      ...outcome,
      id: next.id,
      component_id: next.componentId,
      tenant_id: next.tenantId,
      created_at: next.createdAtMs,
      duration_ms: durationMs,
      to_version: toVersion,
      failure_cause: failureCause,
      batch_work_ms: batchWorkMs,
    };
  });
}

/**
 * Counts the newest $3 that ended, created at or after $2, of component $1 (and of tenant $4): all
 * of them, and by each group. What a row is grouped by says `grouping`, a bit for each column.
 */
export function countOutcomes(ofTenant: boolean): string {
  const tenant = ofTenant ? 'AND tenant_id = $4' : '';
  return `
  WITH counted AS MATERIALIZED (
    SELECT duration_ms, status, kind, strategy, to_version, failure_cause, batch_work_ms
    FROM execution_outcomes
    WHERE component_id = $1 AND created_at >= $2 ${tenant}
    ORDER BY created_at DESC LIMIT $3)
  SELECT GROUPING(kind, strategy, to_version, failure_cause) AS grouping,
         COALESCE(kind, strategy, to_version, failure_cause) AS key,
         count(*) FILTER (WHERE status = 'COMPLETED')::int AS completed,
         count(*) FILTER (WHERE status = 'FAILED')::int AS failed,
         count(*) FILTER (WHERE status = 'ROLLED_BACK')::int AS rolled_back,
         count(*) FILTER (WHERE status = 'CANCELLED')::int AS cancelled,
         avg(duration_ms)::float8 AS average_ms,
         percentile_disc('{0.5,0.9,0.95,0.99}'::float8[])
           WITHIN GROUP (ORDER BY duration_ms)::float8[] AS percentiles_ms,
         percentile_disc(0.5) WITHIN GROUP (ORDER BY batch_work_ms)::float8 AS batch_work_ms,
         count(batch_work_ms)::int AS batch_work_known,
         (SELECT count(*)::int FROM executions
          WHERE component_id = $1 AND active AND created_at >= $2 ${tenant}) AS active
  FROM counted GROUP BY GROUPING SETS ((), (kind), (strategy), (to_version), (failure_cause))`;
}

/** GROUPING sets the bit of each column that a row is not grouped by; the last column's is 1. */
export const GROUPED_BY = {
  nothing: 0b1111,
  kind: 0b0111,
  strategy: 0b1011,
  toVersion: 0b1101,
  failureCause: 0b1110,
} as const;
