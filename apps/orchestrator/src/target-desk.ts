import type { Examination } from '#core/validation/examination.js';
import type { SeenFleetInstance } from '#core/preview/previewed-fleet.js';
import type { Examined } from '#targets/examination.probe.js';
import type { TargetFacts } from './create-upgrade.js';
import type { Target } from './registry.js';

export type { Examination, Examined, SeenFleetInstance };

/** What a look at a target for a preview has shown. */
export interface TargetView {
  /** How each check ended, in the order in which they were asked for. */
  readonly examined: readonly (Examined & { readonly durationMs: number })[];
  /** All its instances, ordered by id; null: too many for a request, or not listed in time. */
  readonly instances: readonly SeenFleetInstance[] | null;
}

/**
 * What the registry and a new upgrade ask of targets. A port, because only `inbound/` calls the
 * outside world; no call happens inside a transaction.
 */
export abstract class TargetDesk {
  /**
   * Checks the settings without opening anything. Throws a Refusal 400 that names each field at
   * fault as `target.settings.<field>`.
   */
  abstract check(target: Target): void;
  /**
   * How many instances the target has and what it can do, within REQUEST_LIMITS.countTimeoutMs.
   * Throws a Refusal 503 with Retry-After when it does not say.
   */
  abstract ask(target: Target): Promise<TargetFacts>;
  /**
   * Carries out checks of a target side by side, within PREVIEW_LIMITS.looksTimeoutMs: what has not
   * been seen by then is not judged. Throws a Refusal for settings that no driver takes.
   */
  abstract look(target: Target, checks: readonly Examination[]): Promise<TargetView>;
  /** A rehearsal's fleet is as its deployment says from now on; of a real target nothing is asked. */
  abstract declare(target: Target): Promise<void>;
  /** Replaces a rehearsal's faults at once. `faults` have been checked with the settings. */
  abstract setFaults(target: Target, faults: readonly unknown[]): Promise<void>;
}
