/** Once all is over: what the rows say is so at the target, and nothing was begun there twice. */
import type { Execution } from '#core/execution/execution.js';
import { settle } from '#targets/simulated-instance.js';
import type { StoredInstance } from '../../apps/orchestrator/src/persistence/execution.store.js';
import type { SimulatedWorld } from './simulated-world.js';
import type { Upgrade } from './upgrades.js';

/** I1: an operation is begun once, unless the target says that it has forgotten it. */
export async function checkBegunOnce(
  world: SimulatedWorld,
  { fleet, create }: Upgrade,
): Promise<string[]> {
  const begun = new Map<string, number>();
  for (const { operationId, outcome } of await world.fleets.history(fleet)) {
    if (!operationId.startsWith(create.id)) continue;
    if (outcome === 'SUPERSEDED' || outcome === 'NO_DATA') continue;
    begun.set(operationId, (begun.get(operationId) ?? 0) + 1);
  }
  const twice = [...begun].filter(([, times]) => times > 1);
  return twice.map(([id, times]) => `I1: ${id} was begun ${String(times)} times`);
}

/** I8: what the rows of the last execution of a fleet call done is so at the target. */
export async function checkInstances(
  world: SimulatedWorld,
  upgrade: Upgrade,
  execution: Execution,
  instances: readonly StoredInstance[],
): Promise<string[]> {
  const ids = instances.map(({ instanceId }) => instanceId);
  const nowMs = world.clock.nowMs();
  const rows = (await world.rooms.realInstances(upgrade, ids)).map((row) => settle(row, nowMs));
  const real = new Map(rows.map((row) => [row.id, row]));
  return instances.flatMap((instance) => {
    const { instanceId, status } = instance;
    const row = real.get(instanceId);
    const version = expectedVersion(execution, instance);
    if (row === undefined || row.gone || version === null) return [];
    if (row.runs === version && row.admitted && row.up) return [];
    const is = JSON.stringify({ runs: row.runs, admitted: row.admitted, up: row.up });
    return [`I8: ${instanceId} is ${status} on ${version}, and is ${is}`];
  });
}

/** Null: the row does not say. */
function expectedVersion(
  { plan, rollback, kind, newSet, status: ended }: Execution,
  { status, fromVersion }: StoredInstance,
): string | null {
  switch (status) {
    case 'COMPLETED':
      // What a rollback left over was in other hands: how it stands is not in its row.
      return rollback === null ? plan.to.version : null;
    case 'ROLLED_BACK':
      return newSet === null ? (fromVersion ?? plan.from.version) : null;
    case 'PENDING':
      // What a revert has not taken stands as the execution before has left it.
      return kind === 'REVERT' || newSet !== null || ended === 'FAILED' ? null : fromVersion;
    default:
      return null;
  }
}

/** I8: traffic goes to the set the last execution says, and no set stands that nobody knows of. */
export async function checkSets(
  world: SimulatedWorld,
  upgrade: Upgrade,
  execution: Execution,
): Promise<string[]> {
  const { newSet, rollback, status } = execution;
  const { sets, listed } = await world.rooms.realSets(upgrade);
  // A rollback that ended otherwise says itself that the sets are not as they were.
  if (rollback !== null && status !== 'ROLLED_BACK') return [];
  const problems: string[] = [];
  const must = (holds: boolean, otherwise: string): void => {
    const names = [...listed.keys()].join(' ');
    if (!holds) problems.push(`I8: ${otherwise}: ${sets.live} is live of ${names}`);
  };
  const standby = world.deployment(upgrade).standbySet?.set ?? null;
  must(standby !== sets.live, 'the set that is kept is the live one');
  must(standby === null || listed.has(standby), 'the set that is kept is not there');
  if (newSet !== null) {
    const { name, state, leftBehind } = newSet;
    const isBack = status === 'ROLLED_BACK';
    const isLive = !isBack && state === 'LIVE';
    must((sets.live === name) === isLive, `${name} is ${isBack ? 'taken back' : state}`);
    must(isLive || leftBehind !== null || !listed.has(name), `${name} stands and does not serve`);
    if (leftBehind !== null) return problems;
  }
  if (hasLeftSets(world, upgrade)) return problems;
  const known = [...listed.keys()].every((name) => name === sets.live || name === standby);
  must(known, 'there is a set that nobody knows of');
  return problems;
}

/** An execution of the fleet has said that it could not bring back, or retire, its set. */
function hasLeftSets(world: SimulatedWorld, { fleet }: Upgrade): boolean {
  return world.upgrades
    .filter((one) => one.fleet === fleet)
    .map(({ create }) => world.execution(create.id))
    .some(({ newSet, rollback, status }) => {
      const isGivenUp = rollback !== null && status !== 'ROLLED_BACK';
      return newSet !== null && (newSet.leftBehind !== null || isGivenUp);
    });
}
