import { createDataSource } from '#postgres/data-source.js';
import { migrate } from '#postgres/migrate.js';
import { PgServiceDatabase } from '#postgres/pg-service-database.js';
import { Plumbing1700000000000 } from '#postgres/plumbing-migration.js';
import { validationStoreContract } from './validation.contract.js';
import { VALIDATION_MIGRATIONS } from './validation.migration.js';
import { PgValidationStore } from './validation.pg.store.js';

validationStoreContract('Postgres', async () => {
  const schema = `validator_test_${String(process.pid)}_${String(Date.now())}`;
  const dataSource = createDataSource({
    url: process.env['DATABASE_URL'] ?? '',
    schema,
    migrations: [Plumbing1700000000000, ...VALIDATION_MIGRATIONS],
  });
  await migrate(dataSource, { schema });
  await dataSource.initialize();
  const database = new PgServiceDatabase(dataSource, 'test');
  return {
    store: new PgValidationStore(database),
    close: async () => {
      await dataSource.query(`DROP SCHEMA ${schema} CASCADE`);
      await database.close();
    },
  };
});
