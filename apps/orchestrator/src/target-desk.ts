import type { TargetFacts } from './create-upgrade.js';
import type { Target } from './registry.js';

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
  /** A rehearsal's fleet is as its deployment says from now on; of a real target nothing is asked. */
  abstract declare(target: Target): Promise<void>;
  /** Replaces a rehearsal's faults at once. `faults` have been checked with the settings. */
  abstract setFaults(target: Target, faults: readonly unknown[]): Promise<void>;
}
