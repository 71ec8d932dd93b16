import { describe } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { createDataSource } from '#postgres/data-source.js';
import { migrate } from '#postgres/migrate.js';
import { PgServiceDatabase } from '#postgres/pg-service-database.js';
import { PgExecutionStore } from './execution.pg.store.js';
import { MIGRATIONS } from './migrations.js';
import { statisticsContract } from './statistics.contract.js';
import { PgStatisticsStore } from './statistics.pg.store.js';

describe('statistics in Postgres', () => {
  statisticsContract(async () => {
    const schema = `statistics_${randomUUID().replaceAll('-', '').slice(0, 12)}`;
    const url = process.env['DATABASE_URL'] ?? '';
    const dataSource = createDataSource({ url, schema, migrations: MIGRATIONS, poolSize: 4 });
    await migrate(dataSource, { schema });
    await dataSource.initialize();
    const database = new PgServiceDatabase(dataSource, 'test');
    return {
      executions: new PgExecutionStore(database),
      store: new PgStatisticsStore(database),
      close: async () => {
        await dataSource.query(`DROP SCHEMA "${schema}" CASCADE`);
        await database.close();
      },
    };
  });
});
