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
export class WatchTicker {
  readonly #work: OwnedWork<RunningWatch>;

  constructor(
    private readonly parts: WatchTickerParts,
    private readonly leases: Pick<ShardLeases, 'heldNow'>,
  ) {
    const { runner, clock, onError, counted } = parts;
    this.#work = new OwnedWork('watches', {
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

  start(): void {
    this.#work.start();
  }

  /** Something was committed about these executions, or the leases changed. */
  wake(executionIds: readonly string[] = []): void {
    if (this.leases.heldNow().length === 0) this.parts.counted(0);
    this.#work.wake(executionIds);
  }

  /** Begins nothing more, and resolves when the turns under way are over. */
  stop(): Promise<void> {
    return this.#work.stop();
  }
}
