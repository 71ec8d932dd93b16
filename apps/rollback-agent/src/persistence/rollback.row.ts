import type { RollbackKey, RollbackStatus } from '#core/rollback/rollback.js';
import type { RollbackInstance } from './rollback.store.js';

/** A row of `rollback_instances`, as it is read. */
export interface InstanceRow {
  index: number;
  instance_id: string;
  version: string;
  status: RollbackStatus;
  attempt: number;
  /** bigint: comes as text. */
  since: string;
}

export const INSTANCE_COLUMNS = 'index, instance_id, version, status, attempt, since';

export const IS_KEY = 'execution_id = $1 AND hand_over = $2';

/** The values of {@link IS_KEY}. */
export function keyOf({ executionId, handOver }: RollbackKey): unknown[] {
  return [executionId, handOver];
}

export function instanceOf(row: InstanceRow): RollbackInstance {
  return {
    index: row.index,
    instanceId: row.instance_id,
    version: row.version,
    status: row.status,
    attempt: row.attempt,
    sinceMs: Number(row.since),
  };
}
