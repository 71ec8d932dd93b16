/** A command of the orchestrator in the words of this service. */
import type { RollbackAsked } from '#core/rollback/rollback-inputs.js';
import type { RollbackCommand } from '#contracts/work.messages.js';
import type { AskedRollback, NewRollbackInstance } from './persistence/rollback.store.js';

type Command = RollbackCommand['data'];

export function askedOf({ snapshot, versions }: Command): AskedRollback {
  const { target, drainTimeoutMs, healthCheckIntervalMs, healthCheckTimeoutMs } = snapshot;
  const known = [snapshot.to, snapshot.from, ...versions];
  const artifacts = Object.fromEntries(
    known.map(({ version, artifacts: needed }) => [version, needed]),
  );
  return { target, drainTimeoutMs, healthCheckIntervalMs, healthCheckTimeoutMs, artifacts };
}

/** How the rules are to go about it. */
export function planOf({
  snapshot,
  listed,
  sets,
}: Command): Pick<
  RollbackAsked,
  'listed' | 'maxUnavailablePercentage' | 'batchSize' | 'ignoresRoom' | 'sets'
> {
  const { maxUnavailablePercentage, batchSize, strategy, drainTimeoutMs } = snapshot;
  return {
    ...{ listed, maxUnavailablePercentage, batchSize },
    ignoresRoom: strategy === 'RECREATE',
    sets: sets === null ? null : { ...sets, drainTimeoutMs },
  };
}

/**
 * The instances of a page; null when an index stands there twice. One that had told no version when
 * it was taken goes back to the one the upgrade came from.
 */
export function instancesOf({ instances, snapshot }: Command): NewRollbackInstance[] | null {
  if (new Set(instances.map(({ index }) => index)).size < instances.length) return null;
  return instances.map(({ index, id, version }) => ({
    index,
    instanceId: id,
    version: version ?? snapshot.from.version,
  }));
}
