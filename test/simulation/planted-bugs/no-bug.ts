/** Every port in the wrapper that bugs are planted with, and no bug in it. */
import { MemoryExecutionStore } from '../../../apps/orchestrator/src/persistence/execution.memory.store.js';
import { AlteredTargets } from './altered-targets.js';
import { altered, alteredTransactions } from './altered.js';
import type { PlantedBug } from './planted-bug.js';

export const NO_BUG_IN_EACH_PORT: PlantedBug = {
  name: 'no-bug',
  what: 'nothing is wrong, behind every wrapper',
  caughtBy: [],
  seedsMax: 0,
  plant: () => ({
    database: (view) => alteredTransactions(view, () => ({})),
    store: (database) => altered(new MemoryExecutionStore(database), {}),
    leases: (leases) => altered(leases, {}),
    producer: (producer) => altered(producer, {}),
    consumer: (take) => (messages) => take(messages),
    targets: (targets) => new AlteredTargets(targets, () => ({})),
  }),
};
