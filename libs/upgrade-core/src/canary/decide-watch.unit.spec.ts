import { describe, expect, test } from '@jest/globals';
import { CANARY_LIMITS, SPEAK_AFTER_MS } from '../limits.js';
import type { SampleOutcome } from './canary-samples.js';
import { pauseMs, sampleDue, wordDue, type CanaryWatch } from './canary-watch.js';
import {
  decideWatch,
  type WatchAsked,
  type WatchDecision,
  type WatchInput,
} from './decide-watch.js';

const BEGAN_MS = 1_000_000;
const INTERVAL_MS = 30_000;

function asked(but: Partial<WatchAsked> = {}): WatchAsked {
  return {
    type: 'WATCH_ASKED',
    kind: 'WATCH',
    executionId: '00000000-0000-4000-8000-000000000001',
    handOver: 1,
    commandId: 'c1',
    page: 1,
    pages: 1,
    beganAtMs: BEGAN_MS,
    durationMs: 120_000,
    intervalMs: INTERVAL_MS,
    latestHandOver: 0,
    ...but,
  };
}

type Decided = Extract<WatchDecision, { kind: 'DECIDED' }>;

function given(watch: CanaryWatch | null, input: WatchInput, nowMs = BEGAN_MS): Decided {
  const decision = decideWatch(watch, input, nowMs);
  if (decision.kind !== 'DECIDED') throw new Error(`${decision.kind}: ${decision.why}`);
  return decision;
}

function running(but: Partial<CanaryWatch> = {}): CanaryWatch {
  return { ...given(null, asked()).next, ...but };
}

function sampled(number: number, outcome: SampleOutcome = 'PASS'): WatchInput {
  const findings = [{ of: 'health', outcome, value: null, summary: '' }];
  return { type: 'SAMPLED', number, atMs: momentMs(number), findings };
}

function momentMs(number: number): number {
  return BEGAN_MS + number * INTERVAL_MS;
}

/** A watch with samples at the moments 1, 2, 3…, and whether each was told. */
function walked(outcomes: readonly SampleOutcome[], from = running()) {
  let watch = from;
  const told = outcomes.map((outcome, at) => {
    const { next, says } = given(watch, sampled(at + 1, outcome), momentMs(at + 1));
    watch = next;
    return says !== null;
  });
  return { watch, told };
}

describe('a question', () => {
  test('of one page begins the watch and says that it was heard', () => {
    const { next, says, storesPage, supersedesOlder } = given(null, asked());
    expect(next).toMatchObject({ state: 'RUNNING', verdict: null, said: 1, lastNumber: 0 });
    expect(says).toEqual({ number: 1, state: 'RUNNING' });
    expect({ storesPage, supersedesOlder }).toEqual({ storesPage: true, supersedesOlder: true });
  });

  test('of several pages begins it once all are stored, and is answered once', () => {
    const pages = 3;
    const first = given(null, asked({ page: 3, pages }));
    expect(first.next.state).toBe('GATHERING');
    const again = given(first.next, asked({ page: 3, pages, latestHandOver: 1 }));
    expect(again).toMatchObject({ storesPage: false, next: { pagesStored: [3] } });
    const second = given(first.next, asked({ page: 1, pages, latestHandOver: 1 }));
    expect(second).toMatchObject({ says: null, supersedesOlder: false });
    expect(sampleDue(second.next, momentMs(1))).toBeNull();
    const last = given(second.next, asked({ page: 2, pages, latestHandOver: 1 }));
    expect(last).toMatchObject({ says: { state: 'RUNNING' }, next: { state: 'RUNNING' } });
    expect(sampleDue(last.next, momentMs(1))).toBe(1);
  });

  test('asked again begins nothing and is answered with the state there is', () => {
    const { watch } = walked(['PASS', 'PASS', 'PASS']);
    const again = given(watch, asked({ commandId: 'c2', latestHandOver: 1 }), momentMs(3));
    expect(again).toMatchObject({
      storesPage: false,
      says: { state: 'RUNNING' },
      next: { ...watch, commandId: 'c2', askedAtMs: momentMs(3), said: watch.said + 1, untold: 0 },
    });
    expect(again.next.lastSaidAtMs).toBe(momentMs(3));
  });

  test('of an older hand-over is absorbed', () => {
    expect(decideWatch(null, asked({ latestHandOver: 2 }), 0).kind).toBe('ABSORBED');
    expect(decideWatch(null, asked({ latestHandOver: 2, kind: 'END' }), 0).kind).toBe('ABSORBED');
  });

  test.each([
    [null, { page: 2, pages: 1 }],
    [running(), { page: 2, pages: 2, latestHandOver: 1 }],
    [null, { page: 2, pages: 1, kind: 'END' as const }],
  ])('that contradicts itself or the ones before is impossible', (watch, but) => {
    expect(decideWatch(watch, asked(but), 0).kind).toBe('IMPOSSIBLE');
  });
});

describe('an END', () => {
  const end = asked({ kind: 'END', commandId: 'end', latestHandOver: 1 });

  test('ends the watch, and says what it came to', () => {
    const { watch } = walked(['PASS', 'PASS', 'PASS']);
    const { next, says } = given(watch, end, momentMs(3));
    expect(says?.state).toBe('ENDED');
    expect(next).toMatchObject({ state: 'ENDED', commandId: 'end', verdict: 'HEALTHY' });
    expect(sampleDue(next, momentMs(9))).toBeNull();
    expect(wordDue(next, momentMs(9))).toBe(false);
    expect(decideWatch(next, sampled(4), momentMs(4)).kind).toBe('ABSORBED');
    expect(decideWatch(next, { type: 'TIME_PASSED' }, momentMs(4)).kind).toBe('ABSORBED');
  });

  test('before its WATCH is remembered: the late WATCH begins nothing', () => {
    const { next, says, supersedesOlder } = given(null, asked({ kind: 'END' }));
    expect({ state: next.state, says: says?.state, supersedesOlder }).toEqual({
      ...{ state: 'ENDED', says: 'ENDED', supersedesOlder: true },
    });
    const late = given(next, asked({ page: 2, pages: 3, latestHandOver: 1 }));
    expect(late).toMatchObject({ storesPage: false, says: { state: 'ENDED' } });
    expect(late.next.state).toBe('ENDED');
  });

  test('is answered again when it is asked again, whatever pages the WATCH had', () => {
    const gathering = given(null, asked({ pages: 3 })).next;
    const { next } = given(gathering, end);
    expect(given(next, end).says).toEqual({ number: next.said + 1, state: 'ENDED' });
  });
});

describe('samples', () => {
  test('are told when the verdict changes, and at least every second', () => {
    const soon = { beganAtMs: BEGAN_MS, intervalMs: 1_000 };
    let watch = running(soon);
    const told = ['PASS', 'PASS', 'PASS', 'PASS', 'PASS', 'FAIL', 'PASS'].map((outcome, at) => {
      const atMs = BEGAN_MS + (at + 1) * 1_000;
      const { next, says } = given(watch, sampled(at + 1, outcome as SampleOutcome), atMs);
      watch = next;
      return says !== null;
    });
    // INCONCLUSIVE; untold; HEALTHY; untold, second; INCONCLUSIVE; untold.
    expect(told).toEqual([true, false, true, false, true, true, false]);
  });

  test('of a slow grid are all told: nothing is gained by keeping them back', () => {
    expect(walked(['PASS', 'PASS', 'PASS', 'PASS']).told).toEqual([true, true, true, true]);
  });

  test('of a moment that has its sample are absorbed', () => {
    const { watch } = walked(['PASS', 'PASS']);
    expect(decideWatch(watch, sampled(2, 'FAIL'), momentMs(2)).kind).toBe('ABSORBED');
    expect(decideWatch(null, sampled(1), 0).kind).toBe('IMPOSSIBLE');
  });

  test('go on after UNHEALTHY, which stays', () => {
    const { watch } = walked(['FAIL', 'FAIL', 'FAIL', 'PASS', 'PASS', 'PASS', 'PASS']);
    expect(watch).toMatchObject({ verdict: 'UNHEALTHY', totals: { PASS: 4, FAIL: 3 } });
    expect(sampleDue(watch, momentMs(8))).toBe(8);
  });

  test('change the verdict at the moment they are counted by', () => {
    const { watch } = walked(['PASS', 'PASS']);
    expect(given(watch, sampled(3), momentMs(3)).verdictChanged).toBe(true);
    expect(given(watch, sampled(3, 'ERROR'), momentMs(3)).verdictChanged).toBe(false);
  });
});

describe('time', () => {
  const passed: WatchInput = { type: 'TIME_PASSED' };

  test('that passes in silence asks for a sign of life', () => {
    const watch = running();
    expect(decideWatch(watch, passed, BEGAN_MS + SPEAK_AFTER_MS - 1).kind).toBe('ABSORBED');
    const { says } = given(watch, passed, BEGAN_MS + SPEAK_AFTER_MS);
    expect(says).toEqual({ number: 2, state: 'RUNNING' });
    expect(decideWatch(watch, passed, BEGAN_MS - SPEAK_AFTER_MS).kind).toBe('DECIDED');
  });

  test('ends the duration once, with the sample of its last moment', () => {
    const { watch } = walked(['PASS', 'PASS', 'PASS']);
    // The fourth moment is the end: nothing is said of it before it was looked at.
    expect(given(watch, passed, momentMs(4)).next.durationOver).toBe(false);
    const end = given(watch, sampled(4, 'FAIL'), momentMs(4) + 500);
    expect(end.next).toMatchObject({ durationOver: true, verdict: 'INCONCLUSIVE' });
    expect(end.says).not.toBeNull();
    expect(decideWatch(end.next, passed, momentMs(4) + 600).kind).toBe('ABSORBED');
    expect(sampleDue(end.next, momentMs(5))).toBe(5);
  });

  test('ends a duration that is no moment of the grid at its own time', () => {
    const { watch } = walked(['PASS', 'PASS', 'PASS'], running({ durationMs: 100_000 }));
    expect(wordDue(watch, BEGAN_MS + 99_999)).toBe(false);
    expect(wordDue(watch, BEGAN_MS + 100_000)).toBe(true);
    expect(given(watch, passed, BEGAN_MS + 100_000)).toMatchObject({
      next: { durationOver: true, verdict: 'HEALTHY' },
      says: { state: 'RUNNING' },
    });
  });

  test('without samples makes what was healthy inconclusive, also in an answer', () => {
    const { watch } = walked(['PASS', 'PASS', 'PASS']);
    const believedMs = momentMs(3) + CANARY_LIMITS.intervalsBelieved * INTERVAL_MS;
    expect(given(watch, passed, believedMs).next.verdict).toBe('HEALTHY');
    expect(given(watch, passed, believedMs + 1)).toMatchObject({
      next: { verdict: 'INCONCLUSIVE', reason: 'the last sample is too old' },
      verdictChanged: true,
    });
    const question = asked({ latestHandOver: 1, commandId: 'c2' });
    const answer = given(watch, question, believedMs + 1).next;
    expect(answer).toMatchObject({ verdict: 'INCONCLUSIVE', durationOver: false });
    // And with the next one the last three are passes again.
    expect(given(answer, sampled(7), momentMs(7)).next.verdict).toBe('HEALTHY');
  });

  test('never unlatches UNHEALTHY', () => {
    const { watch } = walked(['FAIL', 'FAIL', 'FAIL']);
    const late = given(watch, passed, momentMs(100));
    expect(late.next.verdict).toBe('UNHEALTHY');
    const over = given(watch, passed, BEGAN_MS + CANARY_LIMITS.lifeMs);
    expect(over.next).toMatchObject({ state: 'EXPIRED', verdict: 'UNHEALTHY' });
  });

  test('ends a watch that nobody has asked for in days; asked for again it runs on', () => {
    const { watch } = walked(['PASS', 'PASS', 'PASS']);
    const lateMs = BEGAN_MS + CANARY_LIMITS.lifeMs;
    expect(wordDue(watch, lateMs)).toBe(true);
    const over = given(watch, passed, lateMs);
    expect(over.next).toMatchObject({
      ...{ state: 'EXPIRED', verdict: 'INCONCLUSIVE' },
      reason: 'nobody has asked for the watch in 8 days',
    });
    expect(sampleDue(over.next, lateMs)).toBeNull();
    const again = given(over.next, asked({ latestHandOver: 1 }), lateMs);
    expect(again.next).toMatchObject({ state: 'RUNNING', askedAtMs: lateMs });
  });
});

describe('a pause', () => {
  test.each([
    [BEGAN_MS, 20_000, 'until a sign of life'],
    [momentMs(1) - 10_000, 0, 'none: a sign of life is due'],
    [momentMs(1), 0, 'none: a sample is due'],
  ])('at %i is %i: %s', (nowMs, ms) => {
    expect(pauseMs(running(), nowMs)).toBe(ms);
  });

  test('ends at the next moment, at the duration’s end, and never in the far future', () => {
    const { watch } = walked(['PASS', 'PASS', 'PASS']);
    const told = { ...watch, lastSaidAtMs: momentMs(3) + 15_000 };
    expect(pauseMs(told, momentMs(4) - 12_000)).toBe(12_000);
    const short = { ...watch, durationMs: 95_000 };
    expect(pauseMs(short, momentMs(3) + 1_000)).toBe(4_000);
    expect(pauseMs({ ...short, durationOver: true }, momentMs(3) + 1_000)).toBe(19_000);
    expect(pauseMs(running({ beganAtMs: BEGAN_MS * 1_000 }), BEGAN_MS)).toBe(SPEAK_AFTER_MS);
  });
});
