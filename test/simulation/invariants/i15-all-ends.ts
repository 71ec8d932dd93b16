import { isTerminal } from '#core/execution/execution.js';
import { deadLetterTopic, TOPICS } from '#contracts/topics.js';
import { armedTimers, isTidying, openWatches } from '../left-open.js';
import type { Invariant } from './invariant.js';

const DEAD_LETTERS: readonly string[] = Object.values(TOPICS).map(deadLetterTopic);

/** And nothing is left behind: no timer, no watch, no letter that nobody could read. */
export const allEnds: Invariant = {
  id: 'I15',
  says: 'with faults healed every execution ends, and leaves nothing open',
  watch: ({ must, world }) => {
    const lastWatch = new Map<string, string>();
    const sent = new Set<string>();
    return {
      appended: ({ topic, key, text, event: { id, data } }) => {
        // A sender that was held up may repeat an old word after a newer one: nobody takes it twice.
        if (topic === TOPICS.canaryCommands && !sent.has(id)) {
          lastWatch.set(key, String(data['kind']));
          sent.add(id);
        }
        const isLetter = DEAD_LETTERS.includes(topic);
        must(!isLetter, () => `a dead letter in ${topic}: ${text.slice(0, 300)}`);
      },
      ended: () => {
        for (const { create } of world.upgrades) {
          const { id } = create;
          const execution = world.execution(id);
          const isOver = execution !== null && isTerminal(execution.status);
          must(isOver, () => {
            const { status, counters, stopping } = execution ?? {};
            return `${id} did not end: ${JSON.stringify({ status, counters, stopping })}`;
          });
          // A watch ends with CANARY_MONITORING: the last word about it is END.
          const last = lastWatch.get(id) ?? 'END';
          must(last === 'END', () => `${id}: its watch was never ended`);
        }
        for (const { subject, kind } of armedTimers(world.database('orchestrator'))) {
          const execution = world.execution(subject);
          const isOpen = execution !== null && !isTerminal(execution.status);
          must(isTidying(kind) || isOpen, () => `${subject} has ended and has a timer ${kind}`);
        }
        const open = openWatches(world.database('canary-monitor'));
        must(open.length === 0, () => `${open.join(' ')} ended and are still watched`);
      },
    };
  },
};
