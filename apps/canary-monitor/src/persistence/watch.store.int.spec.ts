import { createDataSource } from '#postgres/data-source.js';
import { migrate } from '#postgres/migrate.js';
import { PgServiceDatabase } from '#postgres/pg-service-database.js';
import { Plumbing1700000000000 } from '#postgres/plumbing-migration.js';
import { watchStoreContract } from './watch.contract.js';
import { Watches1700000003000 } from './watch.migration.js';
import { PgWatchStore } from './watch.pg.store.js';

watchStoreContract('Postgres', async () => {
  const schema = `canary_test_${String(process.pid)}_${String(Date.now())}`;
  const dataSource = createDataSource({
    url: process.env['DATABASE_URL'] ?? '',
    schema,
    migrations: [Plumbing1700000000000, Watches1700000003000],
  });
  await migrate(dataSource, { schema });
  await dataSource.initialize();
  const database = new PgServiceDatabase(dataSource, 'test');
  return {
    store: new PgWatchStore(database),
    close: async () => {
      await dataSource.query(`DROP SCHEMA ${schema} CASCADE`);
      await database.close();
    },
  };
});
