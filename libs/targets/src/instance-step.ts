import type { Fence, InstanceOperation, InstanceVerb, ObservedInstance } from './target.driver.js';

/** What a step of an instance is, how it ends, and the pure rules of walking it. */

export type StepName = 'DRAINING' | 'UPGRADING' | 'HEALTH_CHECKING';

/** One step of one instance, as its row says. */
export interface Step {
  readonly index: number;
  readonly instanceId: string;
  readonly step: StepName;
  /** From 1. */
  readonly attempt: number;
  /** The version to reach (semver) and what the driver needs to run it. */
  readonly version: string;
  readonly artifacts: Readonly<Record<string, string>>;
  /** When the step began, ms since 1970: its deadline counts from here, also after a restart. */
  readonly sinceMs: number;
}

export interface StepSettings {
  /** Prefix of the operations' ids: the execution's id, or that of one of its rollbacks. */
  readonly executionId: string;
  /** How long a drain may wait for what is under way before connections are closed. */
  readonly drainTimeoutMs: number;
  /** 0: as often as HEALTH_CHECK_MIN_INTERVAL_MS allows. */
  readonly healthCheckIntervalMs: number;
  readonly healthCheckTimeoutMs: number;
  /** Longest a step may last in all, counted from `sinceMs`; past it it FAILED with TIMEOUT. */
  readonly drainDeadlineMs: number;
  readonly bringDeadlineMs: number;
  readonly healthDeadlineMs: number;
  /**
   * Look once more after the readmission, which was the first operation under the present fence
   * where nothing had to be drained: one of a lower fence could have slipped in before it.
   */
  readonly looksAfterReadmit?: boolean;
}

export type FailureKind =
  | 'DRAIN_FAILED'
  | 'BRING_FAILED'
  | 'UNHEALTHY'
  | 'WRONG_VERSION'
  | 'READMIT_FAILED'
  | 'VANISHED'
  | 'TIMEOUT';

/** How a step ended; from then on the step is forgotten here. */
export interface StepOutcome {
  readonly index: number;
  readonly step: StepName;
  readonly attempt: number;
  readonly outcome: 'DONE' | 'FAILED';
  readonly failure?: FailureKind;
  /** In a sentence. */
  readonly reason?: string;
  /** Connections a drain had to close. */
  readonly closedConnections?: number;
}

/** What one round came to. */
export interface Advance {
  readonly settled: StepOutcome[];
  /** The target could not be asked; the next round tries again. */
  readonly unreachable?: string;
  /** Somebody with this higher fence drives the target now: stop. */
  readonly superseded?: Fence;
  /** When to call again, ms since 1970; Infinity when there are no steps. */
  readonly nextDueMs: number;
}

/** What an instance's health looked like, when it was not fit for traffic. */
export interface HealthProblem {
  readonly failure: FailureKind;
  readonly reason: string;
}

/** Healthy: the health endpoint says so *and* the instance reports the version to reach. */
export function problemOf(seen: ObservedInstance, version: string): HealthProblem | null {
  if (!seen.healthy) return { failure: 'UNHEALTHY', reason: seen.problem ?? 'is not healthy' };
  if (seen.version === version) return null;
  const reports = seen.version === null ? 'no version' : seen.version;
  return { failure: 'WRONG_VERSION', reason: `reports ${reports} instead of ${version}` };
}

/** The same for the same step, whoever drives it: a target begins an id once. */
export function operationIdOf(executionId: string, step: Step, verb: InstanceVerb): string {
  return `${executionId}/${step.index}/${step.attempt}/${verb}`;
}

/** When a step has lasted too long, ms since 1970. */
export function deadlineOf(step: Step, settings: StepSettings): number {
  switch (step.step) {
    case 'DRAINING':
      return step.sinceMs + settings.drainDeadlineMs;
    case 'UPGRADING':
      return step.sinceMs + settings.bringDeadlineMs;
    case 'HEALTH_CHECKING':
      return step.sinceMs + settings.healthDeadlineMs;
  }
}

/** The operation a step asks for. */
export function operationOf(
  step: Step,
  verb: InstanceVerb,
  id: string,
  settings: StepSettings,
): InstanceOperation {
  const { instanceId, version, artifacts } = step;
  if (verb === 'bring') return { id, instanceId, verb, version, artifacts };
  if (verb === 'readmit') return { id, instanceId, verb };
  return { id, instanceId, verb, drainTimeoutMs: settings.drainTimeoutMs };
}
