import { createDataSource } from '#postgres/data-source.js';
import { migrate } from '#postgres/migrate.js';
import { PgServiceDatabase } from '#postgres/pg-service-database.js';
import { Plumbing1700000000000 } from '#postgres/plumbing-migration.js';
import { rollbackStoreContract } from './rollback.contract.js';
import { Rollbacks1700000002000 } from './rollback.migration.js';
import { PgRollbackStore } from './rollback.pg.store.js';

rollbackStoreContract('Postgres', async () => {
  const schema = `rollback_test_${String(process.pid)}_${String(Date.now())}`;
  const dataSource = createDataSource({
    url: process.env['DATABASE_URL'] ?? '',
    schema,
    migrations: [Plumbing1700000000000, Rollbacks1700000002000],
  });
  await migrate(dataSource, { schema });
  await dataSource.initialize();
  const database = new PgServiceDatabase(dataSource, 'test');
  return {
    store: new PgRollbackStore(database),
    close: async () => {
      await dataSource.query(`DROP SCHEMA ${schema} CASCADE`);
      await database.close();
    },
  };
});
