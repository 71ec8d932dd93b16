/**
 * What an input does to a watch. Asking again begins nothing twice and is answered with the state
 * there is; an END that comes first is remembered, so that its WATCH begins nothing (spec §1).
 */
import { CANARY_LIMITS } from '../limits.js';
import type { CanarySample, SampleFinding } from './canary-samples.js';
import { withSample, worstOf } from './canary-verdict.js';
import {
  isDurationOver,
  isExpired,
  isStale,
  mustSpeak,
  sampleDue,
  type CanaryWatch,
  type WatchKey,
} from './canary-watch.js';

/** One page of a question. */
export interface WatchAsked extends WatchKey {
  readonly type: 'WATCH_ASKED';
  readonly kind: 'WATCH' | 'END';
  readonly commandId: string;
  /** Of `pages`, from 1. */
  readonly page: number;
  readonly pages: number;
  readonly beganAtMs: number;
  readonly durationMs: number;
  readonly intervalMs: number;
  /** The highest hand-over this execution was ever asked with; 0: none. */
  readonly latestHandOver: number;
}

export type WatchInput =
  | WatchAsked
  | {
      readonly type: 'SAMPLED';
      /** Of the grid. */
      readonly number: number;
      /** When the look began, ms since 1970. */
      readonly atMs: number;
      readonly findings: readonly SampleFinding[];
    }
  /** Never beside a sample that is under way: what it sees comes before the duration's end. */
  | { readonly type: 'TIME_PASSED' };

/** A result to be sent; its number makes its id the same however often it is made. */
export interface WatchSaying {
  readonly number: number;
  readonly state: 'RUNNING' | 'ENDED';
}

export type WatchDecision =
  | {
      readonly kind: 'DECIDED';
      readonly next: CanaryWatch;
      /** The page of the question is new and is to be stored. */
      readonly storesPage: boolean;
      /** Older hand-overs of the execution that have not ended are SUPERSEDED. */
      readonly supersedesOlder: boolean;
      readonly verdictChanged: boolean;
      readonly says: WatchSaying | null;
    }
  /** Acknowledged and counted; nothing changes. */
  | { readonly kind: 'ABSORBED'; readonly why: string }
  /** An error of whoever asked: a dead letter. */
  | { readonly kind: 'IMPOSSIBLE'; readonly why: string };

/** Judges `input`; `watch` is null when this key was never asked for. */
export function decideWatch(
  watch: CanaryWatch | null,
  input: WatchInput,
  nowMs: number,
): WatchDecision {
  if (input.type === 'WATCH_ASKED') return takeQuestion(watch, input, nowMs);
  if (watch === null) return { kind: 'IMPOSSIBLE', why: `${input.type} of nothing asked for` };
  if (watch.state !== 'RUNNING') return { kind: 'ABSORBED', why: `is ${watch.state}` };
  if (input.type === 'TIME_PASSED') return takeTime(watch, nowMs);
  if (input.number <= watch.lastNumber) {
    return { kind: 'ABSORBED', why: `moment ${String(watch.lastNumber)} has its sample` };
  }
  const { number, atMs, findings } = input;
  return takeSample(
    watch,
    { number, atMs, outcome: worstOf(outcomesOf(findings)), findings },
    nowMs,
  );
}

function outcomesOf(findings: readonly SampleFinding[]) {
  return findings.map(({ outcome }) => outcome);
}

function takeQuestion(known: CanaryWatch | null, asked: WatchAsked, nowMs: number): WatchDecision {
  if (asked.handOver < asked.latestHandOver) {
    return { kind: 'ABSORBED', why: `hand-over ${String(asked.latestHandOver)} is known` };
  }
  const watch = { ...(known ?? begun(asked, nowMs)), commandId: asked.commandId };
  const isOver = watch.state === 'ENDED' || asked.kind === 'END';
  // An END is a page of its own, and to one that has ended the pages do not matter any more.
  if (asked.page > asked.pages || (!isOver && asked.pages !== watch.pages)) {
    const pages = `page ${String(asked.page)} of ${String(asked.pages)}`;
    return { kind: 'IMPOSSIBLE', why: `${pages} cannot belong to ${String(watch.pages)}` };
  }
  const supersedesOlder = known === null;
  if (isOver) return decided(say({ ...watch, state: 'ENDED' }, nowMs), known, { supersedesOlder });
  const storesPage = !watch.pagesStored.includes(asked.page);
  const pagesStored = storesPage
    ? [...watch.pagesStored, asked.page].sort((a, b) => a - b)
    : watch.pagesStored;
  const isComplete = pagesStored.length === watch.pages;
  const state = isComplete ? ('RUNNING' as const) : watch.state;
  const next: CanaryWatch = { ...watch, pagesStored, state, askedAtMs: nowMs };
  // A question of many pages is answered once: at its last page, or when nothing is missing.
  const answers = (storesPage && isComplete) || asked.page === asked.pages;
  return decided(answers ? say(inDoubt(next, nowMs), nowMs) : [next, null], known, {
    storesPage,
    supersedesOlder,
  });
}

function begun(asked: WatchAsked, nowMs: number): CanaryWatch {
  const { executionId, handOver, commandId, pages, beganAtMs, durationMs, intervalMs } = asked;
  return {
    ...{ executionId, handOver, commandId, pages, beganAtMs, durationMs, intervalMs },
    pagesStored: [],
    state: 'GATHERING',
    askedAtMs: nowMs,
    lastNumber: 0,
    totals: { PASS: 0, FAIL: 0, NO_DATA: 0, ERROR: 0 },
    streak: null,
    verdict: null,
    reason: 'no sample has been taken yet',
    durationOver: false,
    samples: [],
    untold: 0,
    said: 0,
    lastSaidAtMs: nowMs,
  };
}

function takeSample(watch: CanaryWatch, sample: CanarySample, nowMs: number): WatchDecision {
  const { samplesPerResult, tellAfterMs } = CANARY_LIMITS;
  const sampled = withSample(watch, sample);
  const next = { ...sampled, durationOver: isDurationSeen(sampled, nowMs) };
  const isNews = next.verdict !== watch.verdict || next.durationOver !== watch.durationOver;
  const isLongAgo = Math.abs(nowMs - watch.lastSaidAtMs) >= tellAfterMs;
  const tells = isNews || isLongAgo || next.untold >= samplesPerResult;
  return decided(tells ? say(next, nowMs) : [next, null], watch);
}

function takeTime(watch: CanaryWatch, nowMs: number): WatchDecision {
  const next = inTime(watch, nowMs);
  if (next === watch && !mustSpeak(watch, nowMs)) {
    return { kind: 'ABSORBED', why: 'nothing is due' };
  }
  return decided(say(next, nowMs), watch);
}

/** What time alone does to a running watch; the same object where it does nothing. */
function inTime(watch: CanaryWatch, nowMs: number): CanaryWatch {
  if (isExpired(watch, nowMs)) {
    const days = String(CANARY_LIMITS.lifeMs / DAY_MS);
    const over = doubted(watch, `nobody has asked for the watch in ${days} days`);
    return { ...over, state: 'EXPIRED' };
  }
  const believed = inDoubt(watch, nowMs);
  const durationOver = isDurationSeen(watch, nowMs);
  return durationOver === watch.durationOver ? believed : { ...believed, durationOver };
}

const DAY_MS = 86_400_000;

/** What was healthy long ago is not known to be so now. */
function inDoubt(watch: CanaryWatch, nowMs: number): CanaryWatch {
  return isStale(watch, nowMs) ? doubted(watch, 'the last sample is too old') : watch;
}

function doubted(watch: CanaryWatch, reason: string): CanaryWatch {
  if (watch.verdict === 'UNHEALTHY') return watch;
  return { ...watch, verdict: 'INCONCLUSIVE', reason };
}

/** Said only once the moment at the duration's end was looked at: that sample may be the bad one. */
function isDurationSeen(watch: CanaryWatch, nowMs: number): boolean {
  return watch.durationOver || (isDurationOver(watch, nowMs) && sampleDue(watch, nowMs) === null);
}

type Said = readonly [CanaryWatch, WatchSaying | null];

function say(watch: CanaryWatch, nowMs: number): Said {
  const number = watch.said + 1;
  // While pages are missing the answer is a sign of life too: the question has arrived.
  const state = watch.state === 'ENDED' ? 'ENDED' : 'RUNNING';
  return [
    { ...watch, untold: 0, said: number, lastSaidAtMs: nowMs },
    { number, state },
  ];
}

function decided(
  [next, says]: Said,
  before: CanaryWatch | null,
  more: { storesPage?: boolean; supersedesOlder?: boolean } = {},
): WatchDecision {
  const { storesPage = false, supersedesOlder = false } = more;
  const verdictChanged = next.verdict !== (before?.verdict ?? null);
  return { kind: 'DECIDED', next, storesPage, supersedesOlder, verdictChanged, says };
}
