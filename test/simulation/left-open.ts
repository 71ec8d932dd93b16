/** What is still to be done, by the rows. */
import { DUE_WORK } from '#postgres/memory-tx.js';
import type { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import type { Timer } from '#postgres/service-database.js';
import type { CanaryWatch } from '#core/canary/canary-watch.js';
import { TIDYING } from '../../apps/orchestrator/src/tidying.runner.js';

export function armedTimers({ store }: MemoryServiceDatabase): Timer[] {
  return [...store.table(DUE_WORK).rows.values()] as Timer[];
}

/** What is tidied up afterwards outlives its execution, and nothing else does. */
export function isTidying(kind: string): boolean {
  return (TIDYING as readonly string[]).includes(kind);
}

/** Executions whose canaries are being watched. */
export function openWatches({ store }: MemoryServiceDatabase): string[] {
  return [...store.table('watches').rows.values()].flatMap((row) => {
    const { state, executionId } = (row as { watch: CanaryWatch }).watch;
    return state === 'RUNNING' || state === 'GATHERING' ? [executionId] : [];
  });
}
