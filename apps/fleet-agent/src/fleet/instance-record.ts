import { z } from 'zod';
import type { OperationRequest } from '#targets/agent-contract.js';
import { compareFences, type Fence, type OperationState } from '#targets/target.driver.js';
import { FLEET_LIMITS } from '../fleet-agent-limits.js';

/**
 * What the agent knows of one instance and keeps across its own restart, and the pure rules of
 * fences and operation ids over it.
 */

const FenceRow = z.object({ handOver: z.number(), epoch: z.number() });

const OperationRecord = z.object({
  id: z.string(),
  verb: z.enum(['drain', 'bring', 'readmit']),
  /** Of a bring. */
  version: z.string().nullable(),
  drainTimeoutMs: z.number(),
  /** ms since 1970; a drain's time counts on across a restart. */
  beganAtMs: z.number(),
  state: z.enum(['RUNNING', 'SUCCEEDED', 'FAILED', 'REFUSED']),
  reason: z.string().optional(),
  closedConnections: z.number().optional(),
  /** Of REFUSED: whose operation superseded it. */
  by: FenceRow.optional(),
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
  admitted: z.boolean(),
  fence: FenceRow.nullable(),
  launch: LaunchRecord.nullable(),
  /** Its process is being exchanged, or could not be started again: no traffic meanwhile. */
  exchanging: z.boolean().default(false),
  operation: OperationRecord.nullable(),
  /** Ended operations before the present one, the latest last. */
  earlier: z.array(OperationRecord),
});

export const FleetRecord = z.object({
  name: z.string(),
  /** Where the edge proxy takes this fleet's traffic; 0: not given yet. */
  trafficPort: z.number(),
  /** The version new instances are started with. */
  version: z.string(),
  /** Artifacts of the versions that were brought, the latest last. */
  releases: z.record(z.string(), z.record(z.string(), z.string())),
  instances: z.array(InstanceRecord),
  /** How many instances were ever made: ids are not used again. */
  made: z.number(),
});

export type OperationRecord = z.infer<typeof OperationRecord>;
export type LaunchRecord = z.infer<typeof LaunchRecord>;
export type InstanceRecord = z.infer<typeof InstanceRecord>;
export type FleetRecord = z.infer<typeof FleetRecord>;

/** Ids sort in the order in which instances were made. */
export function newInstanceRecord(fleet: string, index: number): InstanceRecord {
  const id = `${fleet}-${String(index).padStart(4, '0')}`;
  return {
    id,
    admitted: true,
    fence: null,
    launch: null,
    exchanging: false,
    operation: null,
    earlier: [],
  };
}

/** What a submitted operation comes to. */
export interface Acceptance {
  readonly record: InstanceRecord;
  readonly state: OperationState;
  /** Whether there is something to do now. */
  readonly begins: boolean;
}

/** An operation arrives: begun, adopted, answered from memory, or refused. */
export function accept(
  record: InstanceRecord,
  asked: OperationRequest,
  fence: Fence,
  nowMs: number,
): Acceptance {
  if (record.fence !== null && compareFences(fence, record.fence) < 0) {
    const state = { id: asked.id, state: 'REFUSED' as const, fence: record.fence };
    return { record, state, begins: false };
  }
  const known = operationOf(record, asked.id);
  if (known !== null) return { record: { ...record, fence }, state: known, begins: false };
  const operation: OperationRecord = {
    id: asked.id,
    verb: asked.verb,
    version: asked.verb === 'bring' ? (asked.version ?? null) : null,
    drainTimeoutMs: asked.drainTimeoutMs ?? 0,
    beganAtMs: nowMs,
    state: 'RUNNING',
  };
  const earlier = putAside(record, asked.id, fence);
  return {
    record: { ...record, fence, operation, earlier },
    state: { id: asked.id, state: 'RUNNING' },
    begins: true,
  };
}

/** How an operation stands; null: it is not known. */
export function operationOf(record: InstanceRecord, id: string): OperationState | null {
  if (record.operation?.id === id) return stateOf(record.operation);
  const earlier = record.earlier.findLast((operation) => operation.id === id);
  return earlier === undefined ? null : stateOf(earlier);
}

/** The record once this operation has ended so; unchanged when it was superseded meanwhile. */
export function ended(
  record: InstanceRecord,
  operationId: string,
  end: Pick<OperationRecord, 'state' | 'reason' | 'closedConnections'>,
): InstanceRecord {
  const { operation } = record;
  if (operation?.id !== operationId || operation.state !== 'RUNNING') return record;
  return { ...record, operation: { ...operation, ...end } };
}

/** Whether this operation is still the one to be carried out. */
export function isCurrent(record: InstanceRecord | undefined, operationId: string): boolean {
  return record?.operation?.id === operationId && record.operation.state === 'RUNNING';
}

/** Whether the proxy is to send it traffic. */
export function isRouted({ admitted, launch, exchanging }: InstanceRecord): boolean {
  return admitted && launch !== null && !exchanging;
}

/**
 * Whether it is shown as admitted. Never before the proxy knows of it: an instance that counts as
 * up too early gives others room to go down. One that counts as down too early costs nothing.
 */
export function isShownAdmitted(record: InstanceRecord): boolean {
  const { operation } = record;
  const isReadmitted = operation?.verb === 'readmit' && operation.state === 'RUNNING';
  return isRouted(record) && !isReadmitted;
}

/** The releases with one more, the oldest forgotten. */
export function withRelease(
  releases: FleetRecord['releases'],
  version: string,
  artifacts: Readonly<Record<string, string>>,
): FleetRecord['releases'] {
  const others = Object.entries(releases).filter(([known]) => known !== version);
  const kept = others.slice(-(FLEET_LIMITS.releasesKept - 1));
  return Object.fromEntries([...kept, [version, { ...artifacts }]]);
}

function putAside(record: InstanceRecord, newId: string, fence: Fence): OperationRecord[] {
  const last = record.operation;
  if (last === null) return record.earlier;
  return [
    ...record.earlier,
    last.state === 'RUNNING' ? superseded(record, last, newId, fence) : last,
  ].slice(-FLEET_LIMITS.outcomesKept);
}

function superseded(
  record: InstanceRecord,
  running: OperationRecord,
  newId: string,
  fence: Fence,
): OperationRecord {
  const isByOther = record.fence !== null && compareFences(fence, record.fence) > 0;
  return isByOther
    ? { ...running, state: 'REFUSED', by: fence }
    : { ...running, state: 'FAILED', reason: `superseded by ${newId}` };
}

function stateOf(operation: OperationRecord): OperationState {
  const { id, closedConnections } = operation;
  switch (operation.state) {
    case 'RUNNING':
      return { id, state: 'RUNNING' };
    case 'SUCCEEDED':
      return {
        id,
        state: 'SUCCEEDED',
        ...(closedConnections === undefined ? {} : { closedConnections }),
      };
    case 'FAILED':
      return { id, state: 'FAILED', reason: operation.reason ?? 'it failed' };
    case 'REFUSED':
      return { id, state: 'REFUSED', fence: operation.by ?? { handOver: 0, epoch: 0 } };
  }
}
