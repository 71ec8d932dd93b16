import { OwnedWork } from '#postgres/owned-work.js';
import type { ShardLeases } from '#postgres/shard-leases.js';
import type { RunningRollback } from '../rollback.runner.js';
import { RollbackDrive, type RollbackDriveParts } from './rollback-drive.ticker.js';

/** Drives the rollbacks in the shards this replica holds. */
export class RollbackTicker {
  readonly #work: OwnedWork<RunningRollback>;

  constructor(parts: RollbackDriveParts, leases: Pick<ShardLeases, 'heldNow'>) {
    const { runner, clock, onError } = parts;
    this.#work = new OwnedWork('rollbacks', {
      leases,
      find: (shards, limit) => runner.activeIn(shards, limit),
      open: (running, lease) => new RollbackDrive(running, lease, parts),
      clock,
      onError,
    });
  }

  /** How many rollbacks are driven from here at the moment. */
  get driven(): number {
    return this.#work.size;
  }

  start(): void {
    this.#work.start();
  }

  /** Something was committed about these executions, or the leases changed. */
  wake(executionIds: readonly string[] = []): void {
    this.#work.wake(executionIds);
  }

  /** Begins nothing more, and resolves when the turns under way are over. */
  stop(): Promise<void> {
    return this.#work.stop();
  }
}
