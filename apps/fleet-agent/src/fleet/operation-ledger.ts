import { z } from 'zod';
import { compareFences, type Fence, type OperationState } from '#targets/target.driver.js';
import { FLEET_LIMITS } from '../fleet-agent-limits.js';

/**
 * The pure rules of fences and operation ids, over what is written down of operations: those on one
 * instance, or those on all sets of a fleet.
 */

const FenceRow = z.object({ handOver: z.number(), epoch: z.number() });

/** What every written-down operation has, whatever it is about. */
export const operationRow = {
  id: z.string(),
  /** ms since 1970; a drain's time counts on across a restart. */
  beganAtMs: z.number(),
  state: z.enum(['RUNNING', 'SUCCEEDED', 'FAILED', 'REFUSED']),
  reason: z.string().optional(),
  closedConnections: z.number().optional(),
  /** Of REFUSED: whose operation superseded it. */
  by: FenceRow.optional(),
};

/** The columns of a ledger of such operations. */
export const ledgerRow = <Operation extends z.ZodType>(operation: Operation) => ({
  /** The highest that was seen. */
  fence: FenceRow.nullable(),
  operation: operation.nullable(),
  /** Ended operations before the present one, the latest last. */
  earlier: z.array(operation),
});

type OperationRow = z.infer<z.ZodObject<typeof operationRow>>;

export interface Ledger<Operation extends OperationRow> {
  readonly fence: Fence | null;
  readonly operation: Operation | null;
  readonly earlier: Operation[];
}

/** How an operation ended. */
export type OperationEnd = Pick<OperationRow, 'state' | 'reason' | 'closedConnections'>;

/** What nothing was asked of yet. */
export const EMPTY_LEDGER = { fence: null, operation: null, earlier: [] };

/** What a submitted operation comes to. */
export interface Acceptance<Kept> {
  readonly kept: Kept;
  readonly state: OperationState;
  /** Whether there is something to do now. */
  readonly begins: boolean;
}

/** An operation arrives: begun, adopted, answered from memory, or refused. */
export function accept<Operation extends OperationRow, Kept extends Ledger<Operation>>(
  kept: Kept & Ledger<Operation>,
  asked: Operation,
  fence: Fence,
): Acceptance<Kept> {
  if (kept.fence !== null && compareFences(fence, kept.fence) < 0) {
    const state = { id: asked.id, state: 'REFUSED' as const, fence: kept.fence };
    return { kept, state, begins: false };
  }
  const known = operationOf(kept, asked.id);
  if (known !== null) return { kept: { ...kept, fence }, state: known, begins: false };
  return {
    kept: { ...kept, fence, operation: asked, earlier: putAside(kept, asked.id, fence) },
    state: { id: asked.id, state: 'RUNNING' },
    begins: true,
  };
}

/**
 * What runs gives way to an operation on something greater, which from now on keeps out whoever
 * comes with less than its fence. `fence` is not lower than the highest that was seen.
 */
export function giveWay<Operation extends OperationRow, Kept extends Ledger<Operation>>(
  kept: Kept & Ledger<Operation>,
  toId: string,
  fence: Fence,
): Kept {
  if (kept.operation?.state !== 'RUNNING') return { ...kept, fence };
  return { ...kept, fence, operation: null, earlier: putAside(kept, toId, fence) };
}

/** How an operation stands; null: it is not known. */
export function operationOf(kept: Ledger<OperationRow>, id: string): OperationState | null {
  if (kept.operation?.id === id) return stateOf(kept.operation);
  const earlier = kept.earlier.findLast((operation) => operation.id === id);
  return earlier === undefined ? null : stateOf(earlier);
}

/** The same once this operation has ended so; unchanged when it was superseded meanwhile. */
export function ended<Kept extends Ledger<OperationRow>>(
  kept: Kept,
  operationId: string,
  end: OperationEnd,
): Kept {
  const { operation } = kept;
  if (operation === null || !isCurrent(kept, operationId)) return kept;
  return { ...kept, operation: { ...operation, ...end } };
}

/** Whether this operation is still the one to be carried out. */
export function isCurrent(kept: Ledger<OperationRow> | undefined, operationId: string): boolean {
  return kept?.operation?.id === operationId && kept.operation.state === 'RUNNING';
}

function putAside<Operation extends OperationRow>(
  kept: Ledger<Operation>,
  newId: string,
  fence: Fence,
): Operation[] {
  const last = kept.operation;
  if (last === null) return kept.earlier;
  const aside = last.state === 'RUNNING' ? superseded(kept.fence, last, newId, fence) : last;
  return [...kept.earlier, aside].slice(-FLEET_LIMITS.outcomesKept);
}

function superseded<Operation extends OperationRow>(
  known: Fence | null,
  running: Operation,
  newId: string,
  fence: Fence,
): Operation {
  const isByOther = known !== null && compareFences(fence, known) > 0;
  return isByOther
    ? { ...running, state: 'REFUSED', by: fence }
    : { ...running, state: 'FAILED', reason: `superseded by ${newId}` };
}

function stateOf(operation: OperationRow): OperationState {
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
