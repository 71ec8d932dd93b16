import { ATTEMPTS_MAX, CANARY_LIMITS, STEP_LIMITS } from '#core/limits.js';
import { MESSAGE_MAX_BYTES } from '#contracts/topics.js';
import { DUE_WORK } from '#postgres/memory-tx.js';
import type { Timer } from '#postgres/service-database.js';
import type { Invariant } from './invariant.js';

/** Of one service: far more than a relay that was away for minutes finds in a run of the simulation. */
const OUTBOX_ROWS_MAX = 5_000;
/** Kinds of timers there are. */
const TIMERS_PER_EXECUTION_MAX = 7;
/** One operation is handed to a target again when that has forgotten it; not in a busy circle. */
const SUBMITS_MAX = { atOnce: 50, perSecond: 10 } as const;

export const allBounded: Invariant = {
  id: 'I12',
  says: 'everything is bounded: rows, queues, retries, messages',
  watch: ({ must, world }) => {
    const submits = new Map<string, { times: number; readonly sinceMs: number }>();
    const timers = new Map<string, Set<string>>();
    return {
      committed: ({ service, changes, executions }) => {
        const { outboxRows } = world.database(service).store;
        must(outboxRows <= OUTBOX_ROWS_MAX, () => `${String(outboxRows)} rows in an outbox`);
        for (const { table, key, before, after } of changes) {
          if (table !== DUE_WORK) continue;
          const { subject } = (after ?? before ?? { subject: key }) as Timer;
          const armed = timers.get(subject) ?? new Set();
          timers.set(subject, armed);
          if (after === undefined) armed.delete(key);
          else armed.add(key);
          const isFew = armed.size <= TIMERS_PER_EXECUTION_MAX;
          must(isFew, () => `${subject} has ${String(armed.size)} timers`);
        }
        for (const { id, after, facts } of executions) {
          const samples = after.canary?.samples.length ?? 0;
          must(
            samples <= CANARY_LIMITS.samplesKept,
            () => `${id} keeps ${String(samples)} samples`,
          );
          const reason = after.failureReason?.length ?? 0;
          const reasonMax = STEP_LIMITS.reasonMaxChars * 4;
          must(reason <= reasonMax, () => `${id} ended with ${String(reason)} letters`);
          for (const fact of facts) {
            if (fact.type !== 'INSTANCES_MOVED') continue;
            const { attempt } = fact;
            must(attempt <= ATTEMPTS_MAX, () => `${id} tries for the ${String(attempt)}th time`);
          }
        }
      },
      appended: ({ topic, text, event }) => {
        const bytes = Buffer.byteLength(text);
        const isSmall = bytes <= MESSAGE_MAX_BYTES;
        must(isSmall, () => `${event.id} in ${topic} has ${String(bytes)} bytes`);
      },
      submitted: ({ fleet, operations }) => {
        for (const { id } of operations) {
          const key = `${fleet} ${id}`;
          const handed = submits.get(key) ?? { times: 0, sinceMs: world.nowMs() };
          submits.set(key, handed);
          handed.times += 1;
          const seconds = (world.nowMs() - handed.sinceMs) / 1_000;
          const isSeldom = handed.times <= SUBMITS_MAX.atOnce + SUBMITS_MAX.perSecond * seconds;
          must(isSeldom, () => `${id} was handed over and over`);
        }
      },
    };
  },
};
