import { isDeepStrictEqual } from 'node:util';
import type { Execution } from '#core/execution/execution.js';
import { settle } from '#targets/simulated-instance.js';
import type { StoredInstance } from '../../../apps/orchestrator/src/persistence/execution.store.js';
import { TIDYING_LIMITS } from '../../../apps/orchestrator/src/orchestrator-limits.js';
import { UNKNOWN_VERSION } from '../../../apps/orchestrator/src/tidying.runner.js';
import { liveOf } from '../fleet-truth.js';
import { armedTimers } from '../left-open.js';
import { FROM, NEXT, TO } from '../registered.js';
import type { Upgrade } from '../upgrades.js';
import type { Ground, Invariant, WorldView } from './invariant.js';

export const rowsAndTargets: Invariant = {
  id: 'I8',
  says: 'after healing, the database says what the targets say',
  watch: (ground) => {
    const silent = new Set<string>();
    return {
      answered: (answer) => {
        if (answer.to !== 'LIST') return;
        for (const { id, version } of answer.instances) {
          if (version === null) silent.add(`${answer.fleet} ${id}`);
        }
      },
      ended: async () => {
        const { world } = ground;
        for (const upgrade of world.upgrades) {
          const execution = world.execution(upgrade.create.id);
          if (execution === null || !isLast(world, upgrade)) continue;
          // One that did not say what it runs is taken for one on the version come from.
          const hasSaid = ({ instanceId }: StoredInstance): boolean =>
            !silent.has(`${upgrade.fleet} ${instanceId}`);
          await checkInstances(ground, upgrade, execution, hasSaid);
          await checkSets(ground, upgrade, execution);
          await checkDeployment(ground, upgrade);
        }
      },
    };
  },
};

/** Whatever an earlier one says of the fleet, this one has had it since. */
function isLast({ upgrades }: WorldView, { fleet, create }: Upgrade): boolean {
  return upgrades.findLast((one) => one.fleet === fleet)?.create.id === create.id;
}

async function checkInstances(
  { must, world }: Ground,
  upgrade: Upgrade,
  execution: Execution,
  hasSaid: (instance: StoredInstance) => boolean,
): Promise<void> {
  const instances = world
    .instances(execution.id)
    .filter((one) => one.status !== 'PENDING' || hasSaid(one));
  const ids = instances.map(({ instanceId }) => instanceId);
  const nowMs = world.nowMs();
  const rows = (await world.truth.realInstances(upgrade, ids)).map((row) => settle(row, nowMs));
  const real = new Map(rows.map((row) => [row.id, row]));
  for (const instance of instances) {
    const { instanceId, status } = instance;
    const row = real.get(instanceId);
    const version = expectedVersion(execution, instance);
    if (row === undefined || row.gone || version === null) continue;
    must(row.runs === version && row.admitted && row.up, () => {
      const is = JSON.stringify({ runs: row.runs, admitted: row.admitted, up: row.up });
      return `${instanceId} is ${status} on ${version}, and is ${is}`;
    });
  }
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

/** Traffic goes to the set the last execution says, and no set stands that nobody knows of. */
async function checkSets(ground: Ground, upgrade: Upgrade, execution: Execution): Promise<void> {
  const { world } = ground;
  const { newSet, rollback, status } = execution;
  const { sets, listed } = await world.truth.realSets(upgrade);
  // A rollback that ended otherwise says itself that the sets are not as they were.
  if (rollback !== null && status !== 'ROLLED_BACK') return;
  const must = (holds: boolean, otherwise: string): void => {
    ground.must(holds, () => {
      const names = [...listed.keys()].join(' ');
      return `${otherwise}: ${sets.live} is live of ${upgrade.fleet} ${names}`;
    });
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
    if (leftBehind !== null) return;
  }
  if (hasLeftSets(world, upgrade)) return;
  const known = [...listed.keys()].every((name) => name === sets.live || name === standby);
  must(known, 'there is a set that nobody knows of');
}

/** An execution of the fleet has said that it could not bring back, or retire, its set. */
function hasLeftSets(world: WorldView, { fleet }: Upgrade): boolean {
  return world.upgrades
    .filter((one) => one.fleet === fleet)
    .flatMap(({ create }) => world.execution(create.id) ?? [])
    .some(({ newSet, rollback, status }) => {
      const isGivenUp = rollback !== null && status !== 'ROLLED_BACK';
      return newSet !== null && (newSet.leftBehind !== null || isGivenUp);
    });
}

/**
 * The deployment says how many of the live set run what; where all run one version, it is on that
 * one. What others have done to the fleet since it was last asked it need not know, nor what a silent
 * instance will say when it is asked again.
 */
async function checkDeployment({ must, world }: Ground, upgrade: Upgrade): Promise<void> {
  const { fleet } = upgrade;
  const listed = (await world.truth.rows(upgrade, liveOf(upgrade))).filter(({ gone }) => !gone);
  const runs: Record<string, number> = {};
  for (const one of listed) {
    const version = one.runs ?? UNKNOWN_VERSION;
    runs[version] = (runs[version] ?? 0) + 1;
  }
  const { currentVersionId, observedVersions: seen } = world.deployment(upgrade);
  const isSeen = isDeepStrictEqual({ ...seen }, runs);
  const isMeddledWith = world.truth.isMeddledWith(fleet);
  const isGivenUp = UNKNOWN_VERSION in seen && isLongOver(world, upgrade);
  const endedAtMs = world.execution(upgrade.create.id)?.lastProgressAtMs ?? 0;
  // What was given up, and ends at the target all the same.
  const isLate = listed.some(({ operation }) => (operation?.endsAtMs ?? 0) > endedAtMs);
  const isExcused = isMeddledWith || isLate || isGivenUp || isToBeAsked(world, upgrade);
  const wasAsked = Object.keys(seen).length > 0;
  const says = (): string =>
    `${fleet} runs ${JSON.stringify(runs)}, seen were ${JSON.stringify(seen)}`;
  must(isSeen || isExcused || !wasAsked, says);
  const [only, ...others] = Object.keys(runs);
  if (only === undefined || others.length > 0 || (isExcused && !isSeen)) return;
  const current = [FROM, TO, NEXT].find(({ id }) => id === currentVersionId)?.version;
  must(current === only, () => `${says()}, its current version is ${String(current)}`);
}

/** It will be asked, for the first time or again, what it runs. */
function isToBeAsked(world: WorldView, { create }: Upgrade): boolean {
  return armedTimers(world.database('orchestrator')).some(
    ({ subject, kind }) => subject === create.id && kind === 'OBSERVE',
  );
}

/** It has been asked for as long as one that is silent is. */
function isLongOver(world: WorldView, { create }: Upgrade): boolean {
  const endedAtMs = world.execution(create.id)?.lastProgressAtMs ?? 0;
  return world.nowMs() >= endedAtMs + TIDYING_LIMITS.silentAskedForMs;
}
