import { describe } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { createDataSource } from '#postgres/data-source.js';
import { migrate } from '#postgres/migrate.js';
import { PgServiceDatabase } from '#postgres/pg-service-database.js';
import { PgExecutionStore } from './execution.pg.store.js';
import { MIGRATIONS } from './migrations.js';
import { PgRegistryStore } from './registry.pg.store.js';
import { registryRacesContract } from './registry-races.contract.js';

const FILL = `
  INSERT INTO versions
  SELECT (jsonb_populate_record(v, jsonb_build_object(
           'id', gen_random_uuid(), 'version', '2.0.' || n))).*
  FROM versions v, generate_series(1, $2::int) AS n WHERE v.id = $1`;

describe('what happens at once, in Postgres', () => {
  registryRacesContract(async () => {
    const schema = `races_${randomUUID().replaceAll('-', '').slice(0, 12)}`;
    const url = process.env['DATABASE_URL'] ?? '';
    const dataSource = createDataSource({ url, schema, migrations: MIGRATIONS, poolSize: 10 });
    await migrate(dataSource, { schema });
    await dataSource.initialize();
    const database = new PgServiceDatabase(dataSource, 'test');
    return {
      registry: new PgRegistryStore(database),
      executions: new PgExecutionStore(database),
      fill: async ({ id }, count) => {
        await database.statement('', FILL, [id, count]);
      },
      close: async () => {
        await dataSource.query(`DROP SCHEMA "${schema}" CASCADE`);
        await database.close();
      },
    };
  });
});
