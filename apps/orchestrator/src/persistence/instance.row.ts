/** How instances lie in the database: statuses and failures as small numbers, times as ms. */
import { INSTANCE_STATUSES, type InstanceStatus } from '#core/execution/execution.js';
import { FAILURE_KINDS, type FailureKind } from '#core/execution/execution-inputs.js';
import type { StoredInstance } from './execution.store.js';

// The order of both lists is data at rest: new members go to the end.
export const statusCode = (status: InstanceStatus): number => INSTANCE_STATUSES.indexOf(status);
export const failureCode = (failure: FailureKind | null): number | null =>
  failure === null ? null : FAILURE_KINDS.indexOf(failure);

export function statusOf(code: number): InstanceStatus {
  const status = INSTANCE_STATUSES[code];
  if (status === undefined) throw new Error(`no instance status has the code ${String(code)}`);
  return status;
}

export interface InstanceRow {
  index: number;
  status: number;
  attempt: number;
  moved_at: string;
  failure: number | null;
  instance_id: string;
  from_version: string | null;
}

export function instanceOf(row: InstanceRow): StoredInstance {
  return {
    index: row.index,
    instanceId: row.instance_id,
    fromVersion: row.from_version,
    status: statusOf(row.status),
    attempt: row.attempt,
    failure: row.failure === null ? null : (FAILURE_KINDS[row.failure] ?? null),
    movedAtMs: Number(row.moved_at),
  };
}
