/** A phase is the canaries, or all the rest (spec §3). */
import { touched, type Execution } from '../execution/execution.js';

/** CANARY: how many of `listed` instances go first; at least one, and never more than are taken. */
export function canariesOf(listed: number, total: number, canaryPercentage: number): number {
  // Multiplied before it is divided: 0.07 × 100 is more than 7 in floating point.
  return Math.min(total, Math.max(1, Math.ceil((listed * canaryPercentage) / 100)));
}

/** Instances of the running phase that are still PENDING. */
export function pendingInPhase(execution: Execution): number {
  if (execution.status !== 'CANARY_RUNNING') return execution.counters.PENDING;
  const { listed, total, plan } = execution;
  return Math.max(0, canariesOf(listed, total, plan.canaryPercentage) - touched(execution));
}
