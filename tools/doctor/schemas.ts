/** The schemas of the four services, and whether this code may read and write them. */
import { Plumbing1700000000000 } from '#postgres/plumbing-migration.js';
import { Watches1700000003000 } from '../../apps/canary-monitor/src/persistence/watch.migration.js';
import { MIGRATIONS } from '../../apps/orchestrator/src/persistence/migrations.js';
import { Rollbacks1700000002000 } from '../../apps/rollback-agent/src/persistence/rollback.migration.js';
import { VALIDATION_MIGRATIONS } from '../../apps/validator/src/persistence/validation.migration.js';
import type { ServiceName } from './seen.js';

interface Schema {
  readonly schema: string;
  readonly migrations: readonly (new () => object)[];
}

export const SCHEMAS: Readonly<Record<ServiceName, Schema>> = {
  orchestrator: { schema: 'orchestrator', migrations: MIGRATIONS },
  validator: {
    schema: 'validator',
    migrations: [Plumbing1700000000000, ...VALIDATION_MIGRATIONS],
  },
  'canary-monitor': {
    schema: 'canary_monitor',
    migrations: [Plumbing1700000000000, Watches1700000003000],
  },
  'rollback-agent': {
    schema: 'rollback_agent',
    migrations: [Plumbing1700000000000, Rollbacks1700000002000],
  },
};

/** Service → the migrations that its schema has; who has no schema is left out. */
export type AppliedMigrations = ReadonlyMap<ServiceName, readonly string[]>;

export type SchemaProblem = 'MISSING' | 'OLDER' | 'NEWER';

/** In words, with what to do. */
export const SCHEMA_PROBLEMS: Readonly<Record<SchemaProblem, string>> = {
  MISSING: 'it has no schema in this database; `npm run migrate` makes it',
  OLDER: 'its schema is older than this code; `npm run migrate` brings it up to it',
  NEWER: 'its schema is newer than this code; run the release that made it',
};

/** Null: the tables are those that this code knows. */
export function schemaProblem(name: ServiceName, there: AppliedMigrations): SchemaProblem | null {
  const applied = there.get(name);
  if (applied === undefined) return 'MISSING';
  const known = SCHEMAS[name].migrations.map((migration) => migration.name);
  if (known.some((each) => !applied.includes(each))) return 'OLDER';
  return applied.some((each) => !known.includes(each)) ? 'NEWER' : null;
}
