/** What statistics keep of an execution that has ended. */
import type {
  CheckResult,
  Ended,
  ExecutionKind,
  StrategyName,
  TerminalStatus,
} from '../execution/execution.js';

/**
 * Why executions end FAILED or ROLLED_BACK, as causes that can be counted: reasons are sentences with
 * numbers and names in them. The list is the bound; what fits none of them is OTHER.
 */
export const FAILURE_CAUSES = [
  /** A check before the upgrade FAILED. */
  'PRE_CHECKS_FAILED',
  /** A check after the upgrade FAILED. */
  'POST_CHECKS_FAILED',
  /** Checks or the listing of instances were silent past their deadline. */
  'CHECKS_SILENT',
  /** The target would not list its instances. */
  'LISTING_FAILED',
  /** There was no instance to take. */
  'NOTHING_TO_TAKE',
  /** Too many instances failed, or some failed twice. */
  'INSTANCES_FAILED',
  /** The canaries were found UNHEALTHY. */
  'CANARY_UNHEALTHY',
  /** A set of instances could not be made, switched to or retired. */
  'SET_FAILED',
  /** Nothing moved until the deadline. */
  'NO_PROGRESS',
  /** A person asked for the rollback. */
  'ASKED_FOR',
  /** The rollback itself did not bring everything back. */
  'ROLLBACK_INCOMPLETE',
  'OTHER',
] as const;
export type FailureCause = (typeof FAILURE_CAUSES)[number];

export interface Outcome {
  readonly status: TerminalStatus;
  readonly kind: ExecutionKind;
  readonly strategy: StrategyName;
  /** semver of the version it was to reach */
  readonly toVersion: string;
  /** From start to end, pauses included; null when it ended before it was started. */
  readonly durationMs: number | null;
  /** Null unless FAILED or ROLLED_BACK. */
  readonly failureCause: FailureCause | null;
  /** How long one of its batches took by itself; null unless COMPLETED, or when nobody knows. */
  readonly batchWorkMs: number | null;
}

export function outcomeOf(execution: Ended): Outcome {
  const { status, kind, plan, startedAtMs, completedAtMs, batchWorkMs } = execution;
  const ran = startedAtMs !== null && completedAtMs !== null;
  return {
    status,
    kind,
    strategy: plan.strategy,
    toVersion: plan.to.version,
    // Two replicas may have judged the two ends, each by its own clock.
    durationMs: ran ? Math.max(0, completedAtMs - startedAtMs) : null,
    failureCause: status === 'FAILED' || status === 'ROLLED_BACK' ? causeOf(execution) : null,
    batchWorkMs,
  };
}

/** How the sentences of the table begin, or what they are about. */
const SAID: readonly (readonly [FailureCause, RegExp])[] = [
  ['NOTHING_TO_TAKE', /^nothing to take\b/],
  ['LISTING_FAILED', /^instances could not be listed\b/],
  ['CHECKS_SILENT', /^(?:checks or listing were silent|no post-upgrade checks before)\b/],
  ['PRE_CHECKS_FAILED', /^no check was answered\b/],
  ['POST_CHECKS_FAILED', /^post-upgrade checks failed\b/],
  ['NO_PROGRESS', /^no progress before the deadline\b/],
  ['INSTANCES_FAILED', /^\d+ (?:failed instances reach the threshold|instances failed again)\b/],
  ['CANARY_UNHEALTHY', /^canaries are UNHEALTHY\b/],
  ['SET_FAILED', /^(?:(?:CREATE|SWITCH|RETIRE|WEIGH)\b.* failed|set \S+ has \d+ places of)\b/],
];

function causeOf(execution: Ended): FailureCause {
  const { status, rollback, failureReason, preChecks, postChecks } = execution;
  // Why the rollback began is the lesser news when it did not end well.
  if (rollback !== null && status === 'FAILED') return 'ROLLBACK_INCOMPLETE';
  if (rollback !== null && !MACHINES.includes(rollback.initiatedBy)) return 'ASKED_FOR';
  if (anyFailed(preChecks)) return 'PRE_CHECKS_FAILED';
  if (anyFailed(postChecks)) return 'POST_CHECKS_FAILED';
  const reason = rollback?.reason ?? failureReason ?? '';
  return SAID.find(([, said]) => said.test(reason))?.[0] ?? 'OTHER';
}

/** Who initiates a rollback that no person asked for. */
const MACHINES: readonly string[] = ['orchestrator', 'canary-monitor'];

function anyFailed(checks: readonly CheckResult[]): boolean {
  return checks.some(({ outcome }) => outcome === 'FAILED');
}
