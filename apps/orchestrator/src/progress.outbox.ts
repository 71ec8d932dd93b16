import { progressEventTexts } from '#contracts/progress-event-texts.js';
import type { ProgressHead, ResolvedFact } from '#contracts/progress-events.js';
import { TOPICS } from '#contracts/topics.js';

/** A message as the relay sends it. */
export interface ProgressMessage {
  readonly topic: string;
  readonly key: string;
  readonly value: string;
}

/** The messages of a fact: one progress event each, keyed by the execution so that order is kept. */
export function progressMessages(fact: ResolvedFact, head: ProgressHead): ProgressMessage[] {
  const key = head.executionId;
  return progressEventTexts(fact, head).map((value) => ({ topic: TOPICS.progress, key, value }));
}
