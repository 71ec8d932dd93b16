import { MONITOR, ORCHESTRATOR } from '#core/execution/actors.js';
import type { RecordedAction } from '../../../apps/orchestrator/src/persistence/execution.store.js';
import type { Ground, Invariant, SeenCommit, SeenExecution } from './invariant.js';

/** Who acts when no person has asked. */
const AUTOMATIC: readonly (string | null)[] = [null, ORCHESTRATOR, MONITOR, 'autoPromote'];

export const whoDidWhat: Invariant = {
  id: 'I13',
  says: 'who did what is recorded in the action’s own transaction',
  watch: (ground) => {
    const recorded = new Map<string, number>();
    const accepted = new Map<string, number>();
    return {
      committed: (commit) => {
        const actions = actionsOf(commit);
        for (const { executionId, action } of actions) {
          const key = `${executionId} ${action}`;
          recorded.set(key, (recorded.get(key) ?? 0) + 1);
        }
        for (const seen of commit.executions) checkActions(ground, seen, actions);
      },
      // Answered only once it is recorded; more may be recorded, whose answer was lost.
      accepted: (executionId, action) => {
        const key = `${executionId} ${action}`;
        const times = (accepted.get(key) ?? 0) + 1;
        accepted.set(key, times);
        const found = recorded.get(key) ?? 0;
        ground.must(found >= times, () => {
          return `${key} was accepted ${String(times)} times, recorded ${String(found)}`;
        });
      },
    };
  },
};

/** Who did what, as this commit has written it down. */
export function actionsOf({ changes }: SeenCommit): readonly RecordedAction[] {
  return changes.flatMap(({ table, after }) => {
    return table === 'actions' && after !== undefined ? [after as RecordedAction] : [];
  });
}

/** Each change that a person has asked for, and each record of a person who asked, has the other. */
function checkActions(
  { must }: Ground,
  { id, before, after, facts }: SeenExecution,
  all: readonly RecordedAction[],
): void {
  const actions = all.filter(({ executionId }) => executionId === id);
  const actors = new Set(actions.map(({ by }) => by));
  for (const fact of facts) {
    const by = 'by' in fact ? fact.by : null;
    if (AUTOMATIC.includes(by)) continue;
    // Who has asked it to stop is named again when it has stopped.
    const isAsked = actors.has(String(by)) || before?.stopping?.by === by;
    must(isAsked, () => `${id}: ${String(by)} did ${fact.why}, and it is not recorded`);
  }
  const from = before?.revision ?? 0;
  for (const { action, revision } of actions) {
    const isOfThis = action === 'CREATE' || (revision > from && revision <= after.revision);
    must(isOfThis, () => `${id}: ${action} is recorded for revision ${String(revision)}`);
  }
  if (before === null) must(actions.length > 0, () => `${id}: who created it is not recorded`);
}
