import type { ObservedInstance } from '#targets/target.driver.js';
import type { Invariant } from './invariant.js';
import { rollbackInstance } from './rollback-rows.js';

export const nothingNeedless: Invariant = {
  id: 'I7',
  says: 'a rollback takes down no instance that serves on the version it goes back to',
  watch: ({ must, world }) => {
    const seen = new Map<string, ObservedInstance>();
    return {
      answered: (answer) => {
        if (answer.service !== 'rollback-agent' || answer.to !== 'LIST') return;
        for (const one of answer.instances) seen.set(`${answer.fleet} ${one.id}`, one);
      },
      acted: (fleet, act) => {
        if (!('instanceId' in act) || act.verb !== 'drain' || act.outcome === 'SUPERSEDED') return;
        const [work = '', index = ''] = act.operationId.split('/');
        const goal = rollbackInstance(world, work, Number(index))?.version;
        const last = seen.get(`${fleet} ${act.instanceId}`);
        if (goal === undefined || last === undefined) return;
        const serves = last.healthy && last.admitted && last.version === goal;
        must(!serves, () => `${work} takes ${act.instanceId} down, which serves on ${goal}`);
      },
    };
  },
};
