import { describe, expect, test } from '@jest/globals';
import { ROLLBACK_LIMITS, SPEAK_AFTER_MS } from '../limits.js';
import { decideRollback } from './decide-rollback.js';
import type {
  RollbackAsked,
  RollbackDecision,
  RollbackInput,
  SettledRollbackSteps,
} from './rollback-inputs.js';
import {
  NO_COUNTERS,
  sightOf,
  wantOf,
  type RollbackCounters,
  type RollbackWork,
  type Sight,
} from './rollback.js';

const NOW_MS = 10_000_000;

function asked(but: Partial<RollbackAsked> = {}): RollbackAsked {
  return {
    type: 'ROLLBACK_ASKED',
    executionId: '00000000-0000-4000-8000-000000000001',
    handOver: 2,
    kind: 'ROLL_BACK',
    commandId: 'c1',
    page: 1,
    pages: 1,
    instances: 10,
    listed: 10,
    maxUnavailablePercentage: 25,
    batchSize: 5,
    ignoresRoom: false,
    sets: null,
    other: null,
    ...but,
  };
}

type Decided = Extract<RollbackDecision, { kind: 'DECIDED' }>;

function given(work: RollbackWork | null, input: RollbackInput, nowMs = NOW_MS): Decided {
  const decision = decideRollback(work, input, nowMs);
  if (decision.kind !== 'DECIDED') throw new Error(`${decision.kind}: ${decision.why}`);
  return decision;
}

function running(
  counters: Partial<RollbackCounters>,
  but: Partial<RollbackWork> = {},
): RollbackWork {
  const { next } = given(null, asked());
  return { ...next, counters: { ...NO_COUNTERS, ...counters }, ...but };
}

function looked(
  from: 'UNSEEN' | 'DOWN',
  seen: Partial<Record<Sight, number[]>>,
  lookedAtMs = NOW_MS,
): RollbackInput {
  const none = { THERE: [], DOWN: [], UP: [], VANISHED: [] };
  return { type: 'INSTANCES_LOOKED_AT', from, lookedAtMs, seen: { ...none, ...seen } };
}

function counted(othersDown: number, but: { fallen?: number[]; countedAtMs?: number } = {}) {
  const { fallen = [], countedAtMs = NOW_MS } = but;
  return { type: 'ROOM_COUNTED', othersDown, fallen, countedAtMs } as const;
}

function settled(but: Partial<SettledRollbackSteps>): RollbackInput {
  const one: SettledRollbackSteps = {
    step: 'HEALTH_CHECKING',
    attempt: 1,
    outcome: 'DONE',
    failure: null,
    reasons: [null],
    indices: [0],
    ...but,
  };
  return { type: 'STEPS_SETTLED', settled: [one] };
}

describe('a question', () => {
  test('of one page begins with a look at everything, and takes nothing yet', () => {
    const { next, moves, says, storesPage } = given(null, asked());
    expect({ state: next.state, moves, storesPage }).toEqual({
      state: 'RUNNING',
      moves: [],
      storesPage: true,
    });
    expect(says).toMatchObject([{ number: 1, state: 'RUNNING', after: 0, upTo: 0 }]);
    expect(wantOf(next)).toEqual({ want: 'LOOK', from: 'UNSEEN', limit: 1_000 });
  });

  test('of two pages wants nothing before both are stored', () => {
    const first = given(null, asked({ pages: 2, page: 2, instances: 3 }));
    expect([first.next.state, wantOf(first.next)]).toEqual(['GATHERING', null]);
    const second = given(first.next, asked({ pages: 2, page: 1, instances: 4 }));
    expect(second.next).toMatchObject({ state: 'RUNNING', counters: { UNSEEN: 7 } });
  });

  test('about no instance at all is answered at once', () => {
    expect(given(null, asked({ instances: 0 })).says).toMatchObject([{ state: 'ENDED' }]);
  });

  test('that is repeated is answered with everything restored so far, and begins nothing', () => {
    const work = running({ RESTORED: 3, UNSEEN: 7 }, { settled: 3, reported: 3, said: 4 });
    const { next, says, moves, storesPage } = given(work, asked({ commandId: 'c2' }));
    expect(says).toMatchObject([{ number: 5, state: 'RUNNING', after: 0, upTo: 3 }]);
    expect({ moves, storesPage }).toEqual({ moves: [], storesPage: false });
    expect(next).toMatchObject({ commandId: 'c2', counters: { UNSEEN: 7 } });
  });

  test('about an ended rollback is answered in pages, the last of which says so', () => {
    const all = { RESTORED: 900, LEFT_OVER: 1 };
    const work = running(all, { state: 'ENDED', settled: 901, reported: 901 });
    expect(given(work, asked()).says.map(({ state, after, upTo }) => [state, after, upTo])).toEqual(
      [
        ['RUNNING', 0, 400],
        ['RUNNING', 400, 800],
        ['ENDED', 800, 901],
      ],
    );
  });

  test('whose answer is larger than a transaction should be is answered bit by bit', () => {
    const total = ROLLBACK_LIMITS.reportMax * (ROLLBACK_LIMITS.reportsPerDecisionMax + 1);
    const work = running({ RESTORED: total }, { state: 'ENDED', settled: total, reported: total });
    const first = given(work, asked());
    expect(first.says.some((saying) => saying.state === 'ENDED')).toBe(false);
    expect(given(first.next, { type: 'TIME_PASSED' }).says).toMatchObject([{ state: 'ENDED' }]);
  });

  test.each([
    ['of an older hand-over', { other: { handOver: 3, reported: 0, settled: 0 } }, 'ABSORBED'],
    ['with a page beyond the last', { page: 2 }, 'IMPOSSIBLE'],
  ] as const)('%s: %s', (_, but, kind) => {
    expect(decideRollback(null, asked(but), NOW_MS).kind).toBe(kind);
  });
});

describe('a stop', () => {
  const stop = asked({ kind: 'STOP', handOver: 3, instances: 0 });

  test('stops older hand-overs, tells what they had restored untold, and answers STOPPED', () => {
    const other = { handOver: 2, reported: 1, settled: 3 };
    const { next, says, stopsOlder } = given(null, { ...stop, other });
    expect(stopsOlder).toBe(true);
    expect(says).toMatchObject([
      { number: 1, state: 'RUNNING', handOver: 2, after: 1, upTo: 3 },
      { number: 2, state: 'STOPPED', handOver: 3 },
    ]);
    const again = given(next, { ...stop, other, commandId: 'c2' });
    expect(again.says).toMatchObject([{ number: 3, state: 'STOPPED' }]);
  });

  test('leaves a stopped rollback to absorb whatever still comes', () => {
    const work = running({ DRAINING: 1 }, { state: 'STOPPED' });
    const input = settled({ step: 'DRAINING' });
    expect(decideRollback(work, input, NOW_MS).kind).toBe('ABSORBED');
    expect(wantOf(work)).toBeNull();
  });

  test('of a hand-over that was asked to roll back cannot be', () => {
    const confused = { ...stop, handOver: 2 };
    expect(decideRollback(running({}), confused, NOW_MS).kind).toBe('IMPOSSIBLE');
  });
});

describe('what a look finds', () => {
  test.each([
    ['on its version and healthy', { version: '1.0.0', admitted: true, healthy: true }, 'THERE'],
    [
      'on its version, outside traffic',
      { version: '1.0.0', admitted: false, healthy: true },
      'THERE',
    ],
    ['serving on another version', { version: '2.0.0', admitted: true, healthy: true }, 'UP'],
    ['drained on another version', { version: '2.0.0', admitted: false, healthy: true }, 'DOWN'],
    ['sick on its version', { version: '1.0.0', admitted: true, healthy: false }, 'DOWN'],
    ['without an answer', { version: null, admitted: true, healthy: false }, 'DOWN'],
    ['gone', undefined, 'VANISHED'],
  ] as const)('%s', (_, seen, sight) => {
    expect(sightOf('1.0.0', seen)).toBe(sight);
  });
});

describe('what is begun', () => {
  test('down ones at once and without room, up to the batch; healthy ones wait', () => {
    const seen = { DOWN: [1, 2, 3, 4, 5, 6], UP: [0, 7], THERE: [], VANISHED: [] };
    const { next, moves } = given(running({ UNSEEN: 8 }), looked('UNSEEN', seen));
    expect(next.counters).toMatchObject({ DRAINING: 5, DOWN: 1, UP: 2, UNSEEN: 0 });
    expect(moves.at(-1)).toMatchObject({
      select: { by: 'INDICES', indices: [1, 2, 3, 4, 5] },
      from: 'DOWN',
      to: 'DRAINING',
      begins: true,
    });
  });

  test('one that is there is only readmitted, before all others', () => {
    const { next } = given(running({ UNSEEN: 2 }), looked('UNSEEN', { THERE: [0], DOWN: [1] }));
    expect(next.counters).toMatchObject({ HEALTH_CHECKING: 1, DRAINING: 1 });
  });

  test('nothing more while a batch is under way', () => {
    const work = running({ UNSEEN: 1, DRAINING: 1 });
    const { next } = given(work, looked('UNSEEN', { DOWN: [4] }));
    expect(next.counters).toMatchObject({ DRAINING: 1, DOWN: 1 });
    expect(wantOf(next)).toBeNull();
  });

  test('a down one is looked at again before it is taken later, and may be up by then', () => {
    const work = running({ DOWN: 2 });
    expect(wantOf(work)).toEqual({ want: 'LOOK', from: 'DOWN', limit: 5 });
    const { next } = given(work, looked('DOWN', { UP: [0], DOWN: [1] }));
    expect(next.counters).toMatchObject({ UP: 1, DRAINING: 1 });
  });

  test('nothing by a look that is older than five seconds', () => {
    const old = looked('UNSEEN', { DOWN: [0] }, NOW_MS - 5_001);
    expect(given(running({ UNSEEN: 1 }), old).next.counters).toMatchObject({
      DOWN: 1,
      DRAINING: 0,
    });
  });

  test.each([
    ['two of ten may be down: two healthy ones fit', counted(0), 2],
    ['one is down by itself: one fits', counted(1), 1],
    ['two are down by themselves: none fits', counted(2), 0],
    [
      'a count older than five seconds is not believed',
      counted(0, { countedAtMs: NOW_MS - 5_001 }),
      0,
    ],
    ['nor is one from the future', counted(0, { countedAtMs: NOW_MS + 1 }), 0],
  ])('%s', (_, room, taken) => {
    const decision = decideRollback(running({ UP: 4 }), room, NOW_MS);
    const draining = decision.kind === 'DECIDED' ? decision.next.counters.DRAINING : 0;
    expect(draining).toBe(taken);
  });

  test('a healthy one that fell meanwhile goes first and needs no room', () => {
    const { next } = given(running({ UP: 3 }), counted(5, { fallen: [2] }));
    expect(next.counters).toMatchObject({ UP: 2, DRAINING: 1 });
  });

  test('no healthy one while others have not been looked at', () => {
    expect(wantOf(running({ UP: 3, UNSEEN: 1 }))).toMatchObject({ want: 'LOOK' });
    expect(decideRollback(running({ UP: 3, UNSEEN: 1 }), counted(0), NOW_MS).kind).toBe('ABSORBED');
  });
});

describe('a strategy that ignores room', () => {
  const ignoring = { ignoresRoom: true } as const;

  test('takes everything at once, whatever the batch size and the room', () => {
    const seen = { DOWN: [8, 9], UP: [0, 1, 2, 3, 4, 5, 6], THERE: [7], VANISHED: [] };
    const { next, moves } = given(running({ UNSEEN: 10 }, ignoring), looked('UNSEEN', seen));
    expect(next.counters).toMatchObject({ UNSEEN: 0, UP: 0, DRAINING: 9, HEALTH_CHECKING: 1 });
    expect(moves.filter(({ begins }) => begins).map(({ from }) => from)).toEqual([
      ...['THERE', 'DOWN', 'UP'],
    ]);
  });

  test('takes no more than may be under way', () => {
    const { underWayMax } = ROLLBACK_LIMITS;
    const work = running({ UP: underWayMax + 5 }, ignoring);
    expect(wantOf(work)).toEqual({ want: 'GO_ON' });
    const { next } = given(work, { type: 'TIME_PASSED' });
    expect(next.counters).toMatchObject({ DRAINING: underWayMax, UP: 5 });
  });

  test('takes no healthy one after one is left over', () => {
    const failed = settled({ attempt: 2, outcome: 'FAILED', failure: 'UNHEALTHY' });
    const { next } = given(running({ HEALTH_CHECKING: 1, UP: 3 }, ignoring), failed);
    expect(next).toMatchObject({ state: 'ENDED', counters: { LEFT_OVER: 4, DRAINING: 0 } });
  });
});

describe('steps that settled', () => {
  test.each([
    ['DRAINING', 'UPGRADING'],
    ['UPGRADING', 'HEALTH_CHECKING'],
    ['HEALTH_CHECKING', 'RESTORED'],
  ] as const)('%s leads to %s', (step, to) => {
    const work = running({ [step]: 2 });
    expect(given(work, settled({ step })).next.counters).toMatchObject({ [step]: 1, [to]: 1 });
  });

  test('the first failure leads back to a look, and so to a second attempt', () => {
    const { next } = given(
      running({ UPGRADING: 1 }),
      settled({ step: 'UPGRADING', outcome: 'FAILED', failure: 'BRING_FAILED' }),
    );
    expect(next.counters).toMatchObject({ UNSEEN: 1, UPGRADING: 0 });
    expect(next.gaveUp).toBeNull();
  });

  test('the second failure leaves it over, and no healthy one is taken any more', () => {
    const failed = settled({
      attempt: 2,
      outcome: 'FAILED',
      failure: 'UNHEALTHY',
      reasons: ['sick'],
    });
    const { next, moves, says } = given(running({ HEALTH_CHECKING: 1, UP: 3 }), failed);
    expect(next).toMatchObject({ state: 'ENDED', counters: { LEFT_OVER: 4, UP: 0 }, settled: 4 });
    expect(moves.map(({ reason, settledFrom }) => [reason, settledFrom])).toEqual([
      [['UNHEALTHY: sick'], 1],
      ['not taken back, because another instance could not be brought back', 2],
    ]);
    expect(says).toMatchObject([{ state: 'ENDED', after: 0, upTo: 4 }]);
  });

  test('a give-up of very many is decided bit by bit, and told of in the end', () => {
    const many = ROLLBACK_LIMITS.leftOverPerDecisionMax + 5;
    const failed = settled({ attempt: 2, outcome: 'FAILED', failure: 'UNHEALTHY' });
    const first = given(running({ HEALTH_CHECKING: 1, UP: many }), failed);
    expect(first.next).toMatchObject({ state: 'RUNNING', counters: { UP: 5 } });
    expect(wantOf(first.next)).toEqual({ want: 'GO_ON' });
    const { next } = given(first.next, { type: 'TIME_PASSED' });
    expect(next).toMatchObject({ state: 'ENDED', settled: many + 1 });
  });

  test('after a give-up down ones are still taken back, and what is under way ends', () => {
    const failed = settled({ attempt: 2, outcome: 'FAILED', failure: 'UNHEALTHY' });
    const first = given(running({ HEALTH_CHECKING: 2, UP: 3, DOWN: 1 }), failed);
    expect(first.next.counters).toMatchObject({ HEALTH_CHECKING: 1, UP: 3, DOWN: 1 });
    const second = given(first.next, settled({ indices: [1] }));
    expect(wantOf(second.next)).toMatchObject({ want: 'LOOK', from: 'DOWN' });
    const third = given(second.next, looked('DOWN', { DOWN: [2] }));
    expect(third.next.counters).toMatchObject({ DRAINING: 1, UP: 3 });
  });

  test('one that vanished is left over, and the others are still taken back', () => {
    const gone = settled({ outcome: 'FAILED', failure: 'VANISHED' });
    const { next } = given(running({ HEALTH_CHECKING: 1, UP: 3 }), gone);
    expect(next).toMatchObject({ state: 'RUNNING', gaveUp: null, counters: { LEFT_OVER: 1 } });
    expect(wantOf(next)).toEqual({ want: 'COUNT_ROOM' });
  });

  test('a settled batch is told of; a part of one is not', () => {
    const part = given(running({ HEALTH_CHECKING: 2, UP: 1 }), settled({ indices: [0] }));
    expect(part.says).toEqual([]);
    const whole = given(part.next, settled({ indices: [1] }));
    expect(whole.says).toMatchObject([{ state: 'RUNNING', after: 0, upTo: 2 }]);
  });

  test('the last one ends it: ENDED repeats nothing that was told of', () => {
    const work = running({ HEALTH_CHECKING: 1, RESTORED: 9 }, { settled: 9, reported: 9 });
    expect(given(work, settled({})).says).toMatchObject([{ state: 'ENDED', after: 9, upTo: 10 }]);
  });
});

describe('a target that no driver can open', () => {
  test('leaves everything over, with the reason, and the rollback ends', () => {
    const refused = { type: 'TARGET_REFUSED', reason: 'driver: one of agent, simulated' } as const;
    const { next, says } = given(running({ UNSEEN: 2, UP: 1, DRAINING: 1 }), refused);
    expect(next).toMatchObject({ state: 'ENDED', counters: { LEFT_OVER: 4 } });
    expect(says).toMatchObject([{ state: 'ENDED', after: 0, upTo: 4 }]);
  });
});

describe('time', () => {
  test('a sign of life comes before it is owed, with what has settled meanwhile', () => {
    const work = running({ DRAINING: 1, RESTORED: 2 }, { settled: 2, lastSaidAtMs: NOW_MS });
    const time = { type: 'TIME_PASSED' } as const;
    expect(decideRollback(work, time, NOW_MS + SPEAK_AFTER_MS - 1).kind).toBe('ABSORBED');
    expect(given(work, time, NOW_MS + SPEAK_AFTER_MS).says).toMatchObject([{ after: 0, upTo: 2 }]);
  });

  test('a room that stays full is given up after its limit, by counts and not by a clock', () => {
    let work = running({ UP: 2, RESTORED: 8 }, { settled: 8 });
    let nowMs = NOW_MS;
    // A clock that jumps an hour between two counts is not an hour of waiting.
    for (const stepMs of [1_000, 3_600_000, 1_000, -3_600_000, 1_000]) {
      nowMs += stepMs;
      work = given(work, counted(2, { countedAtMs: nowMs }), nowMs).next;
    }
    expect(work.state).toBe('RUNNING');
    for (let waitedMs = 0; waitedMs <= ROLLBACK_LIMITS.roomWaitMs; waitedMs += 1_000) {
      if (work.state !== 'RUNNING') break;
      nowMs += 1_000;
      work = given(work, counted(2, { countedAtMs: nowMs }), nowMs).next;
    }
    expect(work).toMatchObject({ state: 'ENDED', counters: { LEFT_OVER: 2, RESTORED: 8 } });
    expect(work.gaveUp).toContain('no room');
  });
});
