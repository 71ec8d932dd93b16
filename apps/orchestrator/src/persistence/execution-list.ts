/** What a list of executions holds: for Postgres, and for its twin. */
import { isTerminal, type Execution } from '#core/execution/execution.js';
import type { ListFilter } from './execution.store.js';

/**
 * Which rows a list holds, and in which order. A filter that is not asked for is not in the text, so
 * that the plan is made for what is: the active ones have an index of their own.
 *
 * @returns the text after FROM, and its values
 */
export function listedBy(filter: ListFilter): [string, unknown[]] {
  const { after, limit } = filter;
  const conditions: readonly (readonly [string, unknown])[] = [
    ['tenant_id = ?', filter.tenantId],
    ['component_id = ?', filter.componentId],
    ['status = ANY (?::text[])', filter.statuses],
    ['strategy = ?', filter.strategy],
    ['kind = ?', filter.kind],
    ['created_at > ?', filter.createdAfterMs],
    ['created_at < ?', filter.createdBeforeMs],
  ];
  const values: unknown[] = [];
  const asked = conditions.flatMap(([condition, value]) => {
    if (value === null) return [];
    values.push(value);
    return condition.replace('?', () => `$${String(values.length)}`);
  });
  if (after !== null) {
    values.push(after.createdAtMs, after.id);
    const [createdAt, id] = [values.length - 1, values.length];
    asked.push(`(created_at, id) < ($${String(createdAt)}, $${String(id)}::uuid)`);
  }
  if (filter.active !== null) asked.push(filter.active ? 'active' : 'NOT active');
  values.push(limit);
  const where = asked.length === 0 ? '' : `WHERE ${asked.join(' AND ')}`;
  return [`${where} ORDER BY created_at DESC, id DESC LIMIT $${String(values.length)}`, values];
}

export function isListed(
  execution: Execution,
  filter: Omit<ListFilter, 'after' | 'limit'>,
): boolean {
  const is = <Of>(wanted: Of | null, found: Of): boolean => wanted === null || wanted === found;
  const { createdAtMs } = execution;
  return (
    is(filter.tenantId, execution.tenantId) &&
    is(filter.componentId, execution.componentId) &&
    (filter.statuses?.includes(execution.status) ?? true) &&
    is(filter.strategy, execution.plan.strategy) &&
    is(filter.kind, execution.kind) &&
    is(filter.active, !isTerminal(execution.status)) &&
    createdAtMs > (filter.createdAfterMs ?? Number.NEGATIVE_INFINITY) &&
    createdAtMs < (filter.createdBeforeMs ?? Number.POSITIVE_INFINITY)
  );
}
