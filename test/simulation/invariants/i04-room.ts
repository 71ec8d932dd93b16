import {
  isPlainlyUp,
  isWell,
  settle,
  type SimulatedInstance,
} from '#targets/simulated-instance.js';
import { liveOf, type FleetTruth } from '../fleet-truth.js';
import type { Upgrade } from '../upgrades.js';
import { executionOf, type Invariant } from './invariant.js';

/**
 * Seen from the target: whenever a healthy instance is taken down, all that are down together must
 * fit into the room, but for those that fell by themselves too late to have been counted.
 */
export const withinRoom: Invariant = {
  id: 'I4',
  says: 'no instance is taken down when all that are down would exceed the room',
  watch: ({ must, world }) => ({
    submitting: async ({ service, operations, fence }) => {
      const upgrade = world.upgradeOf(executionOf(operations[0]?.id ?? ''));
      if (upgrade === null) return () => Promise.resolve();
      const { truth } = world;
      const downBefore = await looksDown(truth, upgrade);
      return async () => {
        const after = await truth.rows(upgrade, liveOf(upgrade));
        const down = after.filter((row) => !row.gone && !isPlainlyUp(row));
        // To readmit one that has risen by itself meanwhile takes nothing down.
        const takes = operations.filter(({ id }) => !id.endsWith('/readmit'));
        const asked = new Set(takes.map(({ instanceId }) => instanceId));
        const taken = down.filter(({ id }) => asked.has(id) && !downBefore.has(id));
        if (taken.length === 0 || upgrade.create.plan.strategy === 'RECREATE') return;
        const allowed = roomOf(upgrade) + truth.unseenFalls(upgrade.fleet);
        must(down.length <= allowed, () => {
          const names = taken.map(({ id }) => id).join(' ');
          const are = `${String(down.length)} of ${String(upgrade.instances)} are down`;
          const by = `${service} (hand-over ${String(fence.handOver)})`;
          return `${by} took ${names} down: ${are}, room for ${String(allowed)}`;
        });
      };
    },
  }),
};

/** BLUE_GREEN takes down nothing of the set that serves. */
function roomOf({ create, instances }: Upgrade): number {
  const { strategy, maxUnavailablePercentage } = create.plan;
  if (strategy === 'BLUE_GREEN') return 0;
  return Math.max(1, Math.floor((instances * maxUnavailablePercentage) / 100));
}

/** Also those that a fault makes look unwell: they go first and need no room. */
function looksDown(truth: FleetTruth, upgrade: Upgrade): Promise<ReadonlySet<string>> {
  return truth.work(upgrade, liveOf(upgrade), ({ rows, nowMs, faults }, homeVersion) => {
    const sight = { faults, homeVersion };
    const isDown = (row: SimulatedInstance): boolean => {
      const now = settle(row, nowMs);
      return (
        faults.lookNamed('LIST', row.index) !== null || !isPlainlyUp(now) || !isWell(now, sight)
      );
    };
    return new Set(rows.flatMap((row) => (row !== undefined && isDown(row) ? [row.id] : [])));
  });
}
