import { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import { rollbackStoreContract } from './rollback.contract.js';
import { MemoryRollbackStore } from './rollback.memory.store.js';

rollbackStoreContract('the in-memory twin', () => {
  const nowMs = (): number => 1_000_000;
  const store = new MemoryRollbackStore(new MemoryServiceDatabase({ nowMs }));
  return Promise.resolve({ store, close: () => Promise.resolve() });
});
