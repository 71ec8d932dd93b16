import { DataSource } from 'typeorm';
import { MigrationExecutor } from 'typeorm/migration/MigrationExecutor.js';
import { startupOptions } from './data-source.js';
import { LOCK_TIMEOUT_MS, MIGRATION_TIMEOUT_MS } from './postgres-limits.js';

/**
 * Creates the schema when it is missing and runs the migrations that are pending, each in its own
 * transaction. Replicas that start together wait for the first, then find nothing to do. Returns
 * the names of those that ran. `dataSource` need not be initialized: it is asked for its settings
 * alone, because the bounds of its connections are far below what a migration may take.
 */
export async function migrate(
  dataSource: DataSource,
  { schema }: { schema: string },
): Promise<string[]> {
  const own = new DataSource({
    ...dataSource.options,
    schema,
    applicationName: `${schema} migrating`,
    poolSize: 1,
    extra: {
      options: startupOptions({ search_path: schema, lock_timeout: MIGRATION_TIMEOUT_MS }),
    },
  } as typeof dataSource.options);
  await own.initialize();
  const runner = own.createQueryRunner();
  try {
    // Of the session, not of a transaction: it spans all migrations. Its end frees it in any case.
    await runner.query(`SELECT pg_advisory_lock(hashtextextended($1, 0))`, [`migrate ${schema}`]);
    // From here on others stand behind what a migration waits for: rather fail and be started again.
    await runner.query(`SET lock_timeout = ${String(LOCK_TIMEOUT_MS)}`);
    await runner.query(`CREATE SCHEMA IF NOT EXISTS "${schema}"`);
    const executor = new MigrationExecutor(own, runner);
    executor.transaction = 'each';
    const ran = await executor.executePendingMigrations();
    await runner.query(`SELECT pg_advisory_unlock_all()`);
    return ran.map(({ name }) => name);
  } finally {
    await runner.release();
    await own.destroy();
  }
}
