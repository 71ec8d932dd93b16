import { OwnedWork } from '#postgres/owned-work.js';
import type { ShardLeases } from '#postgres/shard-leases.js';
import type { RunningWatch } from '../watch.runner.js';
import { WatchDrive, type WatchDriveParts } from './watch-drive.ticker.js';

export interface WatchTickerParts extends WatchDriveParts {
  /** Told of every failed turn, which is taken again; must not throw. */
  readonly onError: (error: unknown, loop: string) => void;
  /** Told how many watches run in the shards owned here; must not throw. */
  readonly counted: (watches: number) => void;
}

/** Drives the watches in the shards this replica holds: a loop for each, so none waits for another. */
export class WatchTicker extends OwnedWork<RunningWatch> {
  constructor(
    private readonly parts: WatchTickerParts,
    private readonly leases: Pick<ShardLeases, 'heldNow'>,
  ) {
    const { runner, clock, onError, counted } = parts;
    super('watches', {
      leases,
      find: async (shards, limit) => {
        const found = await runner.runningIn(shards, limit);
        counted(found.length);
        return found;
      },
      open: (running, lease) => new WatchDrive(running, lease, parts),
      clock,
      onError,
    });
  }

  override wake(executionIds: readonly string[] = []): void {
    if (this.leases.heldNow().length === 0) this.parts.counted(0);
    super.wake(executionIds);
  }
}
