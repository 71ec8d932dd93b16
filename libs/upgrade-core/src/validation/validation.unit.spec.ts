import { describe, expect, test } from '@jest/globals';
import { SIGN_OF_LIFE_MS, SPEAK_AFTER_MS } from '../limits.js';
import type { CheckName } from './checks.js';
import { judgeNotCarriedOut, resultOf } from './judgement.js';
import {
  checksLeft,
  ranFor,
  decideValidation,
  type Validation,
  type ValidationAsked,
  type ValidationDecision,
} from './validation.js';

const NOW_MS = 1_000_000;

function asked(but: Partial<ValidationAsked> = {}): ValidationAsked {
  return {
    type: 'VALIDATION_ASKED',
    executionId: '00000000-0000-4000-8000-000000000001',
    kind: 'PRE',
    handOver: 1,
    commandId: 'c1',
    page: 1,
    pages: 1,
    latestHandOver: 0,
    ...but,
  };
}

type Decided = Extract<ValidationDecision, { kind: 'DECIDED' }>;

function given(known: Validation | null, input: Parameters<typeof decideValidation>[1]): Decided {
  const decision = decideValidation(known, input, NOW_MS);
  if (decision.kind !== 'DECIDED') throw new Error(`${decision.kind}: ${decision.why}`);
  return decision;
}

function running(but: Partial<Validation> = {}): Validation {
  return { ...given(null, asked()).next, ...but };
}

function ended(name: CheckName) {
  return resultOf(name, judgeNotCarriedOut('x'), 1);
}

const ALL = (
  [
    ...['HEALTH_ENDPOINTS', 'VERSION_COMPATIBILITY', 'DEPENDENCY_CHECK'],
    ...['RESOURCE_AVAILABILITY', 'BACKUP_VERIFICATION'],
  ] as CheckName[]
).map(ended);

describe('a question', () => {
  test('of one page begins all checks of its kind and says that it was heard', () => {
    const { next, says, storesPage, supersedesOlder } = given(null, asked());
    expect({ state: next.state, storesPage, supersedesOlder }).toEqual({
      state: 'RUNNING',
      storesPage: true,
      supersedesOlder: true,
    });
    expect(checksLeft(next)).toHaveLength(5);
    expect(says).toEqual({ number: 1, state: 'RUNNING', checks: [] });
  });

  test('of two pages begins nothing before both are stored, in whatever order they come', () => {
    const first = given(null, asked({ page: 2, pages: 2 }));
    expect(first.next.state).toBe('GATHERING');
    expect(checksLeft(first.next)).toEqual([]);
    const second = given(first.next, asked({ page: 1, pages: 2 }));
    expect(second.next).toMatchObject({ state: 'RUNNING', pagesStored: [1, 2] });
    expect(second.says?.state).toBe('RUNNING');
  });

  test('that is repeated stores nothing twice and is answered for the newer question', () => {
    const { next, says, storesPage, supersedesOlder } = given(
      running(),
      asked({ commandId: 'c2' }),
    );
    expect({ storesPage, supersedesOlder }).toEqual({ storesPage: false, supersedesOlder: false });
    expect(next.commandId).toBe('c2');
    expect(says).toMatchObject({ number: 2, state: 'RUNNING' });
  });

  test('about an ended validation is answered with all it found', () => {
    const over = given(running(), { type: 'CHECKS_ENDED', checks: ALL }).next;
    expect(given(over, asked({ commandId: 'c2' })).says).toMatchObject({
      number: 3,
      state: 'ENDED',
      checks: { length: 5 },
    });
  });

  test('of many pages that is repeated is answered once', () => {
    const two = given(given(null, asked({ pages: 2 })).next, asked({ page: 2, pages: 2 })).next;
    expect(given(two, asked({ page: 1, pages: 2 })).says).toBeNull();
    expect(given(two, asked({ page: 2, pages: 2 })).says).not.toBeNull();
  });

  test('of an older hand-over is absorbed', () => {
    expect(decideValidation(null, asked({ latestHandOver: 2 }), NOW_MS).kind).toBe('ABSORBED');
  });

  test('of the same hand-over and another kind is a question of its own', () => {
    expect(given(null, asked({ kind: 'POST', latestHandOver: 1 })).next.kind).toBe('POST');
  });

  test.each([
    ['a page beyond the last', null, { page: 2, pages: 1 }],
    ['another number of pages than before', running(), { page: 1, pages: 3 }],
  ])('with %s cannot be', (_, known, but) => {
    expect(decideValidation(known, asked(but), NOW_MS).kind).toBe('IMPOSSIBLE');
  });
});

describe('checks that ended', () => {
  test('are kept; the result is said when the last one is there, in the order of the names', () => {
    const [health, ...others] = ALL;
    const some = given(running(), { type: 'CHECKS_ENDED', checks: health ? [health] : [] });
    expect(some.says).toBeNull();
    expect(checksLeft(some.next)).not.toContain('HEALTH_ENDPOINTS');
    expect(checksLeft(some.next)).toHaveLength(4);
    const last = given(some.next, { type: 'CHECKS_ENDED', checks: others });
    expect(last.next.state).toBe('ENDED');
    expect(last.says?.checks.map((result) => result.check)).toEqual([
      'VERSION_COMPATIBILITY',
      'RESOURCE_AVAILABILITY',
      'BACKUP_VERIFICATION',
      'HEALTH_ENDPOINTS',
      'DEPENDENCY_CHECK',
    ]);
  });

  test('are absorbed when they come twice, or are of the other kind', () => {
    const once = given(running(), { type: 'CHECKS_ENDED', checks: ALL.slice(0, 1) }).next;
    for (const checks of [ALL.slice(0, 1), [ended('POST_UPGRADE_STATE')]]) {
      const decision = decideValidation(once, { type: 'CHECKS_ENDED', checks }, NOW_MS);
      expect(decision.kind).toBe('ABSORBED');
    }
  });

  test.each(['GATHERING', 'ENDED', 'SUPERSEDED'] as const)('change nothing when %s', (state) => {
    const input = { type: 'CHECKS_ENDED', checks: ALL } as const;
    expect(decideValidation(running({ state }), input, NOW_MS).kind).toBe('ABSORBED');
  });
});

describe('time', () => {
  test('that passed brings a sign of life before it is owed, and not sooner', () => {
    const time = { type: 'TIME_PASSED' } as const;
    const validation = running({ lastSaidAtMs: NOW_MS });
    const dueMs = NOW_MS + SPEAK_AFTER_MS;
    expect(dueMs).toBeLessThan(NOW_MS + SIGN_OF_LIFE_MS);
    expect(decideValidation(validation, time, dueMs - 1).kind).toBe('ABSORBED');
    expect(decideValidation(validation, time, dueMs)).toMatchObject({
      kind: 'DECIDED',
      says: { number: 2, state: 'RUNNING' },
      next: { lastSaidAtMs: dueMs },
    });
  });

  test('that jumped back brings a sign of life, not an hour of silence', () => {
    const validation = running({ lastSaidAtMs: NOW_MS + 3_600_000 });
    expect(decideValidation(validation, { type: 'TIME_PASSED' }, NOW_MS).kind).toBe('DECIDED');
  });
});

describe('how long the checks have run', () => {
  const time = { type: 'TIME_PASSED' } as const;

  test('counts from the last page, however long ago the first one came', () => {
    const first = given(null, asked({ pages: 2 })).next;
    const late = decideValidation(first, asked({ page: 2, pages: 2 }), NOW_MS + 600_000);
    if (late.kind !== 'DECIDED') throw new Error(late.kind);
    expect(ranFor(late.next, NOW_MS + 600_000)).toBe(0);
    expect(ranFor(late.next, NOW_MS + 605_000)).toBe(5_000);
  });

  test('goes on through every saying, whoever is the owner', () => {
    let validation = running();
    for (let nowMs = NOW_MS + SPEAK_AFTER_MS; nowMs <= NOW_MS + 300_000; nowMs += SPEAK_AFTER_MS) {
      const decision = decideValidation(validation, time, nowMs);
      if (decision.kind !== 'DECIDED') throw new Error(decision.kind);
      validation = decision.next;
    }
    expect(ranFor(validation, NOW_MS + 305_000)).toBe(305_000);
  });

  test('does not begin anew when the question is asked again', () => {
    const repeated = decideValidation(running(), asked({ commandId: 'c2' }), NOW_MS + 10_000);
    if (repeated.kind !== 'DECIDED') throw new Error(repeated.kind);
    expect(ranFor(repeated.next, NOW_MS + 11_000)).toBe(11_000);
  });

  test.each([3_600_000, -3_600_000])('believes no clock that jumped by %d ms', (jumpMs) => {
    expect(ranFor(running(), NOW_MS + jumpMs)).toBeLessThanOrEqual(SIGN_OF_LIFE_MS);
  });
});
