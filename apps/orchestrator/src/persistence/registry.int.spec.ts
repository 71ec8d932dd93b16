import { describe } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { emptiedDatabase } from '#postgres/emptied-schema.contract.js';
import { idempotencyContract } from './idempotency.contract.js';
import { PgIdempotencyStore } from './idempotency.pg.store.js';
import { registryContract } from './registry.contract.js';
import { MIGRATIONS } from './migrations.js';
import { PgRegistryStore } from './registry.pg.store.js';

const open = emptiedDatabase(MIGRATIONS);
const close = (): Promise<void> => Promise.resolve();

const BEGIN_EXECUTION = `
  INSERT INTO executions (id, shard, active, revision, sequence, last_progress_at, counters,
    failed_once, status, detail, tenant_id, component_id, created_at)
  VALUES ($1, 0, true, 1, 1, 0, '{}', 0, 'PENDING', '{}', $2, $3, 0)`;

describe('the registry in Postgres', () => {
  registryContract(async () => {
    const database = await open();
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
    const database = await open();
    return {
      store: new PgIdempotencyStore(database),
      keys: async () => {
        const text = 'SELECT count(*)::int AS count FROM idempotency_keys';
        return (await database.statement<{ count: number }>('', text, []))[0]?.count ?? 0;
      },
      close,
    };
  });
});
