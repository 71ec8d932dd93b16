/** Which status may follow which: written down a second time, from the spec and not from the table. */
import type { ExecutionStatus, InstanceStatus } from '#core/execution/execution.js';

export const EXECUTION_STEPS: Readonly<Record<ExecutionStatus, readonly ExecutionStatus[]>> = {
  PENDING: ['VALIDATING', 'CANCELLED'],
  VALIDATING: ['CANARY_RUNNING', 'IN_PROGRESS', 'FAILED', 'CANCELLED'],
  IN_PROGRESS: ['PAUSED', 'COMPLETED', 'FAILED', 'ROLLING_BACK', 'CANCELLED'],
  CANARY_RUNNING: ['CANARY_MONITORING', 'PAUSED', 'FAILED', 'ROLLING_BACK', 'CANCELLED'],
  CANARY_MONITORING: ['IN_PROGRESS', 'ROLLING_BACK', 'CANCELLED'],
  PAUSED: ['IN_PROGRESS', 'CANARY_RUNNING', 'ROLLING_BACK', 'FAILED', 'CANCELLED'],
  ROLLING_BACK: ['ROLLED_BACK', 'FAILED', 'CANCELLED'],
  ROLLED_BACK: [],
  COMPLETED: [],
  FAILED: [],
  CANCELLED: [],
};

export const INSTANCE_STEPS: Readonly<Record<InstanceStatus, readonly InstanceStatus[]>> = {
  PENDING: ['DRAINING', 'UPGRADING', 'FAILED'],
  DRAINING: ['UPGRADING', 'FAILED', 'ROLLED_BACK'],
  UPGRADING: ['HEALTH_CHECKING', 'FAILED', 'ROLLED_BACK'],
  HEALTH_CHECKING: ['COMPLETED', 'FAILED', 'ROLLED_BACK'],
  COMPLETED: ['ROLLED_BACK'],
  FAILED: ['DRAINING', 'UPGRADING', 'ROLLED_BACK'],
  ROLLED_BACK: [],
};
