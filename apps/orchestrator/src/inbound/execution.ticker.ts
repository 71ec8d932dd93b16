import type { Lease } from '#postgres/service-database.js';
import type { Clock } from '#runtime/clock.js';
import { Loop } from '#runtime/loop.js';
import type { Log } from '#runtime/log.js';
import { InstanceSteps, type StepOutcome } from '#targets/instance-steps.js';
import {
  TargetSettingsError,
  TargetUnreachableError,
  type TargetDriver,
  type TargetDrivers,
} from '#targets/target.driver.js';
import { STEP_LIMITS } from '#core/limits.js';
import { isTerminal, STEPS, type Execution, type Step } from '#core/execution/execution.js';
import { ENGINE_LIMITS } from '../orchestrator-limits.js';
import type {
  Answer,
  Committed,
  EngineReads,
  MovedInstance,
  RawReport,
  StoredExecution,
} from '../upgrade-asked.runner.js';
import type { UpgradeRunner } from '../upgrade.runner.js';
import { FleetCensusTicker } from './fleet-census.ticker.js';
import { RoomTicker } from './room.ticker.js';
import { hasSetWork, SetOperationTicker } from './set-operation.ticker.js';
import { settledSteps } from './settled-steps.js';

export interface EngineParts {
  readonly store: EngineReads;
  readonly runner: UpgradeRunner;
  readonly drivers: TargetDrivers;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether this process may still believe in the lease. Asked before every effect. */
  readonly holds: (lease: Lease) => boolean;
  /** Told when a look at the rows shows that nothing is left to drive. */
  readonly over: (ticker: ExecutionTicker) => void;
}

const STEPPING = ['IN_PROGRESS', 'CANARY_RUNNING', 'CANARY_MONITORING', 'PAUSED'];
const NEXT_STEP: Readonly<Record<Step, Step | null>> = {
  DRAINING: 'UPGRADING',
  UPGRADING: 'HEALTH_CHECKING',
  HEALTH_CHECKING: null,
};

/**
 * Drives the target of one execution: lists, counts, walks instances, and hands what the target
 * said to the runner. What it holds is rebuilt from the rows whenever it is in doubt.
 */
export class ExecutionTicker {
  readonly #loop: Loop;
  readonly #log: Log;
  #stored: StoredExecution | null = null;
  #driver: TargetDriver | null = null;
  #steps: InstanceSteps | null = null;
  /** Instances under way or FAILED, by index: left out when the target counts its room. */
  readonly #own = new Map<number, string>();
  /** What the target said and no commit has taken yet. */
  #unreported: StepOutcome[] = [];
  readonly #census: FleetCensusTicker;
  readonly #room: RoomTicker;
  #sets: SetOperationTicker | null = null;
  #inDoubt = true;
  #isRebuilding = false;
  #unlistedSinceMs: number | null = null;

  constructor(
    readonly executionId: string,
    readonly lease: Lease,
    private readonly parts: EngineParts,
  ) {
    this.#log = parts.log;
    const wake = (): void => {
      this.#loop.wake();
    };
    this.#census = new FleetCensusTicker(parts, wake);
    this.#room = new RoomTicker(parts, this.#census, wake);
    this.#loop = new Loop(
      `execution`,
      () => this.#round(),
      parts.clock,
      (err) => {
        this.#log.warn({ err, executionId }, 'a round failed and will be tried again');
        this.#inDoubt ||= !(this.#unreported.length > 0);
      },
    );
  }

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    this.#census.stop();
    return this.#loop.stop();
  }

  /** Somebody else changed it: load it again. */
  doubt(): void {
    this.#inDoubt = true;
    this.#loop.wake();
  }

  /** A commit of this process. */
  committed({ stored, taken }: Committed): void {
    const { revision } = stored.execution;
    const known = this.#stored?.execution.revision ?? 0;
    // What is being read may be older than this commit, or this than what is known: read once more.
    if (this.#isRebuilding || revision < known) this.#inDoubt = true;
    if (revision > known) this.#stored = stored;
    this.#take(taken);
    if (!isStepping(stored.execution)) this.#forgetSteps();
    this.#loop.wake();
  }

  async #round(): Promise<number> {
    const { parts, lease } = this;
    if (!parts.holds(lease)) {
      // A renewal that is late may still bring it back, and says so to nobody.
      this.#inDoubt = true;
      return ENGINE_LIMITS.retryMs;
    }
    if (this.#inDoubt && !(await this.#isRebuilt())) return 0;
    const execution = this.#stored?.execution;
    if (execution === undefined || isTerminal(execution.status)) {
      // Another replica ended it: no commit of this process will ever say so.
      parts.over(this);
      return Infinity;
    }
    if (execution.status === 'VALIDATING') return this.#list(execution);
    if (!isStepping(execution)) return Infinity;
    const roomDueMs = this.#keepCounted(execution);
    const setsDueMs = await this.#advanceSets(execution);
    const stepsDueMs = this.#unreported.length > 0 ? 0 : await this.#advance(execution);
    if (this.#census.comparison !== null) return this.#reportChanges(this.#census.comparison);
    if (this.#hasNews()) {
      const pauseMs = await this.#reportNews();
      if (pauseMs !== null) return pauseMs;
    }
    return Math.max(0, Math.min(setsDueMs, stepsDueMs, roomDueMs));
  }

  /* ---------------------------------------------------------------- rows */

  /** Reads the rows; false when something was committed meanwhile, and they are read once more. */
  async #isRebuilt(): Promise<boolean> {
    this.#isRebuilding = true;
    try {
      await this.#rebuild();
      return !this.#inDoubt;
    } catch (error) {
      this.#inDoubt = true;
      throw error;
    } finally {
      this.#isRebuilding = false;
    }
  }

  async #rebuild(): Promise<void> {
    this.#inDoubt = false;
    const stored = await this.parts.store.get(this.executionId);
    if (stored === null) return;
    const own = isStepping(stored.execution)
      ? await this.parts.store.ownDown(this.executionId)
      : [];
    this.#stored = stored;
    this.#own.clear();
    this.#steps?.remove([...this.#indicesKnown]);
    this.#indicesKnown.clear();
    this.#room.latest = null;
    for (const { index, instanceId } of own) this.#own.set(index, instanceId);
    const underWay = own.filter(({ status }) => isStep(status));
    const stands = new Set(underWay.map((one) => [one.index, one.status, one.attempt].join()));
    this.#unreported = this.#unreported.filter((outcome) =>
      stands.has([outcome.index, outcome.step, outcome.attempt].join()),
    );
    const reported = new Set(this.#unreported.map(({ index }) => index));
    this.#put(underWay.filter(({ index }) => !reported.has(index)));
  }

  readonly #indicesKnown = new Set<number>();

  #take(taken: readonly MovedInstance[]): void {
    for (const { index, instanceId } of taken) this.#own.set(index, instanceId);
    const movedAtMs = this.parts.clock.nowMs();
    this.#put(taken.map((one) => ({ ...one, movedAtMs })));
  }

  #put(instances: readonly (MovedInstance & { readonly movedAtMs: number })[]): void {
    if (instances.length === 0) return;
    const stored = this.#stored;
    const steps = this.#stepsOf();
    if (stored === null || steps === null) return;
    const { version, artifacts } = stored.execution.plan.to;
    for (const { index } of instances) this.#indicesKnown.add(index);
    steps.put(
      instances.map(({ index, instanceId, status, attempt, movedAtMs: sinceMs }) => {
        return { index, instanceId, step: status as Step, attempt, version, artifacts, sinceMs };
      }),
    );
  }

  #forgetSteps(): void {
    this.#steps?.remove([...this.#indicesKnown]);
    this.#indicesKnown.clear();
    this.#own.clear();
    this.#unreported = [];
    this.#room.latest = null;
    this.#census.comparison = null;
  }

  /* ---------------------------------------------------------------- target */

  #driverOf(): TargetDriver | null {
    const stored = this.#stored;
    if (this.#driver === null && stored !== null) {
      this.#driver = this.parts.drivers.open(stored.snapshot.target);
    }
    return this.#driver;
  }

  #stepsOf(): InstanceSteps | null {
    const driver = this.#driverOf();
    const stored = this.#stored;
    if (this.#steps !== null || driver === null || stored === null) return this.#steps;
    const { drainTimeoutSeconds, healthCheckIntervalSeconds, healthCheckTimeoutSeconds } =
      stored.execution.plan;
    const drainTimeoutMs = drainTimeoutSeconds * 1_000;
    const healthCheckTimeoutMs = healthCheckTimeoutSeconds * 1_000;
    this.#steps = new InstanceSteps(
      driver,
      {
        executionId: this.executionId,
        drainTimeoutMs,
        healthCheckIntervalMs: healthCheckIntervalSeconds * 1_000,
        healthCheckTimeoutMs,
        drainDeadlineMs: drainTimeoutMs + STEP_LIMITS.drainGraceMs,
        bringDeadlineMs: STEP_LIMITS.bringMs,
        healthDeadlineMs: healthCheckTimeoutMs + STEP_LIMITS.healthGraceMs,
      },
      this.parts.clock,
    );
    return this.#steps;
  }

  async #list(execution: Execution & { status: 'VALIDATING' }): Promise<number> {
    const { listing } = execution;
    if (listing.complete) return Infinity;
    const { cursor } = listing;
    try {
      const query = { limit: ENGINE_LIMITS.listPage, ...(cursor !== null && { cursor }) };
      const page = await this.#driverOf()?.list(query);
      if (page === undefined) return Infinity;
      this.#unlistedSinceMs = null;
      const { instances, nextCursor } = page;
      return await this.#report({ type: 'PAGE_READ', cursor, nextCursor, instances });
    } catch (error) {
      const isOurs = error instanceof TargetUnreachableError;
      if (!isOurs && !(error instanceof TargetSettingsError)) throw error;
      const nowMs = this.parts.clock.nowMs();
      this.#unlistedSinceMs ??= nowMs;
      const waitedMs = nowMs - this.#unlistedSinceMs;
      if (isOurs && waitedMs < ENGINE_LIMITS.listingPatienceMs) return ENGINE_LIMITS.retryMs;
      return this.#report({ type: 'LISTING_FAILED', reason: error.message });
    }
  }

  /** One round of the instances under way; answers when the next is due, as a pause. */
  async #advance(execution: Execution): Promise<number> {
    const steps = this.#stepsOf();
    if (steps === null || steps.size === 0) return Infinity;
    const fence = { handOver: execution.handOver, epoch: this.lease.epoch };
    const advance = await steps.advance(fence, ENGINE_LIMITS.pollWaitMs);
    this.#unreported.push(...advance.settled);
    if (advance.settled.some(({ failure }) => failure === 'VANISHED')) this.#census.doubt();
    const { executionId } = this;
    if (advance.unreachable !== undefined) {
      this.#log.warn({ executionId, reason: advance.unreachable }, 'target not reached');
    }
    if (advance.superseded !== undefined) {
      this.#log.warn({ executionId, fence: advance.superseded }, 'superseded at the target');
      this.#inDoubt = true;
      return ENGINE_LIMITS.retryMs;
    }
    return advance.nextDueMs - this.parts.clock.nowMs();
  }

  /* ---------------------------------------------------------------- sets */

  /** The operation on a set that is under way, or a page of a new set; as a pause. */
  async #advanceSets(execution: Execution): Promise<number> {
    if (!hasSetWork(execution)) return Infinity;
    const driver = this.#driverOf();
    if (driver === null) return Infinity;
    this.#sets ??= new SetOperationTicker(driver, this.parts.clock);
    const fence = { handOver: execution.handOver, epoch: this.lease.epoch };
    const news = await this.#sets.advance(execution, fence).catch((error: unknown) => {
      if (!(error instanceof TargetUnreachableError)) throw error;
      const { executionId } = this;
      this.#log.warn({ executionId, reason: error.message }, 'target not reached');
      return 'UNREACHABLE' as const;
    });
    if (news === 'UNREACHABLE') return ENGINE_LIMITS.retryMs;
    if (news === null) return ENGINE_LIMITS.busyMs;
    if (news !== 'SUPERSEDED') return this.#report(news);
    this.#inDoubt = true;
    return ENGINE_LIMITS.retryMs;
  }

  /* ---------------------------------------------------------------- reports */

  /** Keeps room and fleet counted, beside the steps; as a pause. */
  #keepCounted(execution: Execution): number {
    const driver = this.#driverOf();
    if (driver === null) return Infinity;
    const isStepping = (this.#steps?.size ?? 0) > 0;
    return Math.min(
      this.#census.keepCompared(execution, driver),
      this.#room.keepCounted(execution, driver, this.#own, isStepping),
    );
  }

  async #reportChanges(comparison: RawReport): Promise<number> {
    const answer = await this.#answerTo(comparison);
    if (answer.kind === 'BUSY') return ENGINE_LIMITS.busyMs;
    this.#census.comparison = null;
    return answer.kind === 'COMMITTED' ? 0 : this.#afterRefusal(answer);
  }

  #hasNews(): boolean {
    const execution = this.#stored?.execution;
    if (execution === undefined) return false;
    return this.#unreported.length > 0 || this.#room.isNews(execution);
  }

  async #reportNews(): Promise<number | null> {
    const execution = this.#stored?.execution;
    if (execution === undefined) return null;
    const outcomes = this.#unreported;
    const room = this.#room.latest;
    const settled = settledSteps(outcomes);
    const report: RawReport =
      outcomes.length === 0 && room !== null
        ? { type: 'ROOM_COUNTED', room }
        : { type: 'STEPS_SETTLED', handOver: execution.handOver, settled, room };
    const answer = await this.#answerTo(report);
    if (answer.kind === 'BUSY') return ENGINE_LIMITS.busyMs;
    this.#unreported = this.#unreported.slice(outcomes.length);
    if (this.#room.latest === room) this.#room.latest = null;
    if (answer.kind !== 'COMMITTED') return this.#afterRefusal(answer);
    this.#goOn(answer.change, outcomes);
    return 0;
  }

  /** What was committed is what comes next: each instance's following step. */
  #goOn({ stored }: Committed, outcomes: readonly StepOutcome[]): void {
    if (!isStepping(stored.execution)) return;
    const movedAtMs = this.parts.clock.nowMs();
    const next: (MovedInstance & { movedAtMs: number })[] = [];
    for (const { index, step, attempt, outcome } of outcomes) {
      const status = outcome === 'DONE' ? NEXT_STEP[step] : null;
      const instanceId = this.#own.get(index);
      if (outcome === 'DONE' && status === null) this.#own.delete(index);
      if (status === null || instanceId === undefined) continue;
      next.push({ index, instanceId, status, attempt, movedAtMs });
    }
    this.#put(next);
  }

  async #report(report: RawReport): Promise<number> {
    const answer = await this.#answerTo(report);
    if (answer.kind === 'BUSY') return ENGINE_LIMITS.busyMs;
    return answer.kind === 'COMMITTED' ? 0 : this.#afterRefusal(answer);
  }

  #answerTo(input: RawReport): Promise<Answer> {
    const { executionId, lease } = this;
    return this.parts.runner.report({ executionId, lease, input });
  }

  #afterRefusal(answer: Answer): number {
    const { executionId } = this;
    if (answer.kind === 'IMPOSSIBLE') {
      this.#log.error({ executionId, reason: answer.reason }, 'an impossible report');
    }
    this.#inDoubt = true;
    return ENGINE_LIMITS.busyMs;
  }
}

function isStep(status: string): boolean {
  return (STEPS as readonly string[]).includes(status);
}

function isStepping(execution: Execution): boolean {
  return STEPPING.includes(execution.status);
}
