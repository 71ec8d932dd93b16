import { emptiedDatabase } from '#postgres/emptied-schema.contract.js';
import { Plumbing1700000000000 } from '#postgres/plumbing-migration.js';
import { watchStoreContract } from './watch.contract.js';
import { Watches1700000003000 } from './watch.migration.js';
import { PgWatchStore } from './watch.pg.store.js';

const open = emptiedDatabase([Plumbing1700000000000, Watches1700000003000]);

watchStoreContract('Postgres', async () => ({
  store: new PgWatchStore(await open()),
  close: () => Promise.resolve(),
}));
