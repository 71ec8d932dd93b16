import type { ExpandPointers } from '#messaging/database-outbox.js';
import { progressEventTexts } from '#contracts/progress-event-texts.js';
import { TOPICS } from '#contracts/topics.js';
import type { ExecutionStore } from './persistence/execution.store.js';

/** Turns the facts the outbox points at into progress events, with one question for all of them. */
export function progressOf(store: Pick<ExecutionStore, 'resolvedFacts'>): ExpandPointers {
  return async (pointers) => {
    if (pointers.length === 0) return [];
    const facts = await store.resolvedFacts(
      pointers.map(({ subject, position }) => ({ executionId: subject, sequence: position })),
    );
    const texts = new Map(
      facts.map(({ fact, head }) => [
        `${head.executionId}/${String(fact.sequence)}`,
        progressEventTexts(fact, head),
      ]),
    );
    return pointers.map(({ subject: key, position }) => {
      const values = texts.get(`${key}/${String(position)}`) ?? [];
      return values.map((value) => ({ topic: TOPICS.progress, key, value }));
    });
  };
}
