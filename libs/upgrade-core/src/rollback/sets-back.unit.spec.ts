import { describe, expect, test } from '@jest/globals';
import { ROLLBACK_LIMITS, SPEAK_AFTER_MS, STEP_LIMITS } from '../limits.js';
import { decideRollback } from './decide-rollback.js';
import type { RollbackAsked, RollbackDecision, RollbackInput } from './rollback-inputs.js';
import { wantOf, type RollbackWork } from './rollback.js';
import type { SetOperationEnded } from './sets-back.js';

const NOW_MS = 10_000_000;

function asked(but: Partial<RollbackAsked> = {}): RollbackAsked {
  return {
    ...{ type: 'ROLLBACK_ASKED', executionId: 'e', handOver: 2, kind: 'ROLL_BACK' },
    ...{ commandId: 'c1', page: 1, pages: 1, instances: 0, listed: 10 },
    ...{ maxUnavailablePercentage: 25, batchSize: 5, ignoresRoom: false, other: null },
    sets: { switchTo: 'blue', retire: 'green', drainTimeoutMs: 30_000 },
    ...but,
  };
}

type Decided = Extract<RollbackDecision, { kind: 'DECIDED' }>;

function given(work: RollbackWork | null, input: RollbackInput, nowMs = NOW_MS): Decided {
  const decision = decideRollback(work, input, nowMs);
  if (decision.kind !== 'DECIDED') throw new Error(`${decision.kind}: ${decision.why}`);
  return decision;
}

function ended(but: Partial<SetOperationEnded>): SetOperationEnded {
  const done = { outcome: 'DONE', reason: null } as const;
  return { type: 'SET_OPERATION_ENDED', verb: 'switch', attempt: 1, ...done, ...but };
}

const FAILED = { outcome: 'FAILED', reason: 'no instance is healthy' } as const;

function switching(): RollbackWork {
  return given(null, asked()).next;
}

function retiring(): RollbackWork {
  return given(switching(), ended({})).next;
}

describe('a way back by sets', () => {
  test('begins by switching back, and says that it was heard', () => {
    const { next, says } = given(null, asked());
    expect(next.state).toBe('RUNNING');
    expect(says).toMatchObject([{ state: 'RUNNING', setsRestored: false, setLeftOver: null }]);
    expect(wantOf(next)).toMatchObject({ want: 'OPERATE_SET', verb: 'switch', set: 'blue' });
  });

  test('retires the new set once traffic is back, and is over when that is gone', () => {
    const second = given(switching(), ended({}));
    expect(second.says).toEqual([]);
    expect(wantOf(second.next)).toMatchObject({ verb: 'retireSet', set: 'green', attempt: 1 });
    const third = given(second.next, ended({ verb: 'retireSet' }));
    expect(third.next.state).toBe('ENDED');
    expect(third.says).toMatchObject([{ state: 'ENDED', setsRestored: true, setLeftOver: null }]);
    expect(wantOf(third.next)).toBeNull();
  });

  test('only retires where traffic never left', () => {
    const sets = { switchTo: null, retire: 'green', drainTimeoutMs: 0 };
    expect(wantOf(given(null, asked({ sets })).next)).toMatchObject({ verb: 'retireSet' });
  });

  test('asked again is answered with the state it has', () => {
    const over = given(retiring(), ended({ verb: 'retireSet' })).next;
    expect(given(over, asked({ commandId: 'c2' })).says).toMatchObject([
      { state: 'ENDED', setsRestored: true },
    ]);
    expect(given(switching(), asked()).says).toMatchObject([
      { state: 'RUNNING', setsRestored: false },
    ]);
  });

  test.each([
    ['names instances', { instances: 1 }],
    ['has several pages', { pages: 2 }],
    [
      'would retire what it switches to',
      { sets: { switchTo: 'a', retire: 'a', drainTimeoutMs: 0 } },
    ],
    ['is a stop', { kind: 'STOP' }],
  ] as const)('that %s cannot be', (_, but) => {
    expect(decideRollback(null, asked(but), NOW_MS).kind).toBe('IMPOSSIBLE');
  });
});

describe('an operation that fails', () => {
  test.each([
    ['switch', 'blue', switching],
    ['retireSet', 'green', retiring],
  ] as const)('%s: is tried again so often, then its set is left over', (verb, set, begin) => {
    let work = begin();
    for (let attempt = 1; attempt < ROLLBACK_LIMITS.setAttemptsMax; attempt += 1) {
      work = given(work, ended({ verb, attempt, ...FAILED })).next;
      expect(wantOf(work)).toMatchObject({ verb, set, attempt: attempt + 1 });
    }
    const { setAttemptsMax: attempt } = ROLLBACK_LIMITS;
    const { next, says } = given(work, ended({ verb, attempt, ...FAILED }));
    expect(next.state).toBe('ENDED');
    const [said] = says;
    expect(said).toMatchObject({ state: 'ENDED', setsRestored: false });
    expect(said?.setLeftOver?.instanceId).toBe(set);
    expect(said?.setLeftOver?.reason).toContain('no instance is healthy');
  });

  test('has its attempts anew for the next operation', () => {
    const second = given(switching(), ended(FAILED)).next;
    const third = given(second, ended({ attempt: 2 })).next;
    expect(wantOf(third)).toMatchObject({ verb: 'retireSet', attempt: 1 });
  });

  test('is not counted twice, nor for another operation', () => {
    const second = given(switching(), ended(FAILED)).next;
    for (const late of [ended(FAILED), ended({ verb: 'retireSet' }), ended({ attempt: 3 })]) {
      expect(decideRollback(second, late, NOW_MS).kind).toBe('ABSORBED');
    }
  });

  test('because no driver can open the target leaves the set over at once', () => {
    const refused = { type: 'TARGET_REFUSED', reason: 'driver: unknown' } as const;
    expect(given(switching(), refused).says).toMatchObject([
      { state: 'ENDED', setsRestored: false, setLeftOver: { instanceId: 'blue' } },
    ]);
  });
});

describe('time', () => {
  const time = { type: 'TIME_PASSED' } as const;

  test('brings a sign of life before it is owed', () => {
    const dueMs = NOW_MS + SPEAK_AFTER_MS;
    expect(decideRollback(switching(), time, dueMs - 1).kind).toBe('ABSORBED');
    expect(given(switching(), time, dueMs).says).toMatchObject([{ state: 'RUNNING' }]);
  });

  test.each([
    ['a switch', switching, STEP_LIMITS.setOperationMs],
    ['a retirement, on top of its drain', retiring, STEP_LIMITS.setOperationMs + 30_000],
  ] as const)('ends %s that hangs, without another attempt', (_, begin, limitMs) => {
    expect(given(begin(), time, NOW_MS + limitMs - 1).next.state).toBe('RUNNING');
    const { next, says } = given(begin(), time, NOW_MS + limitMs);
    expect(next.state).toBe('ENDED');
    expect(says.at(-1)?.setLeftOver?.reason).toContain('TIMEOUT');
    expect(says.at(-1)?.setsRestored).toBe(false);
  });
});
