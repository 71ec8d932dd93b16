import { emptiedDatabase } from '#postgres/emptied-schema.contract.js';
import { Plumbing1700000000000 } from '#postgres/plumbing-migration.js';
import { validationStoreContract } from './validation.contract.js';
import { VALIDATION_MIGRATIONS } from './validation.migration.js';
import { PgValidationStore } from './validation.pg.store.js';

const open = emptiedDatabase([Plumbing1700000000000, ...VALIDATION_MIGRATIONS]);

validationStoreContract('Postgres', async () => ({
  store: new PgValidationStore(await open()),
  close: () => Promise.resolve(),
}));
