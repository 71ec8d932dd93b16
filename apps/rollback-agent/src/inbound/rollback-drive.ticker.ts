import type { Drive } from '#postgres/owned-work.js';
import type { Clock } from '#runtime/clock.js';
import type { Log } from '#runtime/log.js';
import { Loop } from '#runtime/loop.js';
import { InstanceSteps, type Advance, type Step } from '#targets/instance-steps.js';
import { SetStep } from '#targets/set-step.js';
import type { Fence, SetOperation, TargetDriver, TargetDrivers } from '#targets/target.driver.js';
import { LIST_PAGE_MAX } from '#targets/target-limits.js';
import { ROLLBACK_LIMITS, STEP_LIMITS } from '#core/limits.js';
import type {
  AskedRollback,
  Lease,
  RollbackInstance,
  RollbackReport,
  RollbackRunner,
  RollbackWant,
  RollbackWork,
  RunningRollback,
  SetsWant,
} from '../rollback.runner.js';

/** Longest a turn waits for the target, and longest pause between two turns. */
const TURN_MS = 1_000;

export interface RollbackDriveParts {
  readonly runner: RollbackRunner;
  readonly drivers: TargetDrivers;
  readonly clock: Clock;
  readonly log: Log;
  /** Told of every failed run, which is made again; must not throw. */
  readonly onError: (error: unknown, loop: string) => void;
}

/** What is held in memory; all of it can be rebuilt from the rows and the target. */
interface Held {
  work: RollbackWork;
  readonly asked: AskedRollback;
  /** A string: why no driver can open the target. */
  readonly target: OpenTarget | string;
}

interface OpenTarget {
  readonly driver: TargetDriver;
  readonly steps: InstanceSteps;
  readonly sets: SetStep;
}

/**
 * One rollback under one lease: finds out at the target what the rules want to know, walks the
 * instances they begin, and reports both.
 */
export class RollbackDrive implements Drive {
  readonly #abandoned = new AbortController();
  readonly #speaking: Loop;
  #held: Held | null = null;
  #isSpeaking = false;
  /** The report under way: two at once would leave the older one's word in memory. */
  #lastReport: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly running: RunningRollback,
    private readonly lease: Lease,
    private readonly parts: RollbackDriveParts,
  ) {
    const { clock, onError } = parts;
    this.#speaking = new Loop(`signs of ${running.id}`, () => this.#speak(), clock, onError);
  }

  abandon(): void {
    this.#abandoned.abort();
    void this.#speaking.stop();
  }

  async turn(): Promise<number | 'OVER'> {
    const { signal } = this.#abandoned;
    const held = (this.#held ??= await this.#load());
    if (held === null || signal.aborted) return 'OVER';
    if (!this.#isSpeaking) {
      this.#isSpeaking = true;
      this.#speaking.start();
    }
    return this.#turn(held, signal);
  }

  /** Beside the turns: a target that hangs must not make a living agent look dead. */
  async #speak(): Promise<number> {
    const held = this.#held;
    if (held !== null && this.parts.runner.mustSpeak(held.work)) {
      await this.#report(held, { type: 'TIME_PASSED' });
    }
    return TURN_MS;
  }

  async #turn(held: Held, signal: AbortSignal): Promise<number | 'OVER'> {
    const { runner, clock } = this.parts;
    if (held.work.owesReport && (await this.#report(held, { type: 'TIME_PASSED' }))) return 'OVER';
    if (typeof held.target === 'string') {
      const refused = { type: 'TARGET_REFUSED', reason: held.target } as const;
      return (await this.#report(held, refused)) ? 'OVER' : 0;
    }
    const { driver, steps, sets } = held.target;
    const want = runner.wantOf(held.work);
    if (want?.want === 'OPERATE_SET') return this.#operate(held, sets, want, signal);
    const found = want === null ? null : await this.#find(driver, want, held.work, signal);
    if (isAborted(signal)) return 'OVER';
    if (found !== null && (await this.#report(held, found))) return 'OVER';
    const next = runner.wantOf(held.work);
    const isUnreachable = want !== null && found === null;
    const pauseMs = pauseBefore(next, isUnreachable, found);
    if (steps.size === 0) return pauseMs;
    // While there is something to find out, nobody waits for operations to end.
    const waitMs = next === null || isUnreachable ? TURN_MS : 0;
    const advance = await steps.advance(this.#fence(), waitMs, signal);
    this.#note(advance);
    // Even of a drive that is abandoned: what ended is better committed than found out again.
    const { settled, nextDueMs, superseded } = advance;
    if (settled.length > 0)
      return (await this.#report(held, { type: 'STEPS', settled })) ? 'OVER' : 0;
    // It knows nothing yet of the owner after it, and learns of that by its lease.
    if (superseded !== undefined) return TURN_MS;
    return Math.min(pauseMs, Math.max(0, nextDueMs - clock.nowMs()));
  }

  #fence(): Fence {
    return { handOver: this.running.key.handOver, epoch: this.lease.epoch };
  }

  /** One operation on a set of the target; it waits for that at most a turn. */
  async #operate(
    held: Held,
    sets: SetStep,
    want: SetsWant,
    signal: AbortSignal,
  ): Promise<number | 'OVER'> {
    const { verb, attempt } = want;
    try {
      const asked = operationOf(this.running.id, want);
      const standing = await sets.advance(asked, this.#fence(), TURN_MS, signal);
      if (isAborted(signal)) return 'OVER';
      if (standing.state === 'RUNNING') return ROLLBACK_LIMITS.setPauseMs;
      if (standing.state === 'SUPERSEDED') {
        this.#note({ superseded: standing.by });
        return TURN_MS;
      }
      const reason = standing.state === 'FAILED' ? standing.reason : null;
      const outcome = standing.state;
      const ended = { type: 'SET_OPERATION_ENDED', verb, attempt, outcome, reason } as const;
      if (await this.#report(held, ended)) return 'OVER';
      return outcome === 'FAILED' ? ROLLBACK_LIMITS.setRetryPauseMs : 0;
    } catch (error) {
      this.#unlessUnreachable(error);
      return TURN_MS;
    }
  }

  /** Answers whether it is over. After a failure everything begins again from the rows. */
  #report(held: Held, report: RollbackReport): Promise<boolean> {
    const reported = this.#lastReport.then(async () => {
      const { runner } = this.parts;
      const { work, begun, isOver } = await runner.report(this.running, this.lease, report);
      held.work = work;
      if (typeof held.target !== 'string') held.target.steps.put(stepsOf(begun, held.asked));
      return isOver;
    });
    this.#lastReport = reported.catch(() => {
      // Nobody knows whether it was committed.
      this.#held = null;
    });
    return reported;
  }

  async #load(): Promise<Held | null> {
    const { runner, drivers, clock } = this.parts;
    const loaded = await runner.load(this.running.key);
    if (loaded === null) return null;
    const { work, asked, underWay } = loaded;
    let driver: TargetDriver;
    try {
      driver = drivers.open(asked.target);
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'TargetSettingsError') throw error;
      return { work, asked, target: error.message };
    }
    const steps = new InstanceSteps(driver, settingsOf(this.running.id, asked), clock);
    steps.put(stepsOf(underWay, asked));
    const sets = new SetStep(driver, clock);
    return { work, asked, target: { driver, steps, sets } };
  }

  /** What the rules want to know; null when the target cannot be asked just now. */
  async #find(
    driver: TargetDriver,
    want: Exclude<RollbackWant, SetsWant>,
    work: RollbackWork,
    signal: AbortSignal,
  ): Promise<RollbackReport | null> {
    try {
      switch (want.want) {
        case 'GO_ON':
          return { type: 'TIME_PASSED' };
        case 'LOOK':
          return await this.#look(driver, want, work, signal);
        case 'COUNT_ROOM':
          return await this.#countRoom(driver, signal);
      }
    } catch (error) {
      this.#unlessUnreachable(error);
      return null;
    }
  }

  #unlessUnreachable(error: unknown): void {
    if (!(error instanceof Error) || error.name !== 'TargetUnreachableError') throw error;
    this.#note({ unreachable: error.message });
  }

  async #look(
    driver: TargetDriver,
    { from, limit }: Extract<RollbackWant, { want: 'LOOK' }>,
    work: RollbackWork,
    signal: AbortSignal,
  ): Promise<RollbackReport> {
    const instances = await this.parts.runner.next(work, from, limit);
    const lookedAtMs = this.parts.clock.nowMs();
    const ids = instances.map(({ instanceId }) => instanceId);
    const { instances: seen } = await driver.list({ ids, limit: ids.length }, signal);
    return { type: 'LOOKED', from, lookedAtMs, instances, seen };
  }

  /** Nothing of ours is under way when room is counted, so there is nobody to be left out. */
  async #countRoom(driver: TargetDriver, signal: AbortSignal): Promise<RollbackReport> {
    const countedAtMs = this.parts.clock.nowMs();
    const { down } = await driver.room([], signal);
    const downIds: string[] = [];
    let cursor: string | null = null;
    for (let page = 0; down > 0 && page < ROLLBACK_LIMITS.downPagesMax; page += 1) {
      const after: { cursor?: string } = cursor === null ? {} : { cursor };
      const query = { downOnly: true, limit: LIST_PAGE_MAX, ...after };
      const { instances, nextCursor } = await driver.list(query, signal);
      downIds.push(...instances.map(({ id }) => id));
      if (nextCursor === null) break;
      cursor = nextCursor;
    }
    return { type: 'ROOM', othersDown: down, downIds, countedAtMs };
  }

  #note({ unreachable, superseded }: Partial<Pick<Advance, 'unreachable' | 'superseded'>>): void {
    const { id } = this.running;
    if (unreachable !== undefined) {
      this.parts.log.debug({ rollback: id, reason: unreachable }, 'the target cannot be asked');
    }
    if (superseded !== undefined) {
      this.parts.log.warn({ rollback: id, superseded }, 'somebody with a higher fence drives it');
    }
  }
}

/** How long nothing needs to be found out; a room without a place is counted a little later. */
function pauseBefore(
  next: RollbackWant | null,
  isUnreachable: boolean,
  found: RollbackReport | null,
): number {
  if (next === null || isUnreachable) return TURN_MS;
  return next.want === 'COUNT_ROOM' && found?.type === 'ROOM' ? ROLLBACK_LIMITS.roomPauseMs : 0;
}

/** Asked by a function, because the compiler takes the answer of a property for lasting. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

function settingsOf(id: string, asked: AskedRollback) {
  const { drainTimeoutMs, healthCheckIntervalMs, healthCheckTimeoutMs } = asked;
  return {
    executionId: id,
    ...{ drainTimeoutMs, healthCheckIntervalMs, healthCheckTimeoutMs },
    drainDeadlineMs: drainTimeoutMs + STEP_LIMITS.drainGraceMs,
    bringDeadlineMs: STEP_LIMITS.bringMs,
    healthDeadlineMs: healthCheckTimeoutMs + STEP_LIMITS.healthGraceMs,
    looksAfterReadmit: true,
  };
}

function stepsOf(instances: readonly RollbackInstance[], { artifacts }: AskedRollback): Step[] {
  return instances.map(({ index, instanceId, status, attempt, version, sinceMs }) => ({
    ...{ index, instanceId, attempt, version, sinceMs },
    // The store answers those alone that stand in a step.
    step: status as Step['step'],
    artifacts: artifacts[version] ?? {},
  }));
}

/** Its id begins with the rollback's, so that it is its own. */
function operationOf(rollbackId: string, want: SetsWant): SetOperation {
  const { verb, set, attempt, drainTimeoutMs } = want;
  const id = `${rollbackId}/set/${String(attempt)}/${verb}`;
  return { id, verb, set, ...(verb === 'retireSet' && { drainTimeoutMs }) };
}
