import { describe } from '@jest/globals';
import { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import { EXECUTION_TABLES, MemoryExecutionStore } from './execution.memory.store.js';
import { aVersion } from './registry.contract.js';
import { MemoryRegistryStore, REGISTRY_TABLES } from './registry.memory.store.js';
import { registryRacesContract } from './registry-races.contract.js';

describe('what happens at once, in memory', () => {
  registryRacesContract(() => {
    const tables = { ...REGISTRY_TABLES, ...EXECUTION_TABLES };
    const database = new MemoryServiceDatabase({ nowMs: () => 0, tables });
    return Promise.resolve({
      registry: new MemoryRegistryStore(database),
      executions: new MemoryExecutionStore(database),
      fill: ({ componentId }, count) =>
        database.transaction(async (tx) => {
          for (let n = 0; n < count; n += 1) {
            const more = aVersion(componentId, { version: `2.0.${String(n)}` });
            await tx.table('versions').insert(more.id, more);
          }
        }),
      close: () => database.close(),
    });
  });
});
