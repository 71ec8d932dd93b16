import { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import { watchStoreContract } from './watch.contract.js';
import { MemoryWatchStore } from './watch.memory.store.js';

watchStoreContract('the in-memory twin', () => {
  const nowMs = (): number => 1_000_000;
  const store = new MemoryWatchStore(new MemoryServiceDatabase({ nowMs }));
  return Promise.resolve({ store, close: () => Promise.resolve() });
});
