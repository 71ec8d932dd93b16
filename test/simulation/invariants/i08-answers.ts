import type { OperationState } from '#targets/target.driver.js';
import type { Ground, Invariant, SeenExecution } from './invariant.js';
import { restoredBy } from './rollback-rows.js';

/** Which operation of an instance a step was, by where the step leads. */
const DONE_BY: Readonly<Record<string, string>> = {
  'DRAINING UPGRADING': 'drain',
  'UPGRADING HEALTH_CHECKING': 'bring',
  'HEALTH_CHECKING COMPLETED': 'readmit',
};
const FAILED_BY: Readonly<Record<string, string>> = {
  DRAIN_FAILED: 'drain',
  BRING_FAILED: 'bring',
  READMIT_FAILED: 'readmit',
};

type Said = ReadonlyMap<string, ReadonlySet<OperationState['state']>>;

export const answersAreTheirs: Invariant = {
  id: 'I8',
  says: 'what a row says of an instance, its target has said of that very instance',
  watch: (ground) => {
    const said = new Map<string, Set<OperationState['state']>>();
    return {
      answered: (answer) => {
        if (answer.to !== 'OPERATIONS') return;
        for (const { id, state } of answer.states) {
          said.set(id, (said.get(id) ?? new Set()).add(state));
        }
      },
      committed: (commit) => {
        for (const seen of commit.executions) checkMoves(ground, seen, said);
        for (const { of, index, attempt, instanceId } of restoredBy(commit)) {
          const id = `${of}/${String(index)}/${String(attempt)}/readmit`;
          const isSaid = said.get(id)?.has('SUCCEEDED') === true;
          ground.must(isSaid, () => `${instanceId} is restored, and nobody has said so of ${id}`);
        }
      },
    };
  },
};

function checkMoves({ must }: Ground, { id, facts }: SeenExecution, said: Said): void {
  for (const fact of facts) {
    if (fact.type !== 'INSTANCES_MOVED' || fact.select.by !== 'INDICES') continue;
    const { from, to, failure, attempt } = fact;
    const verb = to === 'FAILED' ? FAILED_BY[failure ?? ''] : DONE_BY[`${from} ${to}`];
    if (verb === undefined) continue;
    const state = to === 'FAILED' ? 'FAILED' : 'SUCCEEDED';
    for (const index of fact.select.indices) {
      const operation = `${id}/${String(index)}/${String(attempt)}/${verb}`;
      const isSaid = said.get(operation)?.has(state) === true;
      must(isSaid, () => `${operation} counts as ${state}, and its target has not said so`);
    }
  }
}
