import { describe } from '@jest/globals';
import { emptiedDatabase } from '#postgres/emptied-schema.contract.js';
import { PgExecutionStore } from './execution.pg.store.js';
import { MIGRATIONS } from './migrations.js';
import { statisticsContract } from './statistics.contract.js';
import { PgStatisticsStore } from './statistics.pg.store.js';

const open = emptiedDatabase(MIGRATIONS);

describe('statistics in Postgres', () => {
  statisticsContract(async () => {
    const database = await open();
    return {
      executions: new PgExecutionStore(database),
      store: new PgStatisticsStore(database),
      close: () => Promise.resolve(),
    };
  });
});
