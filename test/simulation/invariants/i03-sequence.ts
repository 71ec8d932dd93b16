import { TOPICS } from '#contracts/topics.js';
import type { Invariant } from './invariant.js';

/** What comes twice comes the same to the byte; what is new comes in its turn. */
export const sequenceWithoutGap: Invariant = {
  id: 'I3',
  says: 'progress events of one execution carry 1, 2, 3… without a gap',
  watch: ({ must }) => {
    const last = new Map<string, number>();
    const texts = new Map<string, string>();
    return {
      appended: ({ topic, key, text, event: { id, data } }) => {
        if (topic !== TOPICS.progress) return;
        const executionId = String(data['executionId']);
        must(key === executionId, () => `${id} has the key ${key}`);
        const before = texts.get(id);
        if (before !== undefined) {
          must(before === text, () => `two different events are called ${id}`);
          return;
        }
        texts.set(id, text);
        const number = Number(data['sequence']);
        const due = (last.get(executionId) ?? 0) + 1;
        must(id === `${executionId}/${String(number)}`, () => `${id} carries ${String(number)}`);
        must(
          number === due,
          () => `${executionId}: ${String(number)} where ${String(due)} belongs`,
        );
        last.set(executionId, number);
      },
      committed: ({ executions }) => {
        for (const { id, before, facts } of executions) {
          let due = (before?.sequence ?? 0) + 1;
          for (const fact of facts) {
            must(fact.sequence === due, () => `${id}: fact ${String(fact.sequence)}, not ${due}`);
            due += fact.type === 'INSTANCES_MOVED' ? fact.count : 1;
          }
        }
      },
    };
  },
};
