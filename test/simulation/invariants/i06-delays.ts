import type { Invariant, SeenExecution } from './invariant.js';

/** The table's guard, looked at from outside: the next batch begins when its delay is over. */
export const delaysKept: Invariant = {
  id: 'I6',
  says: 'a batch begins after the delay, however often its timer fires',
  watch: ({ must }) => ({
    committed: ({ executions }) => {
      for (const { id, before, after, facts } of executions) {
        const dueMs = delayOf(before);
        const number = batchOf(after);
        if (dueMs === null || number <= batchOf(before)) continue;
        // A person who goes on, promotes or approves changes the delay as well.
        if (facts.some(({ type }) => type === 'STATUS_CHANGED')) continue;
        const begun = facts.find((fact) => fact.type === 'INSTANCES_MOVED');
        const earlyMs = dueMs - (begun?.atMs ?? dueMs);
        const batch = `batch ${String(number)}`;
        must(earlyMs <= 0, () => `${id}: ${batch} begins ${String(earlyMs)} ms early`);
      }
    },
  }),
};

function delayOf(execution: SeenExecution['before']): number | null {
  return execution !== null && 'nextBatchAtMs' in execution ? execution.nextBatchAtMs : null;
}

function batchOf(execution: SeenExecution['before']): number {
  return execution !== null && 'batch' in execution ? (execution.batch?.number ?? 0) : 0;
}
