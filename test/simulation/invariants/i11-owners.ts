import { SHARDS, shardOf } from '#postgres/shard-of.js';
import { compareFences, type Fence, type OperationState } from '#targets/target.driver.js';
import { executionOf, type Invariant, type SeenSubmit, type WorldView } from './invariant.js';

/** Whoever is no longer the owner is refused: by the database, and by the target. */
export const ownersAlone: Invariant = {
  id: 'I11',
  says: 'work is owned by lease and fencing epoch; a stale owner is refused',
  watch: ({ must, world }) => {
    const highest = new Map<string, Fence>();
    return {
      committed: ({ service, owner, leases }) => {
        for (const { shard, epoch } of leases) {
          const row = world.database(service).store.lease(shard);
          // One that was given back meanwhile is nobody's until this has ended.
          const isOwner = (row.owner ?? owner) === owner && row.epoch === epoch;
          must(isOwner, () => {
            const held = `${String(row.owner)} at ${String(row.epoch)}`;
            return `${owner} wrote at epoch ${String(epoch)} of shard ${String(shard)}, that of ${held}`;
          });
        }
      },
      submitted: (submit) => {
        const { fleet, operations, fence, states } = submit;
        operations.forEach(({ id, instanceId }, at) => {
          checkEpoch(submit, id);
          const state = states[at];
          const key = `${fleet} ${instanceId}`;
          const known = highest.get(key) ?? fence;
          const isStale = compareFences(fence, known) < 0;
          const isRefused = state?.state === 'REFUSED' || isGone(state);
          must(!isStale || isRefused, () => {
            return `${id} came under ${textOf(fence)} after ${textOf(known)} and was not refused`;
          });
          if (!isStale) highest.set(key, fence);
        });
      },
    };

    /** An epoch that is the present one is that of whoever acts under it. */
    function checkEpoch({ service, owner, fence }: SeenSubmit, operationId: string): void {
      const row = leaseOf(world, service, executionOf(operationId));
      const isTheirs = fence.epoch < row.epoch || row.owner === owner || row.owner === null;
      must(isTheirs && fence.epoch <= row.epoch, () => {
        return `${owner} acts at ${textOf(fence)}, the epoch of ${String(row.owner)}: ${operationId}`;
      });
    }
  },
};

function leaseOf(world: WorldView, service: SeenSubmit['service'], executionId: string) {
  return world.database(service).store.lease(shardOf(executionId, SHARDS));
}

function isGone(state: OperationState | undefined): boolean {
  return state?.state === 'FAILED' && state.vanished === true;
}

function textOf({ handOver, epoch }: Fence): string {
  return `${String(handOver)}.${String(epoch)}`;
}
