import type { Drive } from '#postgres/owned-work.js';
import type { Clock } from '#runtime/clock.js';
import { pauseBeforeRetryMs } from '#runtime/retry.js';
import type { TargetDrivers } from '#targets/target.driver.js';
import { VALIDATION_LIMITS } from '#core/limits.js';
import type { CheckResult } from '#core/execution/execution.js';
import type {
  CheckName,
  Examination,
  Lease,
  RunningValidation,
  StoredValidation,
  ValidationRunner,
} from '../validation.runner.js';
import { CheckProbe } from './check.probe.js';
import type { SmokeCaller } from './smoke-test.client.js';

/** How often a running validation is asked whether a sign of life is due. */
const LOOK_MS = 1_000;

export interface ValidationDriveParts {
  readonly runner: ValidationRunner;
  readonly drivers: TargetDrivers;
  readonly callSmokeTest: SmokeCaller;
  readonly clock: Clock;
  /** Brings the next turn forward. */
  readonly wake: () => void;
}

/** Faults that pass by themselves: the target's silence, and the database's. */
const PASSING: ReadonlySet<string> = new Set(['TargetUnreachableError', 'TransientDatabaseError']);

/**
 * One validation under one lease: carries its checks out side by side, and reports each as it ends.
 * What a predecessor had not reported is carried out again, in the time it still has; looks change
 * nothing at a target, and smoke tests are made by people who know that they may be made again.
 */
export class ValidationDrive implements Drive {
  readonly #abandoned = new AbortController();
  readonly #ended: CheckResult[] = [];
  #stored: StoredValidation | null = null;

  constructor(
    private readonly running: RunningValidation,
    private readonly lease: Lease,
    private readonly parts: ValidationDriveParts,
  ) {}

  abandon(): void {
    this.#abandoned.abort();
  }

  async turn(): Promise<number | 'OVER'> {
    const stored = this.#stored ?? (await this.#begin());
    if (stored === null || this.#abandoned.signal.aborted) return 'OVER';
    const checks = [...this.#ended];
    const isDue = this.parts.runner.mustSpeak(stored.validation);
    if (checks.length === 0 && !isDue) return LOOK_MS;
    const input =
      checks.length > 0
        ? ({ type: 'CHECKS_ENDED', checks } as const)
        : ({ type: 'TIME_PASSED' } as const);
    const validation = await this.parts.runner.report(this.running, this.lease, input);
    // Only now: a report that failed is made again with the next turn.
    this.#ended.splice(0, checks.length);
    if (validation === null) return 'OVER';
    this.#stored = { ...stored, validation };
    return this.#ended.length > 0 ? 0 : LOOK_MS;
  }

  async #begin(): Promise<StoredValidation | null> {
    const loaded = await this.parts.runner.load(this.running.key);
    if (loaded === null || loaded.left.length === 0) return null;
    this.#stored = loaded;
    for (const check of loaded.left) {
      void this.#carryOut(check, loaded).then((result) => {
        if (this.#abandoned.signal.aborted) return;
        this.#ended.push(result);
        this.parts.wake();
      });
    }
    return loaded;
  }

  /** Never rejects: whatever goes wrong is the check's result. */
  async #carryOut(check: CheckName, stored: StoredValidation): Promise<CheckResult> {
    const { runner, clock } = this.parts;
    const startedMs = clock.nowMs();
    const { first, ranMs, leftMs } = runner.begin(check, stored);
    // Aborted by the check's end, its deadline or the drive's own end, whichever comes first.
    const over = new AbortController();
    const ends = AbortSignal.any([over.signal, this.#abandoned.signal]);
    void clock.sleep(leftMs, ends).then(() => {
      over.abort();
    });
    const look = new Look(this.parts, this.running, stored, over.signal);
    const found = await look.untilJudged(first).catch((error: unknown) => {
      look.trouble = reasonOf(error);
      return null;
    });
    over.abort();
    const durationMs = ranMs + clock.nowMs() - startedMs;
    return runner.resultOf(check, found, { durationMs, trouble: look.trouble });
  }
}

/** The looks of one check, tried again while what stands in their way may pass. */
class Look {
  trouble = 'nothing was seen in time';
  #probe: CheckProbe | undefined;

  constructor(
    private readonly parts: ValidationDriveParts,
    private readonly running: RunningValidation,
    private readonly stored: StoredValidation,
    private readonly over: AbortSignal,
  ) {}

  /** What was found; null when time was up before anything was. Throws what will not pass. */
  async untilJudged(first: Examination): Promise<Examination['judgement']> {
    const isOver = new Promise<null>((resolve) => {
      this.over.addEventListener('abort', () => {
        resolve(null);
      });
    });
    let examination = first;
    for (let failures = 0; examination.judgement === null;) {
      const { want, see, ifCut } = examination;
      if (isAborted(this.over)) return ifCut?.() ?? null;
      try {
        // Whatever a driver promises, a check does not wait for it beyond its deadline.
        const sight = await Promise.race([this.#probeOf().see(want, this.over), isOver]);
        if (sight === null) return ifCut?.() ?? null;
        examination = see(sight);
        failures = 0;
      } catch (error) {
        if (!(error instanceof Error && PASSING.has(error.name))) throw error;
        // What is cut short by the deadline says nothing: what went wrong before it does.
        if (!isAborted(this.over)) this.trouble = error.message;
        failures += 1;
        await this.parts.clock.sleep(pauseMs(failures), this.over);
      }
    }
    return examination.judgement;
  }

  /** Opened by the first look: settings that no driver takes are a check's finding, not a crash. */
  #probeOf(): CheckProbe {
    const { drivers, runner, callSmokeTest, clock } = this.parts;
    this.#probe ??= new CheckProbe({
      driver: drivers.open(this.stored.asked.target),
      pageOf: (page) => runner.page(this.running.key, page),
      callSmokeTest,
      clock,
    });
    return this.#probe;
  }
}

/** Without chance: the checks of one validation are few, and a simulation must repeat itself. */
function pauseMs(failures: number): number {
  return pauseBeforeRetryMs(failures, () => 1, {
    firstPauseMs: VALIDATION_LIMITS.retryPauseMs,
    maxPauseMs: VALIDATION_LIMITS.retryPauseMaxMs,
  });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

/** Asked by a function, because the compiler takes the answer of a property for lasting. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
