import { expect, it } from '@jest/globals';
import { ROLLBACK_LIMITS } from '../limits.js';
import { decideRollback } from './decide-rollback.js';
import type { RollbackInput } from './rollback-inputs.js';
import { isActive, NO_COUNTERS, type RollbackWork } from './rollback.js';

const NOW_MS = 10_000_000;
const EVERY_MS = 1_000;

const running: RollbackWork = {
  executionId: '00000000-0000-4000-8000-000000000001',
  handOver: 2,
  kind: 'ROLL_BACK',
  commandId: 'c1',
  pages: 1,
  pagesStored: [1],
  state: 'RUNNING',
  listed: 10,
  maxUnavailablePercentage: 25,
  batchSize: 1,
  ignoresRoom: false,
  sets: null,
  counters: { ...NO_COUNTERS, UP: 2 },
  settled: 0,
  reported: 0,
  owesReport: false,
  gaveUp: null,
  noRoom: null,
  said: 1,
  lastSaidAtMs: NOW_MS,
};

function after(work: RollbackWork, input: RollbackInput, nowMs: number): RollbackWork {
  const decision = decideRollback(work, input, nowMs);
  return decision.kind === 'DECIDED' ? decision.next : work;
}

it('one that has ended and owes a report is still driven, until all of it is told', () => {
  expect(isActive({ ...running, state: 'ENDED', owesReport: true })).toBe(true);
  expect(isActive({ ...running, state: 'STOPPED', owesReport: true })).toBe(true);
  expect(isActive({ ...running, state: 'ENDED' })).toBe(false);
  expect(isActive({ ...running, state: 'GATHERING', owesReport: true })).toBe(false);
});

it('waiting for room counts anew once an instance has fitted', () => {
  const full = (work: RollbackWork, atMs: number, forMs: number): RollbackWork => {
    let waiting = work;
    for (let nowMs = atMs; nowMs <= atMs + forMs; nowMs += EVERY_MS) {
      const counted = { othersDown: 2, fallen: [], countedAtMs: nowMs };
      waiting = after(waiting, { type: 'ROOM_COUNTED', ...counted }, nowMs);
    }
    return waiting;
  };
  const almostMs = ROLLBACK_LIMITS.roomWaitMs - EVERY_MS;
  const first = full(running, NOW_MS, almostMs);
  const tookAtMs = NOW_MS + almostMs + EVERY_MS;
  const room = { othersDown: 0, fallen: [], countedAtMs: tookAtMs };
  const took = after(first, { type: 'ROOM_COUNTED', ...room }, tookAtMs);
  expect(took.counters).toMatchObject({ UP: 1, DRAINING: 1 });
  const back = { ...took, counters: { ...NO_COUNTERS, UP: 1, RESTORED: 1 } };
  expect(full(back, tookAtMs + EVERY_MS, almostMs)).toMatchObject({
    state: 'RUNNING',
    gaveUp: null,
  });
});
