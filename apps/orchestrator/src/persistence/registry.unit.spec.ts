import { describe } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import { EXECUTION_TABLES } from './execution.memory.store.js';
import { idempotencyContract } from './idempotency.contract.js';
import { MemoryIdempotencyStore } from './idempotency.memory.store.js';
import { registryContract } from './registry.contract.js';
import { MemoryRegistryStore, REGISTRY_TABLES } from './registry.memory.store.js';

const open = () =>
  new MemoryServiceDatabase({
    nowMs: () => 0,
    tables: { ...REGISTRY_TABLES, ...EXECUTION_TABLES },
  });

describe('the registry in memory', () => {
  registryContract(() => {
    const database = open();
    return Promise.resolve({
      store: new MemoryRegistryStore(database),
      beginExecution: async (tenantId, componentId) => {
        const id = randomUUID();
        const execution = { id, tenantId, componentId, status: 'PENDING' };
        await database.transaction((tx) => tx.table('executions').insert(id, { execution }));
        return id;
      },
      close: () => database.close(),
    });
  });
});

describe('idempotency keys in memory', () => {
  idempotencyContract(() => {
    const database = open();
    return Promise.resolve({
      store: new MemoryIdempotencyStore(database),
      keys: () =>
        database.transaction(async (tx) => {
          return (await tx.table('idempotency_keys').scan(() => true)).length;
        }),
      close: () => database.close(),
    });
  });
});
