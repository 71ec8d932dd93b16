/** The checks there are, when each is made, and how long it may take. */
import { VALIDATION_LIMITS } from '../limits.js';

/** Before the first instance is taken, or after the last one was. */
export type ValidationKind = 'PRE' | 'POST';

/** Names as spec §6 gives them. */
export const CHECK_NAMES = [
  'VERSION_COMPATIBILITY',
  'RESOURCE_AVAILABILITY',
  'BACKUP_VERIFICATION',
  'HEALTH_ENDPOINTS',
  'DEPENDENCY_CHECK',
  'POST_UPGRADE_STATE',
  'SMOKE_TESTS',
] as const;
export type CheckName = (typeof CHECK_NAMES)[number];

interface CheckSpec {
  readonly kind: ValidationKind;
  /**
   * From the beginning of the run, whoever carries it on; then what was last wrong is the reason
   * it FAILED.
   */
  readonly deadlineMs: number;
}

const { countDeadlineMs, listDeadlineMs, smokeDeadlineMs } = VALIDATION_LIMITS;

export const CHECKS: Readonly<Record<CheckName, CheckSpec>> = {
  VERSION_COMPATIBILITY: { kind: 'PRE', deadlineMs: countDeadlineMs },
  RESOURCE_AVAILABILITY: { kind: 'PRE', deadlineMs: countDeadlineMs },
  BACKUP_VERIFICATION: { kind: 'PRE', deadlineMs: countDeadlineMs },
  HEALTH_ENDPOINTS: { kind: 'PRE', deadlineMs: listDeadlineMs },
  DEPENDENCY_CHECK: { kind: 'PRE', deadlineMs: countDeadlineMs },
  POST_UPGRADE_STATE: { kind: 'POST', deadlineMs: listDeadlineMs },
  SMOKE_TESTS: { kind: 'POST', deadlineMs: smokeDeadlineMs },
};

export function checksOf(kind: ValidationKind): CheckName[] {
  return CHECK_NAMES.filter((name) => CHECKS[name].kind === kind);
}
