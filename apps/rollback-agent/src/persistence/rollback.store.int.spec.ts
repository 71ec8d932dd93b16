import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createDataSource } from '#postgres/data-source.js';
import { migrate } from '#postgres/migrate.js';
import { PgServiceDatabase } from '#postgres/pg-service-database.js';
import { Plumbing1700000000000 } from '#postgres/plumbing-migration.js';
import { aWork, rollbackStoreContract, SOMETHING_ASKED } from './rollback.contract.js';
import { Rollbacks1700000002000 } from './rollback.migration.js';
import { PgRollbackStore } from './rollback.pg.store.js';

let schemas = 0;

async function open() {
  schemas += 1;
  const schema = `rollback_test_${String(process.pid)}_${String(Date.now())}_${String(schemas)}`;
  const dataSource = createDataSource({
    url: process.env['DATABASE_URL'] ?? '',
    schema,
    migrations: [Plumbing1700000000000, Rollbacks1700000002000],
  });
  await migrate(dataSource, { schema });
  await dataSource.initialize();
  const database = new PgServiceDatabase(dataSource, 'test');
  const close = async (): Promise<void> => {
    await dataSource.query(`DROP SCHEMA ${schema} CASCADE`);
    await database.close();
  };
  return { store: new PgRollbackStore(database), close };
}

rollbackStoreContract('Postgres', open);

describe('a large rollback in tables that nobody has analysed yet', () => {
  const COUNT = 10_000;
  let under: Awaited<ReturnType<typeof open>>;

  beforeAll(async () => {
    under = await open();
  });

  afterAll(() => under.close());

  test('moves batch after batch, each within the time of a statement', async () => {
    const { store } = under;
    const work = aWork({ executionId: randomUUID() });
    const instances = Array.from({ length: COUNT }, (_, index) => {
      return { index, instanceId: `i-${String(index)}`, version: '1.0.0' };
    });
    await store.transaction(async (tx) => {
      await tx.insert({ work, asked: SOMETHING_ASKED });
      await tx.addInstances(work, instances, 0);
    });
    const select = { by: 'NEXT', count: 500 } as const;
    const plain = { begins: false, reason: null, settledFrom: null };
    // With a plan that compares all with all, these run into the time limit of a statement.
    for (let moved = 0; moved < COUNT; moved += select.count) {
      const move = { select, from: 'UNSEEN', to: 'UP', ...plain } as const;
      await store.transaction((tx) => tx.apply(work, [move], 1));
    }
    expect(await store.next(work, 'UP', COUNT)).toHaveLength(COUNT);
  }, 60_000);
});
