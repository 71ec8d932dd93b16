import { z } from 'zod';
import type { OperationRequest } from '#targets/agent-contract.js';
import { EMPTY_LEDGER, ledgerRow, operationRow } from './operation-ledger.js';

/** What the agent knows of one instance and keeps across its own restart. */

const OperationRecord = z.object({
  ...operationRow,
  verb: z.enum(['drain', 'bring', 'readmit']),
  /** Of a bring. */
  version: z.string().nullable(),
  drainTimeoutMs: z.number(),
});

/** A process that was started, or is about to be. Written down before the act. */
const LaunchRecord = z.object({
  /** Names the file in which the process tells its id. */
  token: z.string(),
  version: z.string(),
  port: z.number(),
  /** The operation it was started for; null: when the fleet was declared. */
  operationId: z.string().nullable(),
});

export const InstanceRecord = z.object({
  id: z.string(),
  /** The set it belongs to. */
  set: z.string(),
  /** It is to take the requests that come to its set. */
  admitted: z.boolean(),
  /** Null: nothing runs in this place. */
  launch: LaunchRecord.nullable(),
  /** Its process is being exchanged, or could not be started again: no traffic meanwhile. */
  exchanging: z.boolean(),
  ...ledgerRow(OperationRecord),
});

export type OperationRecord = z.infer<typeof OperationRecord>;
export type LaunchRecord = z.infer<typeof LaunchRecord>;
export type InstanceRecord = z.infer<typeof InstanceRecord>;

/** A place in which nothing runs yet. */
export function newInstanceRecord(
  id: string,
  { set, admitted }: Pick<InstanceRecord, 'set' | 'admitted'>,
): InstanceRecord {
  return { id, set, admitted, launch: null, exchanging: false, ...EMPTY_LEDGER };
}

/** An operation as it is written down when it arrives. */
export function operationRecord(asked: OperationRequest, nowMs: number): OperationRecord {
  return {
    id: asked.id,
    verb: asked.verb,
    version: asked.verb === 'bring' ? (asked.version ?? null) : null,
    drainTimeoutMs: asked.drainTimeoutMs ?? 0,
    beganAtMs: nowMs,
    state: 'RUNNING',
  };
}

/** Whether the proxy is to send it what comes to its set. */
export function isRouted({ admitted, launch, exchanging }: InstanceRecord): boolean {
  return admitted && launch !== null && !exchanging;
}
