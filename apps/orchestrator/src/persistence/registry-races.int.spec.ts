import { describe } from '@jest/globals';
import { emptiedDatabase } from '#postgres/emptied-schema.contract.js';
import { PgExecutionStore } from './execution.pg.store.js';
import { MIGRATIONS } from './migrations.js';
import { PgRegistryStore } from './registry.pg.store.js';
import { registryRacesContract } from './registry-races.contract.js';

const FILL = `
  INSERT INTO versions
  SELECT (jsonb_populate_record(v, jsonb_build_object(
           'id', gen_random_uuid(), 'version', '2.0.' || n))).*
  FROM versions v, generate_series(1, $2::int) AS n WHERE v.id = $1`;

const open = emptiedDatabase(MIGRATIONS);

describe('what happens at once, in Postgres', () => {
  registryRacesContract(async () => {
    const database = await open();
    return {
      registry: new PgRegistryStore(database),
      executions: new PgExecutionStore(database),
      fill: async ({ id }, count) => {
        await database.statement('', FILL, [id, count]);
      },
      close: () => Promise.resolve(),
    };
  });
});
