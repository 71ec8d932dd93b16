import type { OutgoingPointer } from '#postgres/service-database.js';
import type { ExecutionStore } from './persistence/execution.store.js';
import { progressMessages, type ProgressMessage } from './progress.outbox.js';

/** Turns the facts the outbox points at into progress events, with one question for all of them. */
export function progressOf(
  store: Pick<ExecutionStore, 'resolvedFacts'>,
): (pointers: readonly OutgoingPointer[]) => Promise<readonly (readonly ProgressMessage[])[]> {
  return async (pointers) => {
    if (pointers.length === 0) return [];
    const facts = await store.resolvedFacts(
      pointers.map(({ subject, position }) => ({ executionId: subject, sequence: position })),
    );
    const messages = new Map(
      facts.map(({ fact, head }) => [
        `${head.executionId}/${String(fact.sequence)}`,
        progressMessages(fact, head),
      ]),
    );
    return pointers.map(({ subject, position }) => {
      return messages.get(`${subject}/${String(position)}`) ?? [];
    });
  };
}
