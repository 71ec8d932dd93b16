import { isTerminal, type SetVerb } from '#core/execution/execution.js';
import { executionOf, type Ground, type Invariant, type SeenExecution } from './invariant.js';

/**
 * Once it is committed, and so before anybody is told, that it is paused, or stops, or has ended,
 * nothing is begun on an instance, no set is made and no traffic switched; and a target begins nothing
 * whose row does not say so.
 */
export const nothingNew: Invariant = {
  id: 'I10',
  says: 'after an acknowledged pause or cancel no new instance starts',
  watch: (ground) => ({
    committed: ({ executions }) => {
      for (const seen of executions) {
        checkBegun(ground, seen);
        checkSets(ground, seen);
      }
    },
    acted: (_, act) => {
      if (!('instanceId' in act) || act.outcome === 'SUPERSEDED') return;
      const { world, must } = ground;
      const { operationId, instanceId, verb } = act;
      const id = executionOf(operationId);
      const row = world.instances(id).find((one) => one.instanceId === instanceId);
      const isTaken = row !== undefined && row.status !== 'PENDING';
      must(isTaken, () => `${verb} of ${instanceId}, which ${id} has not begun with`);
    },
  }),
};

function checkBegun({ must }: Ground, { id, before, facts }: SeenExecution): void {
  let status = before?.status ?? 'PENDING';
  let isStopped = before !== null && (before.stopping !== null || isTerminal(before.status));
  for (const fact of facts) {
    if (fact.type === 'STATUS_CHANGED') status = fact.to;
    if (fact.type === 'NOTED' && fact.note === 'STOPPING') isStopped = true;
    if (isTerminal(status)) isStopped = true;
    if (fact.type !== 'INSTANCES_MOVED') continue;
    const { from, to } = fact;
    const begins = to === 'DRAINING' || to === 'UPGRADING';
    if (!begins || (from !== 'PENDING' && from !== 'FAILED')) continue;
    const since = isStopped ? 'the stop' : status === 'PAUSED' ? 'the pause' : null;
    must(since === null, () => `${id} begins with ${String(fact.count)} after ${String(since)}`);
  }
}

/** What stops may still take back a set, and even the traffic. */
const BEGINNINGS: readonly SetVerb[] = ['CREATE', 'SWITCH'];

function checkSets({ must }: Ground, { id, before, after }: SeenExecution): void {
  const operation = 'setOperation' in after ? after.setOperation : null;
  if (before === null || operation === null || operation.number <= before.setOperations) return;
  const isPaused = before.status === 'PAUSED' && after.status === 'PAUSED';
  const isStopped = isPaused || before.stopping !== null;
  must(
    !isStopped || !BEGINNINGS.includes(operation.verb),
    () => `${id} begins a ${operation.verb} after it was to stop`,
  );
}
