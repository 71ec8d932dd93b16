/** A schema that the tests of a file share: to migrate takes much longer than to empty what is there. */
import { randomUUID } from 'node:crypto';
import { afterAll } from '@jest/globals';
import pg from 'pg';
import { createDataSource, type DataSourceSettings } from './data-source.js';
import { migrate } from './migrate.js';
import { PgServiceDatabase } from './pg-service-database.js';

type Migrations = NonNullable<DataSourceSettings['migrations']>;

// To truncate costs files, also where there is nothing: most tests write to a few tables. Sequences
// go on, so that no id comes twice. The rows that the migrations made are as they made them.
const EMPTY = (schema: string): string => `
  DO $$
  DECLARE
    one regclass;
    is_used boolean;
  BEGIN
    FOR one IN
      SELECT oid FROM pg_class WHERE relnamespace = '${schema}'::regnamespace AND relkind = 'r'
        AND relname NOT IN ('migrations', 'shard_leases')
    LOOP
      EXECUTE format('SELECT EXISTS (TABLE %s)', one) INTO is_used;
      IF is_used THEN EXECUTE format('TRUNCATE %s CASCADE', one); END IF;
    END LOOP;
    UPDATE ${schema}.shard_leases SET epoch = 0, owner = NULL, until = NULL WHERE epoch > 0;
  END $$`;

/** Goes with the file's last test. */
export class EmptiedSchema {
  readonly name = `t_${randomUUID().slice(0, 8)}`;
  readonly settings: Required<Pick<DataSourceSettings, 'url' | 'schema' | 'migrations'>>;
  /** An operator's connections, for what a service cannot see or do. */
  readonly operator: pg.Pool;
  #migrated: Promise<unknown> | undefined;

  constructor(migrations: Migrations) {
    const url = process.env['DATABASE_URL'] ?? '';
    this.settings = { url, schema: this.name, migrations };
    this.operator = new pg.Pool({ connectionString: url, max: 2 });
    afterAll(async () => {
      await this.operator.query(`DROP SCHEMA IF EXISTS ${this.name} CASCADE`);
      await this.operator.end();
    });
  }

  /** Nothing is in it but what the migrations brought. */
  async empty(): Promise<void> {
    this.#migrated ??= migrate(createDataSource(this.settings), { schema: this.name });
    await this.#migrated;
    await this.operator.query(EMPTY(this.name));
  }

  /** Ends whatever connections services have to it, also those that nobody closed, with their locks. */
  async disconnectAll(): Promise<void> {
    await this.operator.query(
      `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
       WHERE application_name = $1 OR starts_with(application_name, $1 || ' ')`,
      [this.name],
    );
  }
}

/** Opens one database again and again, empty each time; called where a file or a suite begins. */
export function emptiedDatabase(migrations: Migrations): () => Promise<PgServiceDatabase> {
  const schema = new EmptiedSchema(migrations);
  let database: Promise<PgServiceDatabase> | undefined;
  afterAll(async () => (await database)?.close());
  const connect = async (): Promise<PgServiceDatabase> => {
    const dataSource = createDataSource({ ...schema.settings, poolSize: 10 });
    return new PgServiceDatabase(await dataSource.initialize(), 'test');
  };
  return async () => {
    await schema.empty();
    return (database ??= connect());
  };
}
