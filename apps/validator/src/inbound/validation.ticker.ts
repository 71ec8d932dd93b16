import { OwnedWork } from '#postgres/owned-work.js';
import type { ShardLeases } from '#postgres/shard-leases.js';
import type { Clock } from '#runtime/clock.js';
import type { TargetDrivers } from '#targets/target.driver.js';
import type { RunningValidation, ValidationRunner } from '../validation.runner.js';
import { ValidationDrive } from './validation-drive.ticker.js';

/** Carries out the validations in the shards this replica holds. */
export class ValidationTicker {
  readonly #work: OwnedWork<RunningValidation>;

  /** @param onError told of every failed turn, which is taken again; must not throw */
  constructor(
    runner: ValidationRunner,
    leases: Pick<ShardLeases, 'heldNow'>,
    drivers: TargetDrivers,
    clock: Clock,
    onError: (error: unknown, loop: string) => void,
  ) {
    this.#work = new OwnedWork('validations', {
      leases,
      find: (shards, limit) => runner.runningIn(shards, limit),
      open: (running, lease) => {
        const wake = (): void => {
          this.wake([running.subject]);
        };
        return new ValidationDrive(running, lease, { runner, drivers, clock, wake });
      },
      clock,
      onError,
    });
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
