/** Which fields belong to which status: what the tagged union says, as a value. */
import type { Execution } from './execution.js';

type Field =
  | 'listing'
  | 'checksPassed'
  | 'room'
  | 'roomWanted'
  | 'batch'
  | 'nextBatchAtMs'
  | 'postChecksAskedAtMs'
  | 'postChecksAnswered'
  | 'setOperation'
  | 'setFailure'
  | 'staleSet'
  | 'approvedStage'
  | 'workSinceMs'
  | 'pausedFrom'
  | 'pauseReason'
  | 'pausedAtMs';

const MOVING = [
  'listing',
  'room',
  'roomWanted',
  'batch',
  'nextBatchAtMs',
  'postChecksAskedAtMs',
  'postChecksAnswered',
  'setOperation',
  'setFailure',
  'staleSet',
  'approvedStage',
  'workSinceMs',
];

/** Fields that only some statuses have. A status has all of its own and none of another's. */
export const FIELDS_OF: Readonly<Record<Execution['status'], readonly string[]>> = {
  PENDING: [],
  VALIDATING: ['listing', 'checksPassed'],
  IN_PROGRESS: MOVING,
  CANARY_RUNNING: MOVING,
  CANARY_MONITORING: MOVING,
  PAUSED: [...MOVING, 'pausedFrom', 'pauseReason', 'pausedAtMs'],
  ROLLING_BACK: ['listing'],
  // What was found there already belongs to what the deployment is told at the end.
  ROLLED_BACK: ['listing'],
  COMPLETED: ['listing'],
  FAILED: ['listing'],
  CANCELLED: ['listing'],
};

export const OWN_FIELDS = [...new Set(Object.values(FIELDS_OF).flat())] as Field[];

/** The execution without the fields that its status does not have. */
export function withOwnFieldsOnly(execution: Execution): Execution {
  const own = FIELDS_OF[execution.status];
  const foreign = new Set<string>(OWN_FIELDS.filter((field) => !own.includes(field)));
  const entries = Object.entries(execution).filter(([field]) => !foreign.has(field));
  return Object.fromEntries(entries) as unknown as Execution;
}
