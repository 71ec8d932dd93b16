import { isTerminal } from '#core/execution/execution.js';
import type { Invariant } from './invariant.js';

export const oneActive: Invariant = {
  id: 'I5',
  says: 'one active execution per tenant and component',
  watch: ({ must }) => {
    const active = new Map<string, string>();
    return {
      committed: ({ executions }) => {
        for (const { id, after } of executions) {
          const of = `${after.tenantId}/${after.componentId}`;
          const other = active.get(of);
          if (isTerminal(after.status)) {
            if (other === id) active.delete(of);
            continue;
          }
          must(other === undefined || other === id, () => `${id} and ${String(other)} of ${of}`);
          active.set(of, id);
        }
      },
    };
  },
};
