import { describe } from '@jest/globals';
import { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import { EXECUTION_TABLES, MemoryExecutionStore } from './execution.memory.store.js';
import { statisticsContract } from './statistics.contract.js';
import { MemoryStatisticsStore } from './statistics.memory.store.js';

describe('statistics in memory', () => {
  statisticsContract(() => {
    const database = new MemoryServiceDatabase({ nowMs: () => 0, tables: EXECUTION_TABLES });
    return Promise.resolve({
      executions: new MemoryExecutionStore(database),
      store: new MemoryStatisticsStore(database),
      close: () => database.close(),
    });
  });
});
