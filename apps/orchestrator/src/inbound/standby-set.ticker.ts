import type { Lease } from '#postgres/service-database.js';
import type { Clock } from '#runtime/clock.js';
import type { Log } from '#runtime/log.js';
import type { OperationState, TargetDrivers } from '#targets/target.driver.js';
import { STEP_LIMITS } from '#core/limits.js';
import { ENGINE_LIMITS, STANDBY_LIMITS } from '../orchestrator-limits.js';
import type { DueStandby, StandbySetsRunner } from '../standby-sets.runner.js';

export interface StandbyParts {
  readonly standbys: StandbySetsRunner;
  readonly drivers: TargetDrivers;
  readonly clock: Clock;
  readonly log: Log;
}

/** Retires the sets that BLUE_GREEN upgrades have kept, when their time is over. */
export class StandbySetTicker {
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #stopped = new AbortController();

  constructor(private readonly parts: StandbyParts) {}

  /** Begins with it unless that is under way; whoever asks does not wait for a target. */
  retire(executionId: string, lease: Lease): void {
    const isFull = this.#underWay.size >= STANDBY_LIMITS.atOnceMax;
    if (isFull || this.#underWay.has(executionId) || this.#stopped.signal.aborted) return;
    const retiring = this.#retire(executionId, lease)
      .catch((err: unknown) => {
        this.parts.log.warn({ err, executionId }, 'a kept set could not be retired yet');
      })
      .finally(() => this.#underWay.delete(executionId));
    this.#underWay.set(executionId, retiring);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#underWay.values());
  }

  async #retire(executionId: string, lease: Lease): Promise<void> {
    const { standbys, log } = this.parts;
    const due = await standbys.due(executionId);
    if (due === null) return;
    const state = await this.#operate(executionId, due, lease).catch(async (error: unknown) => {
      await standbys.postpone(executionId);
      throw error;
    });
    if (this.#stopped.signal.aborted) return;
    if (state.state === 'SUCCEEDED') {
      await standbys.retired(executionId);
      log.info({ executionId, set: due.set }, 'a kept set is retired');
      return;
    }
    await standbys.postpone(executionId);
    log.warn({ executionId, set: due.set, state }, 'a kept set could not be retired yet');
  }

  async #operate(
    executionId: string,
    { target, set, handOver, drainTimeoutMs }: DueStandby,
    { epoch }: Lease,
  ): Promise<OperationState> {
    const driver = this.parts.drivers.open(target);
    const { signal } = this.#stopped;
    const id = `${executionId}/set/standby/retireSet`;
    const operation = { id, verb: 'retireSet', set, drainTimeoutMs } as const;
    let state = await driver.submitSet(operation, { handOver, epoch }, signal);
    const { clock } = this.parts;
    const endMs = clock.nowMs() + drainTimeoutMs + STEP_LIMITS.setOperationMs;
    while (state.state === 'RUNNING' && !signal.aborted && clock.nowMs() < endMs) {
      state = await driver.pollSet(id, ENGINE_LIMITS.pollWaitMs, signal);
    }
    return state;
  }
}
