/**
 * Moves of one transaction in waves: all moves of a wave are one statement, and no move may share a
 * wave with an earlier one of its execution that it builds on.
 */
import type { InstancesMoved } from '#core/execution/execution-facts.js';
import type { ExecutionChange } from './execution.store.js';

export interface PlacedMove {
  readonly executionId: string;
  readonly fact: InstancesMoved;
}

/**
 * Named moves that follow each other share a wave; taking the next by index waits for all named
 * ones before it, since those may have made what it looks for.
 */
export function wavesOf(changes: readonly ExecutionChange[]): PlacedMove[][] {
  const waves: PlacedMove[][] = [];
  for (const { next, facts } of changes) {
    let wave = -1;
    let last: InstancesMoved | null = null;
    for (const fact of facts) {
      if (fact.type !== 'INSTANCES_MOVED') continue;
      const { by } = fact.select;
      // Waves alternate: named ones in even places, the next by index in odd ones.
      if (last === null) wave = by === 'INDICES' ? 0 : 1;
      else if (by !== last.select.by) wave += 1;
      else if (by === 'NEXT' || last.to === fact.from) wave += 2;
      (waves[wave] ??= []).push({ executionId: next.id, fact });
      last = fact;
    }
  }
  return waves.filter((wave) => wave.length > 0);
}
