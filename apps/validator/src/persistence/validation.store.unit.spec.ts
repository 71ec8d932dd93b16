import { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import { validationStoreContract } from './validation.contract.js';
import { MemoryValidationStore } from './validation.memory.store.js';

validationStoreContract('the in-memory twin', () => {
  const nowMs = (): number => 1_000_000;
  const store = new MemoryValidationStore(new MemoryServiceDatabase({ nowMs }));
  return Promise.resolve({ store, close: () => Promise.resolve() });
});
