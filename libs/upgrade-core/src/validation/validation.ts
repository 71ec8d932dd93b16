/**
 * A validation: the checks of one kind for one hand-over of one execution, and what an input does
 * to it. All pages are stored before the first check begins; a question that was asked before is
 * answered with the state there is, and begins nothing twice (spec §1).
 */
import { SIGN_OF_LIFE_MS, SPEAK_AFTER_MS } from '../limits.js';
import type { CheckResult } from '../execution/execution.js';
import { checksOf, type CheckName, type ValidationKind } from './checks.js';

/** GATHERING: pages are missing. SUPERSEDED: a newer hand-over of the execution was asked for. */
export type ValidationState = 'GATHERING' | 'RUNNING' | 'ENDED' | 'SUPERSEDED';

export interface Validation {
  readonly executionId: string;
  readonly kind: ValidationKind;
  readonly handOver: number;
  /** Of the question that was asked last: the one that results answer. */
  readonly commandId: string;
  readonly pages: number;
  /** Pages that are stored, ascending. */
  readonly pagesStored: readonly number[];
  readonly state: ValidationState;
  /** Checks that have ended, in the order of their names in spec §6. */
  readonly checks: readonly CheckResult[];
  /** Results said so far: the number of the last one. */
  readonly said: number;
  /** Milliseconds since 1970. */
  readonly lastSaidAtMs: number;
  /** How long it had been RUNNING when it last spoke: its checks' deadlines count from there. */
  readonly ranMs: number;
}

export type ValidationKey = Pick<Validation, 'executionId' | 'kind' | 'handOver'>;

/** One page of a question. */
export interface ValidationAsked extends ValidationKey {
  readonly type: 'VALIDATION_ASKED';
  readonly commandId: string;
  /** Of `pages`, from 1. */
  readonly page: number;
  readonly pages: number;
  /** The highest hand-over this execution was ever asked with; 0: none. */
  readonly latestHandOver: number;
}

export type ValidationInput =
  | ValidationAsked
  | { readonly type: 'CHECKS_ENDED'; readonly checks: readonly CheckResult[] }
  | { readonly type: 'TIME_PASSED' };

/** A result to be sent; its number makes its id the same however often it is made. */
export interface ValidationSaying {
  readonly number: number;
  readonly state: 'RUNNING' | 'ENDED';
  readonly checks: readonly CheckResult[];
}

export type ValidationDecision =
  | {
      readonly kind: 'DECIDED';
      readonly next: Validation;
      /** The page of the question is new and is to be stored. */
      readonly storesPage: boolean;
      /** Older hand-overs of the execution that still run are SUPERSEDED. */
      readonly supersedesOlder: boolean;
      readonly says: ValidationSaying | null;
    }
  /** Acknowledged and counted; nothing changes. */
  | { readonly kind: 'ABSORBED'; readonly why: string }
  /** An error of whoever asked: a dead letter. */
  | { readonly kind: 'IMPOSSIBLE'; readonly why: string };

/** Judges `input`; `validation` is null when this key was never asked for. */
export function decideValidation(
  validation: Validation | null,
  input: ValidationInput,
  nowMs: number,
): ValidationDecision {
  if (input.type === 'VALIDATION_ASKED') return takeQuestion(validation, input, nowMs);
  if (validation === null) return { kind: 'IMPOSSIBLE', why: `${input.type} of nothing asked for` };
  if (validation.state !== 'RUNNING') return { kind: 'ABSORBED', why: `is ${validation.state}` };
  return input.type === 'CHECKS_ENDED'
    ? takeChecks(validation, input.checks, nowMs)
    : takeTime(validation, nowMs);
}

/** Checks of a running validation that have not ended: what its owner carries out. */
export function checksLeft(validation: Validation): CheckName[] {
  if (validation.state !== 'RUNNING') return [];
  const ended = new Set(validation.checks.map((result) => result.check));
  return checksOf(validation.kind).filter((name) => !ended.has(name));
}

/**
 * How long the checks have been under way, under whichever owner. What lies between two sayings
 * counts at most as much as may lie between them: a clock that jumped ends no check.
 */
export function ranFor({ ranMs, lastSaidAtMs, state }: Validation, nowMs: number): number {
  if (state !== 'RUNNING') return ranMs;
  return ranMs + Math.min(Math.max(0, nowMs - lastSaidAtMs), SIGN_OF_LIFE_MS);
}

/** A sign of life is due. A clock that jumped, either way, brings one too many, never silence. */
export function mustSpeak(validation: Validation, nowMs: number): boolean {
  const quietMs = Math.abs(nowMs - validation.lastSaidAtMs);
  return validation.state === 'RUNNING' && quietMs >= SPEAK_AFTER_MS;
}

function takeQuestion(
  known: Validation | null,
  asked: ValidationAsked,
  nowMs: number,
): ValidationDecision {
  if (asked.handOver < asked.latestHandOver) {
    return { kind: 'ABSORBED', why: `hand-over ${String(asked.latestHandOver)} is known` };
  }
  const validation = known ?? begun(asked, nowMs);
  if (asked.page > asked.pages || asked.pages !== validation.pages) {
    const pages = `page ${String(asked.page)} of ${String(asked.pages)}`;
    return { kind: 'IMPOSSIBLE', why: `${pages} cannot belong to ${String(validation.pages)}` };
  }
  const storesPage = !validation.pagesStored.includes(asked.page);
  const pagesStored = storesPage
    ? [...validation.pagesStored, asked.page].sort((a, b) => a - b)
    : validation.pagesStored;
  const isComplete = pagesStored.length === validation.pages;
  const completes = storesPage && isComplete;
  const next: Validation = {
    ...validation,
    commandId: asked.commandId,
    pagesStored,
    state: completes ? 'RUNNING' : validation.state,
    // The run begins now, however long ago the first page came.
    lastSaidAtMs: completes ? nowMs : validation.lastSaidAtMs,
  };
  // A question of many pages is answered once: at its last page, or when nothing is missing.
  const answers = completes || asked.page === asked.pages;
  return decided(answers ? say(next, nowMs) : unsaid(next), {
    storesPage,
    supersedesOlder: known === null,
  });
}

function begun(asked: ValidationAsked, nowMs: number): Validation {
  const { executionId, kind, handOver, commandId, pages } = asked;
  return {
    ...{ executionId, kind, handOver, commandId, pages },
    pagesStored: [],
    state: 'GATHERING',
    checks: [],
    said: 0,
    lastSaidAtMs: nowMs,
    ranMs: 0,
  };
}

function takeChecks(
  validation: Validation,
  ended: readonly CheckResult[],
  nowMs: number,
): ValidationDecision {
  const left = new Set<string>(checksLeft(validation));
  const news = ended.filter((result) => left.has(result.check));
  if (news.length === 0) return { kind: 'ABSORBED', why: 'these checks have ended before' };
  const order = checksOf(validation.kind) as string[];
  const checks = [...validation.checks, ...news].sort(
    (a, b) => order.indexOf(a.check) - order.indexOf(b.check),
  );
  const next: Validation = { ...validation, checks };
  if (checksLeft(next).length > 0) return decided(unsaid(next));
  return decided(say({ ...next, state: 'ENDED' }, nowMs));
}

function takeTime(validation: Validation, nowMs: number): ValidationDecision {
  if (!mustSpeak(validation, nowMs)) return { kind: 'ABSORBED', why: 'nothing is due' };
  return decided(say(validation, nowMs));
}

type Said = readonly [Validation, ValidationSaying | null];

function say(validation: Validation, nowMs: number): Said {
  const number = validation.said + 1;
  // While pages are missing the answer is a sign of life too: the question has arrived.
  const state = validation.state === 'ENDED' ? 'ENDED' : 'RUNNING';
  return [
    { ...validation, said: number, lastSaidAtMs: nowMs, ranMs: ranFor(validation, nowMs) },
    { number, state, checks: validation.checks },
  ];
}

function unsaid(validation: Validation): Said {
  return [validation, null];
}

function decided(
  [next, says]: Said,
  more: { storesPage?: boolean; supersedesOlder?: boolean } = {},
): ValidationDecision {
  const { storesPage = false, supersedesOlder = false } = more;
  return { kind: 'DECIDED', next, storesPage, supersedesOlder, says };
}
