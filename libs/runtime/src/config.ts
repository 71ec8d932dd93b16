import { hostname } from 'node:os';
import { z } from 'zod';
import {
  EXIT_CONFIG,
  SHUTDOWN_TIMEOUT_DEFAULT_MS,
  SHUTDOWN_TIMEOUT_MAX_MS,
} from './runtime-limits.js';

/** One row of the configuration table in the documentation. */
export interface ConfigRow {
  readonly name: string;
  /** The default as text; undefined: the variable must be set, or may stay unset (`required`). */
  readonly default: string | undefined;
  readonly required: boolean;
  readonly unit: string | undefined;
  readonly description: string;
}

/** What `.meta({...})` of a variable may say besides zod's own `description`. */
export interface ConfigMeta {
  readonly description: string;
  readonly unit?: string;
  /** For a default that differs from process to process. */
  readonly defaultText?: string;
}

/** The environment does not fit the schema. The message names every variable at fault at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly exitCode = EXIT_CONFIG;
}

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** A whole number from text, within bounds. */
export function wholeNumber(min: number, max: number): z.ZodCoercedNumber {
  return z.coerce.number().int().min(min).max(max);
}

/** A list of `host:port`, separated by commas. */
export const hostPortList = z
  .string()
  .transform((text) => text.split(',').map((part) => part.trim()))
  .refine((list) => list.every((part) => /^[^\s:]+:\d{1,5}$/.test(part)), {
    message: 'Invalid list: expected host:port, separated by commas',
  });

/**
 * The variables every service process has; a service extends it: `serviceSettings(8084).extend({…})`.
 * `defaultPort` is the service's own.
 */
export function serviceSettings(defaultPort: number) {
  return z.object({
    PORT: wholeNumber(0, 65_535)
      .default(defaultPort)
      .meta({ description: 'TCP port of the HTTP API, /livez, /readyz and /metrics; 0: any free' }),
    HOST: z.string().default('127.0.0.1').meta({
      description: 'Address the HTTP server listens on; 0.0.0.0 in a container',
    }),
    DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).meta({
      description: 'Postgres, as postgres://user:password@host:port/database',
    }),
    KAFKA_BROKERS: hostPortList.meta({
      description: 'Kafka brokers to begin with, as host:port, separated by commas',
    }),
    LOG_LEVEL: z
      .enum(LOG_LEVELS)
      .default('info')
      .meta({ description: `Least level that is logged: ${LOG_LEVELS.join(', ')}` }),
    REPLICA_ID: z
      .string()
      .max(200)
      .default(() => `${hostname()}-${String(process.pid)}`)
      .meta({
        description: 'Name of this process in leases, logs and metrics; unique among replicas',
        defaultText: '<host name>-<process id>',
      }),
    EGRESS_LINK_LOCAL: z
      .enum(['true', 'false'])
      .default('false')
      .transform((text) => text === 'true')
      .meta({
        description:
          'Agents, smoke tests and Prometheus may be at link-local and metadata addresses; ' +
          'loopback and private networks always may',
        defaultText: 'false',
      }),
    SHUTDOWN_TIMEOUT_MS: wholeNumber(100, SHUTDOWN_TIMEOUT_MAX_MS)
      .default(SHUTDOWN_TIMEOUT_DEFAULT_MS)
      .meta({ description: 'How long an end in good order may take before it is cut', unit: 'ms' }),
  });
}

/**
 * Reads the environment by a schema whose keys are variable names. A variable set to nothing counts
 * as not set.
 * @throws ConfigError that names every bad or missing variable with what was expected, never with
 *   the value found: it may be a secret
 */
export function loadConfig<T extends z.ZodObject>(
  schema: T,
  env: Readonly<Record<string, string | undefined>>,
): z.output<T> {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const result = schema.safeParse(present);
  if (result.success) return result.data;
  const lines = result.error.issues.map((issue) => {
    const name = String(issue.path[0] ?? '');
    const isMissing = present[name] === undefined;
    const about = metaOf(schema.shape[name] as z.ZodType | undefined).description ?? '';
    return `  ${name}: ${isMissing ? 'is not set' : issue.message} (${about})`;
  });
  throw new ConfigError(`configuration cannot be used:\n${lines.join('\n')}`);
}

/** As `loadConfig`, for the first line of a main.ts: says what is wrong and exits with code 78. */
export function configOrExit<T extends z.ZodObject>(schema: T, env = process.env): z.output<T> {
  try {
    return loadConfig(schema, env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return process.exit(error.exitCode);
  }
}

/** The rows of the configuration table, in the schema's order. */
export function describeConfig(schema: z.ZodObject): ConfigRow[] {
  return Object.entries(schema.shape).map(([name, field]) => {
    const type = field as z.ZodType;
    const meta = metaOf(type);
    const fallback = type.safeParse(undefined);
    return {
      name,
      default: meta.defaultText ?? (fallback.success ? textOfDefault(fallback.data) : undefined),
      required: !fallback.success,
      unit: meta.unit,
      description: meta.description ?? '',
    };
  });
}

function textOfDefault(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** What was said of a variable, wherever in its chain of wrappers. */
function metaOf(field: z.ZodType | undefined): Partial<ConfigMeta> {
  for (let type = field; type !== undefined;) {
    const meta = type.meta();
    if (meta !== undefined) return meta as Partial<ConfigMeta>;
    type = (type.def as { innerType?: z.ZodType }).innerType;
  }
  return {};
}
