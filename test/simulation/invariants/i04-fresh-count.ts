import type { RollbackInput } from '#core/rollback/rollback-inputs.js';
import { COUNT_MAX_AGE_MS, takesHealthy } from './i04-by-the-count.js';
import type { Ground, Invariant, SeenExecution } from './invariant.js';

/** By the clock of whoever decides: no count is older than 5 s when healthy instances are taken by it. */
export const byAFreshCount: Invariant = {
  id: 'I4',
  says: 'healthy instances are taken by a count that is at most 5 s old when it is gone by',
  watch: (ground) => ({
    committed: ({ executions }) => {
      for (const seen of executions) checkBatch(ground, seen);
    },
    rolledBack: ({ input, decision, atMs }) => {
      if (decision.kind !== 'DECIDED' || decision.next.ignoresRoom) return;
      if (!decision.moves.some(({ from, to }) => from === 'UP' && to === 'DRAINING')) return;
      const { executionId } = decision.next;
      checkAge(ground, executionId, atMs, countedAtMs(input));
    },
  }),
};

function checkBatch(ground: Ground, { id, after, facts }: SeenExecution): void {
  const { strategy, newSet } = after.plan;
  if (strategy === 'RECREATE' || newSet !== null) return;
  const [first] = facts.filter(takesHealthy);
  const room = 'room' in after ? after.room : null;
  if (first !== undefined) checkAge(ground, id, first.atMs, room?.countedAtMs ?? null);
}

function countedAtMs(input: RollbackInput): number | null {
  return input.type === 'ROOM_COUNTED' ? input.countedAtMs : null;
}

/** @param readAtMs null: nobody has counted */
function checkAge({ must }: Ground, id: string, atMs: number, readAtMs: number | null): void {
  const ageMs = readAtMs === null ? null : atMs - readAtMs;
  const isFresh = ageMs !== null && ageMs >= 0 && ageMs <= COUNT_MAX_AGE_MS;
  must(isFresh, () => `${id} takes healthy instances by a count ${String(ageMs)} ms old`);
}
