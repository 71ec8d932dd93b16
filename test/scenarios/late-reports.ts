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
  FLEET_COMPARED: { type: 'FLEET_COMPARED', handOver: 1, vanished: [], appeared: ['i-9'] },
  SET_OPERATION_ENDED: {
    ...{ type: 'SET_OPERATION_ENDED', handOver: 1, number: 1 },
    ...{ outcome: 'DONE', reason: null, liveSet: null },
  },
  SET_LISTED: { type: 'SET_LISTED', handOver: 1, cursor: null, nextCursor: null, count: 1 },
  CANARY_WATCHED: {
    ...{ type: 'CANARY_WATCHED', handOver: 1, verdict: 'UNHEALTHY', reason: 'too late' },
    ...{ durationOver: true, totals: { PASS: 0, FAIL: 3, NO_DATA: 0, ERROR: 0 }, samples: [] },
  },
  REMINDER_DUE: { type: 'REMINDER_DUE' },
  ROLLBACK_PROGRESSED: {
    ...{ type: 'ROLLBACK_PROGRESSED', handOver: 1, setsRestored: false },
    ...{ restored: [], leftOver: [], done: true },
  },
};

export const LATE_REPORTS: readonly Report[] = REPORT_TYPES.map((type) => BY_TYPE[type]);
