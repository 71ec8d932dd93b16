import { describe } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { createDataSource } from '#postgres/data-source.js';
import { migrate } from '#postgres/migrate.js';
import { PgServiceDatabase } from '#postgres/pg-service-database.js';
import { idempotencyContract } from './idempotency.contract.js';
import { PgIdempotencyStore } from './idempotency.pg.store.js';
import { registryContract } from './registry.contract.js';
import { MIGRATIONS } from './migrations.js';
import { PgRegistryStore } from './registry.pg.store.js';

/** A schema of its own for each test, so that lists begin empty. */
async function open(): Promise<{ database: PgServiceDatabase; close: () => Promise<void> }> {
  const schema = `registry_${randomUUID().replaceAll('-', '').slice(0, 12)}`;
  const dataSource = createDataSource({
    url: process.env['DATABASE_URL'] ?? '',
    schema,
    migrations: MIGRATIONS,
    poolSize: 10,
  });
  await migrate(dataSource, { schema });
  await dataSource.initialize();
  const database = new PgServiceDatabase(dataSource, 'test');
  const close = async (): Promise<void> => {
    await dataSource.query(`DROP SCHEMA "${schema}" CASCADE`);
    await database.close();
  };
  return { database, close };
}

const BEGIN_EXECUTION = `
  INSERT INTO executions (id, shard, active, revision, sequence, last_progress_at, counters,
    failed_once, status, detail, tenant_id, component_id, created_at)
  VALUES ($1, 0, true, 1, 1, 0, '{}', 0, 'PENDING', '{}', $2, $3, 0)`;

describe('the registry in Postgres', () => {
  registryContract(async () => {
    const { database, close } = await open();
    return {
      store: new PgRegistryStore(database),
      beginExecution: async (tenantId, componentId) => {
        const id = randomUUID();
        await database.transaction((tx) =>
          tx.query('', BEGIN_EXECUTION, [id, tenantId, componentId]),
        );
        return id;
      },
      close,
    };
  });
});

describe('idempotency keys in Postgres', () => {
  idempotencyContract(async () => {
    const { database, close } = await open();
    return { store: new PgIdempotencyStore(database), close };
  });
});
