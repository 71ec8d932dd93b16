/** What a check came to, with evidence that stays bounded however much was found. */
import type { CheckOutcome, CheckResult } from '../execution/execution.js';
import { VALIDATION_LIMITS } from '../limits.js';
import { clipped } from '../texts.js';
import type { CheckName } from './checks.js';

/** With its name and duration it is a {@link CheckResult}. */
export type Judgement = Pick<CheckResult, 'outcome' | 'summary' | 'evidence'>;

export function resultOf(check: CheckName, judgement: Judgement, durationMs: number): CheckResult {
  return { check, ...judgement, durationMs: Math.max(0, Math.round(durationMs)) };
}

export function judged(
  outcome: CheckOutcome,
  summary: string,
  evidence: Readonly<Record<string, unknown>>,
): Judgement {
  return { outcome, summary: clipped(summary, VALIDATION_LIMITS.summaryMaxChars), evidence };
}

export function clipEvidence(text: string): string {
  return clipped(text, VALIDATION_LIMITS.evidenceTextMaxChars);
}

/** As many as evidence names. */
export function firstOf(texts: readonly string[]): string[] {
  return texts.slice(0, VALIDATION_LIMITS.evidenceItemsMax).map(clipEvidence);
}

/** SKIPPED is never shown as passed: it says who wanted it so, and why (spec §6). */
export function judgeSkipped(skip: { readonly by: string; readonly reason: string }): Judgement {
  const evidence = { skippedBy: clipEvidence(skip.by), reason: clipEvidence(skip.reason) };
  return judged('SKIPPED', `skipped by ${skip.by}: ${skip.reason}`, evidence);
}

/** The check could not be carried out to its end: FAILED, whatever it had seen by then. */
export function judgeNotCarriedOut(reason: string): Judgement {
  return judged('FAILED', `could not be carried out: ${reason}`, { reason: clipEvidence(reason) });
}
