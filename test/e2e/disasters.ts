/** A stack of its own that a test may lose: Kafka for good, or the database back to a backup. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { Finding } from '../../tools/doctor/finding.js';
import { startStack, type Stack } from '../../tools/stack/stack.js';
import type { ServiceName } from '../../tools/product/product.js';
import type { TestedProduct } from './product.js';

const ROOT = join(import.meta.dirname, '..', '..');

/** Those that have a schema; the fleet agent is the outside world, and lives on. */
const SERVICES: readonly ServiceName[] = [
  'orchestrator',
  'validator',
  'canary-monitor',
  'rollback-agent',
];

export async function stopServices({ product }: TestedProduct): Promise<void> {
  await Promise.all(SERVICES.map((name) => product.services[name].stop()));
}

export async function startServices({ product }: TestedProduct): Promise<void> {
  await Promise.all(SERVICES.map((name) => product.services[name].start()));
}

export interface LosableStack extends Stack {
  /** A new Kafka with nothing in it takes the place of the old one, on its port. */
  loseKafka(): Promise<void>;
}

export async function startLosable(): Promise<LosableStack> {
  const stack = await startStack({ private: true });
  const loseKafka = async (): Promise<void> => {
    await stack.kafka.kill();
    rmSync(kafkaFilesOf(stack), { recursive: true });
    await stack.kafka.start();
  };
  return { ...stack, loseKafka };
}

/** Of the private stacks that may be on this machine, the one whose broker listens there. */
function kafkaFilesOf({ kafkaBrokers }: Stack): string {
  const roots = readdirSync(tmpdir()).filter((name) => name.startsWith('upgrade-stack-'));
  const found = roots
    .map((name) => join(tmpdir(), name, 'kafka'))
    .find((folder) => {
      const settings = join(folder, 'server.properties');
      return existsSync(settings) && readFileSync(settings, 'utf8').includes(`//${kafkaBrokers},`);
    });
  if (found === undefined) throw new Error(`no files of the Kafka at ${kafkaBrokers} were found`);
  return join(found, 'data');
}

/** The product's own, beside the one that the stack comes with. */
export async function databaseOf(stack: Stack): Promise<string> {
  const rows = await administered<{ datname: string }>(stack.databaseUrl, [
    `SELECT datname FROM pg_database WHERE datname LIKE 'e2e_%' AND datname NOT LIKE '%_backup'`,
  ]);
  const url = new URL(stack.databaseUrl);
  url.pathname = `/${rows[0]?.datname ?? ''}`;
  return url.href;
}

/** A copy of the database as it is; nobody may be connected to it. */
export async function backUp(databaseUrl: string): Promise<void> {
  const name = nameOf(databaseUrl);
  await administered(databaseUrl, [`CREATE DATABASE ${name}_backup TEMPLATE ${name}`]);
}

/** The database is what it was at the backup, and nothing that came after. */
export async function restore(databaseUrl: string): Promise<void> {
  const name = nameOf(databaseUrl);
  await administered(databaseUrl, [
    `DROP DATABASE ${name} WITH (FORCE)`,
    `CREATE DATABASE ${name} TEMPLATE ${name}_backup`,
  ]);
}

function nameOf(databaseUrl: string): string {
  return new URL(databaseUrl).pathname.slice(1);
}

async function administered<Row>(
  databaseUrl: string,
  statements: readonly string[],
): Promise<Row[]> {
  const url = new URL(databaseUrl);
  url.pathname = '/postgres';
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  const rows: Row[] = [];
  for (const statement of statements) rows.push(...((await client.query(statement)).rows as Row[]));
  await client.end();
  return rows;
}

export interface Report {
  readonly exitCode: number | null;
  readonly findings: readonly Finding[];
  readonly notLookedAt: readonly string[];
  readonly repaired: readonly string[];
  readonly left: readonly Finding[];
  readonly errors: string;
}

/** `npm run doctor -- --json`, as an operator would run it. */
export async function askDoctor(
  servers: { readonly kafkaBrokers: string; readonly databaseUrl: string },
  args: readonly string[] = [],
): Promise<Report> {
  const entry = [join('tools', 'bootstrap.mjs'), join('tools', 'doctor.ts'), '--json', ...args];
  const env = {
    ...process.env,
    KAFKA_BROKERS: servers.kafkaBrokers,
    DATABASE_URL: servers.databaseUrl,
    NODE_OPTIONS: '',
  };
  const child = spawn(process.execPath, entry, { cwd: ROOT, env });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()));
  const exitCode = await new Promise<number | null>((done) => child.on('close', done));
  const empty = { findings: [], notLookedAt: [], repaired: [], left: [] };
  const report = said.stdout === '' ? {} : (JSON.parse(said.stdout) as Partial<Report>);
  return { ...empty, ...report, exitCode, errors: said.stderr };
}

export function codesOf({ findings }: Report): string[] {
  return [...new Set(findings.map(({ code }) => code))].sort();
}
