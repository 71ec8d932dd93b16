import { OwnedWork } from '#postgres/owned-work.js';
import type { ShardLeases } from '#postgres/shard-leases.js';
import type { RunningRollback } from '../rollback.runner.js';
import { RollbackDrive, type RollbackDriveParts } from './rollback-drive.ticker.js';

/** Drives the rollbacks in the shards this replica holds. */
export class RollbackTicker extends OwnedWork<RunningRollback> {
  constructor(parts: RollbackDriveParts, leases: Pick<ShardLeases, 'heldNow'>) {
    const { runner, clock, onError } = parts;
    super('rollbacks', {
      leases,
      find: (shards, limit) => runner.activeIn(shards, limit),
      open: (running, lease) => new RollbackDrive(running, lease, parts),
      clock,
      onError,
    });
  }
}
