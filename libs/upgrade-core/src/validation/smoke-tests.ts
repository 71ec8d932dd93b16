/**
 * SMOKE_TESTS: the calls a version must answer once all instances run it, one after the other, each
 * with exactly the status that is expected: a 409 can be what is (spec §6).
 */
import { REQUEST_LIMITS, VALIDATION_LIMITS } from '../limits.js';
import { clipEvidence, judged, type Judgement } from './judgement.js';

export interface SmokeTest {
  readonly method: string;
  /** Begins with `/`; a query may follow. */
  readonly path: string;
  /** 100–599 */
  readonly expectedStatus: number;
  /** A text goes as it is, anything else as JSON; null: none. */
  readonly body?: unknown;
  readonly timeoutSeconds: number;
}

/** What is to be sent. */
export interface SmokeCall {
  readonly method: string;
  readonly url: string;
  readonly body: unknown;
  readonly timeoutMs: number;
  /** To be waited for first. */
  readonly pauseMs: number;
}

export type SmokeAnswer =
  | { readonly kind: 'ANSWERED'; readonly status: number; readonly durationMs: number }
  /** Nothing was sent, because there was no connection: it may be tried again. */
  | { readonly kind: 'NOT_CONNECTED'; readonly problem: string }
  /** What was sent may have had its effect: it is not sent again. */
  | { readonly kind: 'NO_ANSWER'; readonly problem: string };

/** One test that is over. */
export interface SmokeOutcome {
  readonly call: string;
  readonly expected: number;
  /** Null: there was no answer. */
  readonly answered: number | null;
  /** Null: as expected. */
  readonly problem: string | null;
  readonly durationMs: number | null;
}

/** Where a test calls: a URL below the address, or why there is none. */
export function urlOf(
  address: string,
  path: string,
): { readonly url: string } | { readonly problem: string } {
  const base = URL.parse(address);
  if (base === null || !/^https?:$/.test(base.protocol)) {
    return { problem: 'the address of the set is no http or https URL' };
  }
  // `//host` and `/\\host` name another host to whoever resolves them.
  if (!path.startsWith('/') || /^\/[/\\]/.test(path)) {
    return { problem: 'the path must begin with one slash' };
  }
  const below = base.pathname.replace(/\/+$/, '');
  const url = URL.parse(`${base.origin}${below}${path}`);
  const isBelow = url?.pathname.startsWith(`${below}/`) === true;
  if (url === null || url.origin !== base.origin || !isBelow) {
    return { problem: 'the path leads away from the address' };
  }
  url.hash = '';
  return { url: url.href };
}

/** The call of a test; `attempt` from 1. */
export function callOf(test: SmokeTest, url: string, attempt: number): SmokeCall {
  const timeoutSeconds = Math.min(test.timeoutSeconds, REQUEST_LIMITS.smokeTestTimeoutMaxSeconds);
  return {
    method: test.method,
    url,
    body: test.body ?? null,
    timeoutMs: timeoutSeconds * 1_000,
    pauseMs: attempt > 1 ? VALIDATION_LIMITS.smokeRetryPauseMs : 0,
  };
}

/** Once more, when there was no connection: what has just been switched to may need a moment. */
export function mayCallAgain(answer: SmokeAnswer, attempt: number): boolean {
  return answer.kind === 'NOT_CONNECTED' && attempt < VALIDATION_LIMITS.smokeAttemptsMax;
}

export function outcomeOf(test: SmokeTest, answer: SmokeAnswer): SmokeOutcome {
  const { expectedStatus: expected } = test;
  const call = clipEvidence(`${test.method} ${test.path}`);
  if (answer.kind !== 'ANSWERED') {
    return {
      call,
      expected,
      answered: null,
      problem: clipEvidence(answer.problem),
      durationMs: null,
    };
  }
  const { status: answered, durationMs } = answer;
  const problem = answered === expected ? null : `answered ${answered}, not ${expected}`;
  return { call, expected, answered, problem, durationMs };
}

export function judgeNoTests(): Judgement {
  return judged('PASSED', 'none registered', { tests: 0 });
}

export function judgeNoAddress(tests: number): Judgement {
  const summary =
    `the target tells no address, so ${String(tests)} smoke tests cannot be carried out: ` +
    'skip SMOKE_TESTS with a reason, or register none';
  return judged('FAILED', summary, { tests, address: null });
}

/** Every one as expected, or it FAILED. */
export function judgeSmoke(outcomes: readonly SmokeOutcome[]): Judgement {
  const failed = outcomes.filter(({ problem }) => problem !== null);
  const evidence = { tests: outcomes.length, failed: failed.length, calls: outcomes };
  if (outcomes.length === 0) return judged('FAILED', 'no smoke test was carried out', evidence);
  if (failed.length === 0) {
    return judged('PASSED', `all ${String(outcomes.length)} calls answered as expected`, evidence);
  }
  const counts = `${String(failed.length)} of ${String(outcomes.length)} calls did not answer as expected`;
  const first = failed.map(({ call, problem }) => `${call} (${problem ?? ''})`).join(', ');
  return judged('FAILED', `${counts}: ${first}`, evidence);
}
