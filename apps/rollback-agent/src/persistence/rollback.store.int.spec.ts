import { randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { emptiedDatabase } from '#postgres/emptied-schema.contract.js';
import { Plumbing1700000000000 } from '#postgres/plumbing-migration.js';
import { aWork, rollbackStoreContract, SOMETHING_ASKED } from './rollback.contract.js';
import { Rollbacks1700000002000 } from './rollback.migration.js';
import { PgRollbackStore } from './rollback.pg.store.js';

const MIGRATIONS = [Plumbing1700000000000, Rollbacks1700000002000];
const open = emptiedDatabase(MIGRATIONS);

rollbackStoreContract('Postgres', async () => ({
  store: new PgRollbackStore(await open()),
  close: () => Promise.resolve(),
}));

describe('a large rollback in tables that nobody has analysed yet', () => {
  const COUNT = 10_000;
  const openFresh = emptiedDatabase(MIGRATIONS);

  test('moves batch after batch, each within the time of a statement', async () => {
    const store = new PgRollbackStore(await openFresh());
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
