import { DataSource, type MixedList, type EntitySchema } from 'typeorm';
import {
  ANSWER_TIMEOUT_MS,
  CLIENT_CHECK_INTERVAL_MS,
  CONNECT_TIMEOUT_MS,
  IDLE_IN_TRANSACTION_TIMEOUT_MS,
  KEEPALIVE_IDLE_MS,
  LOCK_TIMEOUT_MS,
  POOL_SIZE,
  STATEMENT_TIMEOUT_MS,
  TRANSACTION_TIMEOUT_MS,
} from './postgres-limits.js';

type Classes = MixedList<abstract new () => object>;

/** Where a service's tables are, and which. */
export interface DataSourceSettings {
  /** `postgres://user:password@host:port/database`, as in DATABASE_URL. */
  url: string;
  /** Of this service alone: lower-case letters, digits, `_`. Created by `migrate`. */
  schema: string;
  /** In the order of their timestamps; `Plumbing…` among them. */
  migrations?: (new () => object)[];
  /** TypeORM entities of the cold tables, if any. */
  entities?: MixedList<(new () => object) | EntitySchema>;
  /** Connections at most; default `POOL_SIZE`. */
  poolSize?: number;
  /** Shown by `pg_stat_activity`; default: the schema's name. */
  applicationName?: string;
}

/** Session settings of a connection, in Postgres' own units (milliseconds, if without one). */
export type SessionSettings = Record<string, string | number>;

/**
 * A data source with the session settings and the bounds every service shares. Not connected yet:
 * call `initialize()`. The settings travel in the start-up packet, so a connection costs no
 * statement; they need Postgres 17 or later (`transaction_timeout`).
 */
export function createDataSource(settings: DataSourceSettings): DataSource {
  const { schema, migrations = [], entities = [], poolSize = POOL_SIZE } = settings;
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) throw new Error(`not a schema name: ${schema}`);
  const { url, options } = withoutOptions(settings.url);

  return new DataSource({
    type: 'postgres',
    url,
    schema,
    migrations: migrations as Classes as never,
    entities: entities as never,
    migrationsTableName: 'migrations',
    applicationName: settings.applicationName ?? schema,
    poolSize,
    installExtensions: false,
    connectTimeoutMS: CONNECT_TIMEOUT_MS,
    // An idle connection that dies leaves the pool; nobody was using it, so nobody needs to know.
    poolErrorHandler: () => undefined,
    extra: {
      options: [options, startupOptions({ search_path: schema, ...SESSION })].join(' ').trim(),
      query_timeout: ANSWER_TIMEOUT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEPALIVE_IDLE_MS,
      // Statements are sent while answers of earlier ones are still on their way.
      pipeline: true,
    },
  });
}

/** `-c` settings for the start-up packet; a backslash keeps a space inside a value. */
export function startupOptions(settings: SessionSettings): string {
  return Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${String(value).replace(/[\\ ]/g, '\\$&')}`)
    .join(' ');
}

const SESSION: SessionSettings = {
  default_transaction_isolation: 'read committed',
  statement_timeout: STATEMENT_TIMEOUT_MS,
  lock_timeout: LOCK_TIMEOUT_MS,
  idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
  transaction_timeout: TRANSACTION_TIMEOUT_MS,
  client_connection_check_interval: CLIENT_CHECK_INTERVAL_MS,
  tcp_keepalives_idle: Math.ceil(KEEPALIVE_IDLE_MS / 1_000),
  // Statements of the hot path are set-based, with arrays whose length no plan depends on: planning
  // them anew at each call took longer than carrying them out.
  plan_cache_mode: 'force_generic_plan',
  jit: 'off',
  // A table that was made a minute ago has no statistics, and a plan made for an empty one would
  // read all of it for each row that is looked for, for as long as the connection lives. All
  // statements here go by an index, so they say so.
  enable_seqscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  enable_material: 'off',
};

// What stands in the URL wins over what is configured: with `?options=` in it our search path would
// be lost, and the tables of all services would meet in `public`. So both are joined.
function withoutOptions(text: string): { url: string; options: string } {
  const url = new URL(text);
  const options = url.searchParams.get('options') ?? '';
  url.searchParams.delete('options');
  return { url: url.href, options };
}
