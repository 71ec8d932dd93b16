import type { FaultKind } from './simulated-faults.js';
import { compareFences } from './target.driver.js';
import type { Fence, OperationState } from './target.driver.js';

/** What operations on instances and on sets have in common: begun once, fenced, remembered. */

export interface OperationRecord<Verb extends string> {
  readonly id: string;
  readonly verb: Verb;
  /** FORGOTTEN: accepted, and neither done nor known any more. */
  readonly state: 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'REFUSED' | 'FORGOTTEN';
  /** When a RUNNING one ends; null: it hangs until its fault is healed or it is superseded. */
  readonly endsAtMs: number | null;
  /** What was decided when it began: a fault, or null when it goes well. */
  readonly fault: FaultKind | null;
  readonly reason?: string;
  readonly vanished?: boolean;
  /** Of REFUSED: whose operation superseded it. */
  readonly by?: Fence;
}

/** Whatever is operated upon: one instance, or the sets of a fleet together. */
export interface Operated<Operation> {
  /** The highest fence that operated it. */
  readonly fence: Fence | null;
  readonly operation: Operation | null;
  /** Ended operations before the present one, the latest last. */
  readonly earlier: readonly Operation[];
}

/** The fence that refuses this one; null: nobody higher is known. */
export function refusalOf({ fence: known }: Operated<unknown>, asked: Fence): Fence | null {
  return known !== null && compareFences(asked, known) < 0 ? known : null;
}

export function knownOperation<Operation extends { readonly id: string }>(
  { operation, earlier }: Operated<Operation>,
  id: string,
): Operation | null {
  if (operation?.id === id) return operation;
  return earlier.findLast((each) => each.id === id) ?? null;
}

/** The operation as it ends because `newId` takes its place. */
export function supersededBy<Operation extends OperationRecord<string>>(
  operation: Operation,
  heldBy: Fence | null,
  newId: string,
  fence: Fence,
): Operation {
  const isByOther = heldBy !== null && compareFences(fence, heldBy) > 0;
  return isByOther
    ? { ...operation, state: 'REFUSED', by: fence }
    : { ...operation, state: 'FAILED', reason: `superseded by ${newId}` };
}

export function stateOf(operation: OperationRecord<string>): OperationState {
  const { id } = operation;
  switch (operation.state) {
    case 'RUNNING':
      return runningState(id);
    case 'SUCCEEDED':
      return { id, state: 'SUCCEEDED' };
    case 'FAILED':
      return { id, state: 'FAILED', reason: operation.reason ?? 'it failed' };
    case 'REFUSED':
      return { id, state: 'REFUSED', fence: operation.by ?? { handOver: 0, epoch: 0 } };
    case 'FORGOTTEN':
      return { id, state: 'UNKNOWN' };
  }
}

export function runningState(id: string): OperationState {
  return { id, state: 'RUNNING' };
}

/** How long an operation takes: the same for the same seed, place and verb. */
export function tookMs(
  index: number,
  verb: string,
  { latencyMs, seed }: { readonly latencyMs: number; readonly seed: number },
): number {
  if (latencyMs === 0) return 0;
  let hash = (seed ^ Math.imul(index + 1, 0x9e3779b1) ^ verb.length) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0;
  hash = (hash ^ (hash >>> 12)) >>> 0;
  return Math.round(latencyMs * (0.5 + hash / 2 ** 32));
}
