import { TOPICS } from '#contracts/topics.js';
import { executionOf, type Invariant, type SeenMessage } from './invariant.js';

/** Fleets of all tenants have instances of the same names: only who asks tells them apart. */
export const tenantsApart: Invariant = {
  id: 'I14',
  says: 'nothing of one tenant reaches another',
  watch: ({ must, world }) => {
    const fleetOf = (executionId: string): string | null => {
      const execution = world.execution(executionId);
      return execution && `${execution.tenantId}/${execution.componentId}`;
    };
    const othersOf = (tenantId: string): string[] => {
      const others = world.upgrades.filter(({ create }) => create.tenantId !== tenantId);
      return others.flatMap(({ create }) => [create.tenantId, create.id]);
    };
    return {
      appended: (message) => {
        const { key, topic, text, event } = message;
        const execution = world.execution(key);
        must(execution !== null, () => `${event.id} in ${topic} is of nobody: ${key}`);
        if (execution === null) return;
        const { tenantId } = execution;
        for (const said of tenantsIn(message)) {
          must(said === tenantId, () => `${event.id} of ${tenantId} speaks of ${said}`);
        }
        const about = event.data['executionId'];
        must(about === key, () => `${event.id} of ${key} is about ${String(about)}`);
        const found = othersOf(tenantId).find((other) => {
          return text.includes(`"${other}"`) || text.includes(`"${other}/`);
        });
        must(found === undefined, () => `${event.id} of ${tenantId} names ${String(found)}`);
      },
      acted: (fleet, { operationId }) => {
        const of = fleetOf(executionOf(operationId));
        must(of === fleet, () => `${operationId} of ${String(of)} acts on ${fleet}`);
      },
      committed: ({ executions }) => {
        for (const { id, before, after } of executions) {
          const isSame = before === null || before.tenantId === after.tenantId;
          must(isSame, () => `${id} went from ${String(before?.tenantId)} to ${after.tenantId}`);
        }
      },
      refused: (tenantId, text) => {
        const found = othersOf(tenantId).find((other) => text.includes(other));
        must(found === undefined, () => `${tenantId} is told of ${String(found)}: ${text}`);
      },
    };
  },
};

function tenantsIn({ topic, event: { data } }: SeenMessage): string[] {
  if (topic === TOPICS.progress) return [String(data['tenantId'])];
  const snapshot = data['snapshot'] as
    { tenantId: string; target: { settings: { fleet?: string } } } | undefined;
  if (snapshot === undefined) return [];
  const { fleet = snapshot.tenantId } = snapshot.target.settings;
  return [snapshot.tenantId, fleet.split('/')[0] ?? ''];
}
