import { executionOf, type Invariant, type WorldView } from './invariant.js';
import { rollbackInstance } from './rollback-rows.js';

/** Whatever an operation is called: of each kind, an attempt is worth one. */
export const oncePerAttempt: Invariant = {
  id: 'I1',
  says: 'an instance is operated once per attempt, by whatever process',
  watch: ({ must, world }) => {
    const begun = new Map<string, number>();
    return {
      acted: (fleet, act) => {
        if (!('instanceId' in act) || act.outcome === 'SUPERSEDED') return;
        // The target says itself that it has forgotten it.
        if (act.outcome === 'NO_DATA') return;
        const { operationId, instanceId, verb } = act;
        const [work = '', index = ''] = operationId.split('/');
        const key = `${fleet} ${work} ${instanceId} ${verb}`;
        const times = (begun.get(key) ?? 0) + 1;
        begun.set(key, times);
        const attempt = attemptOf(world, work, Number(index));
        must(times <= attempt, () => {
          const what = `${verb} of ${instanceId} was begun ${String(times)} times`;
          return `${work}: ${what} in ${String(attempt)} attempts (${operationId})`;
        });
      },
    };
  },
};

/** 0: nobody has begun with it. */
function attemptOf(world: WorldView, work: string, index: number): number {
  const id = executionOf(work);
  if (id !== work) return rollbackInstance(world, work, index)?.attempt ?? 0;
  return world.instances(id).find((one) => one.index === index)?.attempt ?? 0;
}
