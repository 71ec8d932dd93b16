import type { Clock } from '#runtime/clock.js';
import { deadlineOf, operationIdOf, operationOf, problemOf } from './instance-step.js';
import type {
  Advance,
  FailureKind,
  HealthProblem,
  Step,
  StepName,
  StepOutcome,
  StepSettings,
} from './instance-step.js';
import {
  HEALTH_CHECK_MIN_INTERVAL_MS,
  OPERATIONS_PER_CALL_MAX,
  ROUND_MIN_INTERVAL_MS,
} from './target-limits.js';
import { forgottenPauseMs, unreachablePauseMs } from './retry-pause.js';
import { compareFences, TargetUnreachableError } from './target.driver.js';
import type {
  Fence,
  InstanceVerb,
  ObservedInstance,
  OperationState,
  TargetDriver,
} from './target.driver.js';

export type {
  Advance,
  FailureKind,
  Step,
  StepName,
  StepOutcome,
  StepSettings,
} from './instance-step.js';

interface Walk {
  readonly step: Step;
  /** The operation that runs or is to be submitted; null while health is checked. */
  verb: InstanceVerb | null;
  operationId: string;
  submitted: boolean;
  /** How often the target has forgotten an operation that it had taken. */
  forgotten: number;
  /** Not before this its health is looked at, or its operation submitted. */
  dueAtMs: number;
  isReadmitted: boolean;
  /** What the last look showed; null: nobody has looked yet. */
  problem: HealthProblem | null;
}

/** What one round gathers. */
interface Round {
  readonly fence: Fence;
  readonly settled: StepOutcome[];
  readonly signal: AbortSignal | undefined;
  superseded: Fence | undefined;
  /** Why the target could not be asked, the first time in this round. */
  unreachable: string | undefined;
}

const VERB_OF: Readonly<Record<StepName, InstanceVerb | null>> = {
  DRAINING: 'drain',
  UPGRADING: 'bring',
  HEALTH_CHECKING: null,
};
const FAILURE_OF: Readonly<Record<InstanceVerb, FailureKind>> = {
  drain: 'DRAIN_FAILED',
  bring: 'BRING_FAILED',
  readmit: 'READMIT_FAILED',
};
const VERBS: readonly InstanceVerb[] = ['drain', 'bring', 'readmit'];

/**
 * Walks instances through DRAINING, UPGRADING and HEALTH_CHECKING by means of a target driver. It
 * has no timers and no loop: `advance` is one round, and whoever calls it commits what it returns
 * and puts the steps that follow. What it holds can always be rebuilt from the rows by `put`,
 * because operations have ids that the target knows.
 *
 * Every instance walks by itself: a slow one is merely still there in the next round.
 */
export class InstanceSteps {
  readonly #driver: TargetDriver;
  readonly #settings: StepSettings;
  readonly #clock: Clock;
  readonly #walks = new Map<number, Walk>();
  #unreachableInARow = 0;

  constructor(driver: TargetDriver, settings: StepSettings, clock: Clock) {
    this.#driver = driver;
    this.#settings = settings;
    this.#clock = clock;
  }

  get size(): number {
    return this.#walks.size;
  }

  /**
   * Adds steps, or replaces those of the same index. One that is known already by index, step and
   * attempt keeps its progress.
   */
  put(steps: readonly Step[]): void {
    for (const step of steps) {
      const known = this.#walks.get(step.index)?.step;
      if (known?.step === step.step && known.attempt === step.attempt) continue;
      this.#walks.set(step.index, this.#walkOf(step));
    }
  }

  remove(indices: readonly number[]): void {
    for (const index of indices) this.#walks.delete(index);
  }

  /**
   * One round: submits what is new, looks at the health of those due, asks how the rest stands and
   * waits for that at most `waitMs`, less when something is due before. Never throws for a target
   * that cannot be asked; deadlines count all the same.
   */
  async advance(fence: Fence, waitMs: number, signal?: AbortSignal): Promise<Advance> {
    const round: Round = {
      fence,
      settled: [],
      signal,
      superseded: undefined,
      unreachable: undefined,
    };
    const startedMs = this.#clock.nowMs();
    // Each by itself: a target that cannot list its instances may still say how operations stand.
    await this.#attempt(round, () => this.#submitNew(round));
    await this.#attempt(round, () => this.#checkHealth(round));
    await this.#attempt(round, () => this.#pollRunning(round, waitMs));
    this.#expire(round);
    return this.#resultOf(round, startedMs);
  }

  async #attempt(round: Round, work: () => Promise<void>): Promise<void> {
    if (round.superseded !== undefined || round.signal?.aborted === true) return;
    try {
      await work();
    } catch (error) {
      if (!(error instanceof TargetUnreachableError) && !isAborted(round.signal)) throw error;
      round.unreachable ??= error instanceof Error ? error.message : String(error);
    }
  }

  #walkOf(step: Step): Walk {
    const verb = VERB_OF[step.step];
    return {
      step,
      verb,
      operationId: verb === null ? '' : operationIdOf(this.#settings.executionId, step, verb),
      submitted: false,
      forgotten: 0,
      dueAtMs: 0,
      isReadmitted: false,
      problem: null,
    };
  }

  /** Batches of one verb each, so that a slow kind of work does not hold up a quick one. */
  async #submitNew(round: Round): Promise<void> {
    const nowMs = this.#clock.nowMs();
    for (const verb of VERBS) {
      const fresh: Walk[] = [];
      for (const walk of this.#walks.values()) {
        if (walk.verb === verb && !walk.submitted && walk.dueAtMs <= nowMs) fresh.push(walk);
      }
      await this.#submit(fresh, verb, round);
    }
  }

  async #submit(walks: readonly Walk[], verb: InstanceVerb, round: Round): Promise<void> {
    for (const batch of batches(walks)) {
      if (round.superseded !== undefined) return;
      const operations = batch.map(({ step, operationId }) =>
        operationOf(step, verb, operationId, this.#settings),
      );
      const states = await this.#driver.submit(operations, round.fence, round.signal);
      this.#take(batch, states, round);
    }
  }

  /** Whether one of them ended. */
  #take(batch: readonly Walk[], states: readonly OperationState[], round: Round): boolean {
    const before = round.settled.length;
    batch.forEach((walk, position) => {
      const state = states[position];
      // A target that answers for fewer than were asked has not said anything about the rest.
      if (state === undefined || this.#walks.get(walk.step.index) !== walk) return;
      this.#takeOne(walk, state, round);
    });
    return round.settled.length > before;
  }

  #takeOne(walk: Walk, state: OperationState, round: Round): void {
    switch (state.state) {
      case 'RUNNING':
        walk.submitted = true;
        return;
      case 'UNKNOWN':
        walk.submitted = false;
        walk.forgotten += 1;
        walk.dueAtMs = this.#clock.nowMs() + forgottenPauseMs(walk.forgotten);
        return;
      case 'REFUSED':
        walk.submitted = false;
        round.superseded = higher(round.superseded, state.fence);
        return;
      case 'SUCCEEDED':
        if (walk.verb === 'readmit' && this.#settings.looksAfterReadmit === true) {
          Object.assign(walk, { verb: null, submitted: false, dueAtMs: 0, isReadmitted: true });
        } else {
          this.#settle(walk, round, { outcome: 'DONE', ...closedBy(state) });
        }
        return;
      case 'FAILED': {
        const failure = state.vanished === true ? 'VANISHED' : FAILURE_OF[walk.verb ?? 'readmit'];
        this.#settle(walk, round, { outcome: 'FAILED', failure, reason: state.reason });
      }
    }
  }

  async #checkHealth(round: Round): Promise<void> {
    const nowMs = this.#clock.nowMs();
    const due: Walk[] = [];
    for (const walk of this.#walks.values()) {
      if (walk.verb === null && walk.dueAtMs <= nowMs) due.push(walk);
    }
    for (const batch of batches(due)) {
      if (round.superseded !== undefined) return;
      const ids = batch.map((walk) => walk.step.instanceId);
      const page = await this.#driver.list({ ids, limit: ids.length }, round.signal);
      const seen = new Map(page.instances.map((instance) => [instance.id, instance]));
      const checkedMs = this.#clock.nowMs();
      const fit: Walk[] = [];
      for (const walk of batch) {
        if (this.#judge(walk, seen.get(walk.step.instanceId), checkedMs, round)) fit.push(walk);
      }
      await this.#submit(fit, 'readmit', round);
    }
  }

  /** Whether the instance is fit for traffic; then its readmission is what comes next. */
  #judge(walk: Walk, seen: ObservedInstance | undefined, nowMs: number, round: Round): boolean {
    const { step } = walk;
    if (seen === undefined) {
      const reason = 'the target does not list the instance any more';
      this.#settle(walk, round, { outcome: 'FAILED', failure: 'VANISHED', reason });
      return false;
    }
    walk.problem = problemOf(seen, step.version);
    if (walk.isReadmitted && walk.problem === null) {
      this.#settle(walk, round, { outcome: 'DONE' });
      return false;
    }
    if (walk.isReadmitted && walk.problem?.failure === 'WRONG_VERSION') {
      this.#settle(walk, round, { outcome: 'FAILED', ...walk.problem });
      return false;
    }
    if (walk.problem === null) {
      walk.verb = 'readmit';
      walk.operationId = operationIdOf(this.#settings.executionId, step, 'readmit');
      walk.submitted = false;
      return true;
    }
    const { healthCheckTimeoutMs, healthCheckIntervalMs } = this.#settings;
    const endMs = step.sinceMs + healthCheckTimeoutMs;
    if (nowMs >= endMs) {
      const reason = `${walk.problem.reason} (for ${healthCheckTimeoutMs} ms)`;
      this.#settle(walk, round, { outcome: 'FAILED', failure: walk.problem.failure, reason });
      return false;
    }
    // The last look falls on the end of the time, so that no instance is given up unseen.
    const next = nowMs + Math.max(healthCheckIntervalMs, HEALTH_CHECK_MIN_INTERVAL_MS);
    walk.dueAtMs = Math.min(next, Math.max(endMs, nowMs + HEALTH_CHECK_MIN_INTERVAL_MS));
    return false;
  }

  async #pollRunning(round: Round, waitMs: number): Promise<void> {
    const running: Walk[] = [];
    for (const walk of this.#walks.values()) if (walk.submitted) running.push(walk);
    if (running.length === 0) return;
    // What has ended already must not wait for the rest of its batch.
    const untilDueMs = this.#nextEventMs() - this.#clock.nowMs();
    const canWaitMs = round.settled.length > 0 ? 0 : Math.max(0, Math.min(waitMs, untilDueMs));
    const enough = new AbortController();
    const signal =
      round.signal === undefined ? enough.signal : AbortSignal.any([round.signal, enough.signal]);
    // One round polls all batches at once; the first that knows of an end sets the others free.
    const asks = batches(running).map(async (batch) => {
      const operations = batch.map(({ operationId: id, step: { instanceId } }) => ({
        id,
        instanceId,
      }));
      try {
        const states = await this.#driver.poll(operations, canWaitMs, signal);
        if (this.#take(batch, states, round)) enough.abort();
      } catch (error) {
        if (!enough.signal.aborted) throw error;
      }
    });
    const failed = (await Promise.allSettled(asks)).find((ask) => ask.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  /** Past its deadline a step has failed, whatever the target may still do. */
  #expire(round: Round): void {
    const nowMs = this.#clock.nowMs();
    for (const walk of [...this.#walks.values()]) {
      const deadlineMs = deadlineOf(walk.step, this.#settings);
      if (nowMs < deadlineMs) continue;
      const lastedMs = nowMs - walk.step.sinceMs;
      const last = walk.problem === null ? '' : `; last seen: ${walk.problem.reason}`;
      const reason = `${walk.step.step} was not over after ${lastedMs} ms${last}`;
      this.#settle(walk, round, { outcome: 'FAILED', failure: 'TIMEOUT', reason });
    }
  }

  #settle(
    walk: Walk,
    round: Round,
    outcome: Omit<StepOutcome, 'index' | 'step' | 'attempt'>,
  ): void {
    const { index, step, attempt } = walk.step;
    this.#walks.delete(index);
    round.settled.push({ index, step, attempt, ...outcome });
  }

  /** The next health check or deadline. */
  #nextEventMs(): number {
    let nextMs = Infinity;
    for (const walk of this.#walks.values()) {
      if (walk.verb === null && walk.dueAtMs < nextMs) nextMs = walk.dueAtMs;
      const deadlineMs = deadlineOf(walk.step, this.#settings);
      if (deadlineMs < nextMs) nextMs = deadlineMs;
    }
    return nextMs;
  }

  #resultOf(round: Round, startedMs: number): Advance {
    const { settled, superseded, unreachable } = round;
    const pauseMs = this.#pauseAfter(unreachable !== undefined);
    const nextDueMs = Math.max(this.#nextDueMs(round, startedMs), this.#clock.nowMs() + pauseMs);
    return {
      settled,
      nextDueMs: this.size === 0 ? Infinity : nextDueMs,
      ...(unreachable === undefined ? {} : { unreachable }),
      ...(superseded === undefined ? {} : { superseded }),
    };
  }

  /** A round that brought nothing is not repeated at once, or a quick target would be spun. */
  #nextDueMs(round: Round, startedMs: number): number {
    for (const walk of this.#walks.values()) {
      if (walk.verb === null) continue;
      return round.settled.length > 0 ? startedMs : startedMs + ROUND_MIN_INTERVAL_MS;
    }
    return this.#nextEventMs();
  }

  #pauseAfter(isUnreachable: boolean): number {
    if (!isUnreachable) {
      this.#unreachableInARow = 0;
      return 0;
    }
    this.#unreachableInARow += 1;
    return unreachablePauseMs(this.#unreachableInARow);
  }
}

function batches(walks: readonly Walk[]): (readonly Walk[])[] {
  const all: (readonly Walk[])[] = [];
  for (let at = 0; at < walks.length; at += OPERATIONS_PER_CALL_MAX) {
    all.push(walks.slice(at, at + OPERATIONS_PER_CALL_MAX));
  }
  return all;
}

function closedBy(state: { readonly closedConnections?: number }): {
  readonly closedConnections?: number;
} {
  const { closedConnections } = state;
  return closedConnections === undefined ? {} : { closedConnections };
}

function higher(a: Fence | undefined, b: Fence): Fence {
  return a !== undefined && compareFences(a, b) > 0 ? a : b;
}

/** Asked by a function, because the compiler takes the answer of a property for lasting. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
