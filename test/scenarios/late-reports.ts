/** One report of each kind, as it may come when nobody waits for it any more. */
import { REPORT_TYPES, type Report } from '#core/execution/execution-inputs.js';
import { checks, roomCounted as counted, settled as steps } from '#testing/inputs.js';

export { checks };

export const roomCounted = (): Report => counted(0);
export const settled = (handOver: number): Report => ({ ...steps('DRAINING', []), handOver });

const BY_TYPE: Readonly<Record<Report['type'], Report>> = {
  INSTANCES_LISTED: {
    ...{ type: 'INSTANCES_LISTED', listed: 0, taken: 0, alreadyThere: 0 },
    ...{ nextCursor: null, cursor: null },
  },
  LISTING_FAILED: { type: 'LISTING_FAILED', reason: 'too late' },
  PRE_CHECKS_ENDED: { type: 'PRE_CHECKS_ENDED', handOver: 1, checks: checks('FAILED') },
  CHECKS_PROGRESSED: { type: 'CHECKS_PROGRESSED', handOver: 1, kind: 'POST' },
  STEPS_SETTLED: settled(1),
  ROOM_COUNTED: roomCounted(),
  BATCH_DELAY_OVER: { type: 'BATCH_DELAY_OVER' },
  DEADLINE_PASSED: { type: 'DEADLINE_PASSED' },
  POST_CHECKS_ENDED: { type: 'POST_CHECKS_ENDED', handOver: 1, checks: checks('FAILED') },
  ROLLBACK_PROGRESSED: {
    ...{ type: 'ROLLBACK_PROGRESSED', handOver: 1, restored: [], leftOver: [], done: true },
  },
};

export const LATE_REPORTS: readonly Report[] = REPORT_TYPES.map((type) => BY_TYPE[type]);
