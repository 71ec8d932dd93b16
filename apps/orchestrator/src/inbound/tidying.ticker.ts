import type { Lease } from '#postgres/service-database.js';
import type { Clock } from '#runtime/clock.js';
import type { Log } from '#runtime/log.js';
import { SetStep, type SetStanding } from '#targets/set-step.js';
import type { SetOperation, TargetDrivers } from '#targets/target.driver.js';
import { STEP_LIMITS } from '#core/limits.js';
import { ENGINE_LIMITS, TIDYING_LIMITS } from '../orchestrator-limits.js';
import type { DueTidying, Tidying, TidyingRunner } from '../tidying.runner.js';
import { takeCensus } from './census.probe.js';

type DueOperation = DueTidying & {
  readonly operation: Exclude<DueTidying['operation'], { verb: 'observe' }>;
};

export interface TidyingParts {
  readonly tidying: TidyingRunner;
  readonly drivers: TargetDrivers;
  readonly clock: Clock;
  readonly log: Log;
}

/** Does at targets what ended executions have left to be done. */
export class TidyingTicker {
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #stopped = new AbortController();

  constructor(private readonly parts: TidyingParts) {}

  /** Begins with it unless that is under way; whoever asks does not wait for a target. */
  tidy(executionId: string, kind: Tidying, lease: Lease): void {
    const key = `${executionId}/${kind}`;
    if (this.#underWay.has(key) || this.#stopped.signal.aborted) return;
    // Put off, or those that wait for a place would keep other timers from being seen.
    const isFull = this.#underWay.size >= TIDYING_LIMITS.atOnceMax;
    const work = isFull
      ? this.parts.tidying.postpone(executionId, kind, TIDYING_LIMITS.placeAfterMs)
      : this.#tidy(executionId, kind, lease);
    const tidying = work
      .catch((err: unknown) => {
        this.parts.log.warn({ err, executionId, kind }, 'left to be done, and tried again later');
      })
      .finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, tidying);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#underWay.values());
  }

  async #tidy(executionId: string, kind: Tidying, lease: Lease): Promise<void> {
    const { tidying } = this.parts;
    const due = await tidying.due(executionId, kind);
    if (due === null) return;
    try {
      if (due.operation.verb === 'observe') await this.#observe(executionId, due);
      else await this.#carryOut(executionId, kind, { ...due, operation: due.operation }, lease);
    } catch (error) {
      if (!this.#stopped.signal.aborted) await tidying.postpone(executionId, kind);
      throw error;
    }
  }

  async #observe(executionId: string, { target }: DueTidying): Promise<void> {
    const { tidying, drivers } = this.parts;
    const census = await takeCensus(drivers.open(target), this.#stopped.signal);
    await tidying.observed(executionId, census);
  }

  async #carryOut(
    executionId: string,
    kind: Tidying,
    due: DueOperation,
    lease: Lease,
  ): Promise<void> {
    const { tidying, log } = this.parts;
    const standing = await this.#operate(executionId, due, lease);
    if (this.#stopped.signal.aborted) return;
    const { operation } = due;
    if (standing.state === 'DONE') {
      await tidying.done(executionId, kind);
      log.info({ executionId, operation }, 'what was left is done');
      return;
    }
    if (standing.state === 'SUPERSEDED') {
      await tidying.superseded(executionId, kind);
      log.info({ executionId, operation }, 'what was left is in other hands');
      return;
    }
    await tidying.postpone(executionId, kind);
    log.warn({ executionId, operation, standing }, 'left to be done, and tried again later');
  }

  async #operate(
    executionId: string,
    { target, operation, handOver, drainTimeoutMs }: DueOperation,
    { epoch }: Lease,
  ): Promise<SetStanding> {
    const { drivers, clock } = this.parts;
    const driver = drivers.open(target);
    const { signal } = this.#stopped;
    const id = `${executionId}/set/after/${operation.verb}`;
    const asked: SetOperation =
      operation.verb === 'weigh'
        ? { id, set: null, percentage: null, ...operation }
        : { id, drainTimeoutMs, ...operation };
    if (operation.verb === 'weigh' && !(await driver.capabilities(signal)).weights) {
      return { state: 'DONE', liveSet: null };
    }
    const step = new SetStep(driver, clock);
    const endMs = clock.nowMs() + drainTimeoutMs + STEP_LIMITS.setOperationMs;
    for (;;) {
      const fence = { handOver, epoch };
      const standing = await step.advance(asked, fence, ENGINE_LIMITS.pollWaitMs, signal);
      const isOver = signal.aborted || clock.nowMs() >= endMs;
      if (standing.state !== 'RUNNING' || isOver) return standing;
    }
  }
}
