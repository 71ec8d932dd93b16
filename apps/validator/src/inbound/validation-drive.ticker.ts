import type { Drive } from '#postgres/owned-work.js';
import type { Clock } from '#runtime/clock.js';
import { carryOut } from '#targets/examination.probe.js';
import type { TargetDrivers } from '#targets/target.driver.js';
import type { CheckResult } from '#core/execution/execution.js';
import type {
  CheckName,
  Lease,
  RunningValidation,
  StoredValidation,
  ValidationRunner,
  Want,
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
    const probe = this.#probeOf(stored);
    const looking = { see: (want: Want, signal: AbortSignal) => probe().see(want, signal), clock };
    const { judgement, trouble } = await carryOut(first, looking, over.signal);
    over.abort();
    const durationMs = ranMs + clock.nowMs() - startedMs;
    return runner.resultOf(check, judgement, { durationMs, trouble });
  }

  /** Opened by the first look: settings that no driver takes are a check's finding, not a crash. */
  #probeOf({ asked }: StoredValidation): () => CheckProbe {
    const { drivers, runner, callSmokeTest, clock } = this.parts;
    let probe: CheckProbe | undefined;
    return () =>
      (probe ??= new CheckProbe({
        driver: drivers.open(asked.target),
        pageOf: (page) => runner.page(this.running.key, page),
        callSmokeTest,
        clock,
      }));
  }
}
