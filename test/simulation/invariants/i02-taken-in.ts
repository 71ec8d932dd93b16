import { TOPICS } from '#contracts/topics.js';
import { INBOX } from '#postgres/memory-tx.js';
import type { ServiceName } from '../simulated-process.js';
import type { Invariant } from './invariant.js';

const TAKEN_BY: Readonly<Record<string, ServiceName>> = {
  [TOPICS.validatorCommands]: 'validator',
  [TOPICS.canaryCommands]: 'canary-monitor',
  [TOPICS.rollbackCommands]: 'rollback-agent',
  [TOPICS.validatorResults]: 'orchestrator',
  [TOPICS.canaryResults]: 'orchestrator',
  [TOPICS.rollbackResults]: 'orchestrator',
};

/** Whoever has read all there is has taken all of it in: an offset is committed after its effect. */
export const allTakenIn: Invariant = {
  id: 'I2',
  says: 'a message is acknowledged after what it brings is committed',
  watch: ({ must, world }) => {
    const sent = new Map<string, string>();
    return {
      appended: ({ topic, event }) => {
        if (topic in TAKEN_BY) sent.set(event.id, topic);
      },
      ended: () => {
        for (const [id, topic] of sent) {
          const service = TAKEN_BY[topic];
          if (service === undefined || world.lag(service) > 0) continue;
          const isThere = world.database(service).store.table(INBOX).rows.has(id);
          must(isThere, () => `${service} has acknowledged ${id} and not taken it in`);
        }
      },
    };
  },
};
