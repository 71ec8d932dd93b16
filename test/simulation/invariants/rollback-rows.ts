import {
  INSTANCES,
  type MemoryInstanceRow,
} from '../../../apps/rollback-agent/src/persistence/rollback-tx.memory.store.js';
import type { SeenCommit, WorldView } from './invariant.js';

/** @param rollback its id, as operations are named by it */
export function rollbackInstance(
  world: WorldView,
  rollback: string,
  index: number,
): MemoryInstanceRow | undefined {
  const { rows } = world.database('rollback-agent').store.table(INSTANCES);
  return rows.get(`${rollback}/${String(index)}`) as MemoryInstanceRow | undefined;
}

/** Instances that a commit of the rollback agent has called restored, as they stood before. */
export function restoredBy({ service, changes }: SeenCommit): MemoryInstanceRow[] {
  if (service !== 'rollback-agent') return [];
  return changes.flatMap(({ table, before, after }) => {
    if (table !== INSTANCES || before === undefined || after === undefined) return [];
    const [was, is] = [before as MemoryInstanceRow, after as MemoryInstanceRow];
    return was.status !== 'RESTORED' && is.status === 'RESTORED' ? [was] : [];
  });
}
