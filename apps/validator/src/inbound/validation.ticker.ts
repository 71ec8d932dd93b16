import { OwnedWork } from '#postgres/owned-work.js';
import type { ShardLeases } from '#postgres/shard-leases.js';
import type { RunningValidation } from '../validation.runner.js';
import { ValidationDrive, type ValidationDriveParts } from './validation-drive.ticker.js';

export interface ValidationTickerParts extends Omit<ValidationDriveParts, 'wake'> {
  readonly leases: Pick<ShardLeases, 'heldNow'>;
  /** Told of every failed turn, which is taken again; must not throw. */
  readonly onError: (error: unknown, loop: string) => void;
}

/** Carries out the validations in the shards this replica holds. */
export class ValidationTicker extends OwnedWork<RunningValidation> {
  constructor({ leases, onError, ...parts }: ValidationTickerParts) {
    super('validations', {
      leases,
      find: (shards, limit) => parts.runner.runningIn(shards, limit),
      open: (running, lease, wake) => new ValidationDrive(running, lease, { ...parts, wake }),
      clock: parts.clock,
      onError,
    });
  }
}
