/** Progress events: what anyone on Kafka may follow (spec §7). */
import { z } from 'zod';
import { EXECUTION_STATUSES, INSTANCE_STATUSES } from '#core/execution/execution.js';
import { NOTES } from '#core/execution/execution-facts.js';
import { envelopeOf } from './envelope.js';

const progress = z.strictObject({
  total: z.int().min(0),
  completed: z.int().min(0),
  failed: z.int().min(0),
  rolledBack: z.int().min(0),
  /** floor(100 · completed / total); it falls in a rollback. */
  percentage: z.int().min(0).max(100),
});

const head = {
  executionId: z.uuid(),
  tenantId: z.string(),
  componentId: z.uuid(),
  /** 1, 2, 3… without a gap, for each execution. */
  sequence: z.int().min(1),
  revision: z.int().min(1),
  progress,
  executionStatus: z.enum(EXECUTION_STATUSES),
  /** Why it happened, in a sentence. */
  why: z.string(),
};

/** The execution went from one status to another. */
export const EXECUTION_CHANGED_TYPE = 'upgrade-orchestrator.execution.status-changed.v1';
export const ExecutionChangedEvent = envelopeOf(
  EXECUTION_CHANGED_TYPE,
  z.strictObject({
    ...head,
    /** Null for the first event: the execution was created. */
    previousStatus: z.enum(EXECUTION_STATUSES).nullable(),
    /** Who asked for it, as claimed; null when nobody did. */
    by: z.string().nullable(),
  }),
);

/** Something a watcher should know, which moved no status. */
export const EXECUTION_NOTED_TYPE = 'upgrade-orchestrator.execution.noted.v1';
export const ExecutionNotedEvent = envelopeOf(
  EXECUTION_NOTED_TYPE,
  z.strictObject({
    ...head,
    note: z.enum(NOTES),
    waitingFor: z.string().nullable(),
    by: z.string().nullable(),
  }),
);

/** One instance went from one status to another. */
export const INSTANCE_CHANGED_TYPE = 'upgrade-orchestrator.instance.status-changed.v1';
export const InstanceChangedEvent = envelopeOf(
  INSTANCE_CHANGED_TYPE,
  z.strictObject({
    ...head,
    instanceId: z.string(),
    instanceStatus: z.enum(INSTANCE_STATUSES),
    previousInstanceStatus: z.enum(INSTANCE_STATUSES),
    attempt: z.int().min(1),
    /** The version it is on its way to, or was taken to. */
    version: z.string(),
    /** Why it failed; null otherwise. */
    failure: z.string().nullable(),
    /** Connections closed at the end of the drain, over all instances of the same commit. */
    closedConnections: z.int().min(0),
  }),
);

export const ProgressEvent = z.discriminatedUnion('type', [
  ExecutionChangedEvent,
  ExecutionNotedEvent,
  InstanceChangedEvent,
]);
export type ProgressEvent = z.infer<typeof ProgressEvent>;
