/** How an execution lies in the database: hot columns apart, the rest as one document. */
import {
  INSTANCE_STATUSES,
  isTerminal,
  type Execution,
  type ExecutionPlan,
  type InstanceCounters,
} from '#core/execution/execution.js';

export interface ExecutionRow {
  id: string;
  shard: number;
  revision: string;
  sequence: string;
  last_progress_at: string;
  counters: number[];
  failed_once: number;
  room_others_down: number | null;
  room_counted_at: string | null;
  batch_number: number | null;
  batch_size: number | null;
  next_batch_at: string | null;
  status: string;
  detail: Record<string, unknown>;
  tenant_id: string;
  component_id: string;
  created_at: string;
}

/** The hot part as one record of the update; `detail` is null when it did not change. */
export interface HotColumns {
  id: string;
  before: number;
  revision: number;
  active: boolean;
  sequence: number;
  last_progress_at: number;
  counters: number[];
  failed_once: number;
  room_others_down: number | null;
  room_counted_at: number | null;
  batch_number: number | null;
  batch_size: number | null;
  next_batch_at: number | null;
  status: string;
  detail: Record<string, unknown> | null;
}

/** What has no column of its own, in an order that does not change. */
export function detailOf(execution: Execution): Record<string, unknown> {
  const moving = 'room' in execution ? execution : null;
  return {
    kind: execution.kind,
    revertOf: execution.revertOf,
    listed: execution.listed,
    total: execution.total,
    takenByName: execution.takenByName,
    handOver: execution.handOver,
    stopping: execution.stopping,
    waitingFor: execution.waitingFor,
    startedAtMs: execution.startedAtMs,
    completedAtMs: execution.completedAtMs,
    preChecks: execution.preChecks,
    postChecks: execution.postChecks,
    rollback: execution.rollback,
    canary: execution.canary,
    newSet: execution.newSet,
    weighed: execution.weighed,
    setOperations: execution.setOperations,
    failureReason: execution.failureReason,
    batchWorkMs: execution.batchWorkMs,
    ...('listing' in execution ? { listing: execution.listing } : {}),
    ...('checksPassed' in execution ? { checksPassed: execution.checksPassed } : {}),
    ...(moving === null
      ? {}
      : {
          roomWanted: moving.roomWanted,
          downPending: moving.room?.downPending ?? [],
          postChecksAskedAtMs: moving.postChecksAskedAtMs,
          postChecksAnswered: moving.postChecksAnswered,
          setOperation: moving.setOperation,
          setFailure: moving.setFailure,
          staleSet: moving.staleSet,
          approvedStage: moving.approvedStage,
          workSinceMs: moving.workSinceMs,
        }),
    ...(execution.status === 'PAUSED'
      ? {
          pausedFrom: execution.pausedFrom,
          pauseReason: execution.pauseReason,
          pausedAtMs: execution.pausedAtMs,
        }
      : {}),
  };
}

export function hotColumns(before: Execution, next: Execution): HotColumns {
  const moving = 'room' in next ? next : null;
  const detail = detailOf(next);
  const changed = JSON.stringify(detail) !== JSON.stringify(detailOf(before));
  return {
    id: next.id,
    before: before.revision,
    revision: next.revision,
    active: !isTerminal(next.status),
    sequence: next.sequence,
    last_progress_at: next.lastProgressAtMs,
    counters: INSTANCE_STATUSES.map((status) => next.counters[status]),
    failed_once: next.failedOnce,
    room_others_down: moving?.room?.othersDown ?? null,
    room_counted_at: moving?.room?.countedAtMs ?? null,
    batch_number: moving?.batch?.number ?? null,
    batch_size: moving?.batch?.size ?? null,
    next_batch_at: moving?.nextBatchAtMs ?? null,
    status: next.status,
    detail: changed ? detail : null,
  };
}

export function executionOf(row: ExecutionRow, plan: ExecutionPlan): Execution {
  const { downPending, ...detail } = row.detail;
  const counters = Object.fromEntries(
    INSTANCE_STATUSES.map((status, at) => [status, row.counters[at] ?? 0]),
  ) as unknown as InstanceCounters;
  const moving =
    'roomWanted' in detail
      ? {
          room:
            row.room_counted_at === null
              ? null
              : {
                  othersDown: row.room_others_down ?? 0,
                  downPending,
                  countedAtMs: Number(row.room_counted_at),
                },
          batch:
            row.batch_number === null
              ? null
              : { number: row.batch_number, size: row.batch_size ?? 0 },
          nextBatchAtMs: row.next_batch_at === null ? null : Number(row.next_batch_at),
        }
      : {};
  return {
    ...detail,
    ...moving,
    id: row.id,
    tenantId: row.tenant_id,
    componentId: row.component_id,
    plan,
    status: row.status,
    revision: Number(row.revision),
    sequence: Number(row.sequence),
    counters,
    failedOnce: row.failed_once,
    lastProgressAtMs: Number(row.last_progress_at),
    createdAtMs: Number(row.created_at),
  } as unknown as Execution;
}
