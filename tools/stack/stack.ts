import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { killInDocker, startInDocker, stopInDocker, type DockerService } from './docker.js';
import { guardStack } from './guard.js';
import {
  fetchKafka,
  isBrokerReady,
  isKafkaFetched,
  KAFKA_VERSION,
  seconds,
  startKafka,
} from './kafka.js';
import { answers, choosePort, LOOPBACK } from './ports.js';
import { choosePostgresFolder, databaseUrl, isDatabaseReady, startPostgres } from './postgres.js';
import {
  endProcess,
  isAlive,
  ownIdentity,
  signal,
  waitForEnd,
  type ProcessIdentity,
} from './processes.js';
import { releaseStack } from './release.js';
import { chooseKafkaProvider, type Report } from './requirements.js';
import {
  addUser,
  readState,
  stackFiles,
  withLock,
  writeState,
  type ServerState,
  type StackState,
} from './state.js';

/** The folder of the checkout's own stack. */
export const STACK_FOLDER = join(import.meta.dirname, '..', '..', '.stack');

export type StackPart = 'kafka' | 'postgres';

export interface StackOptions {
  /** A throw-away stack: its own ports and files, whatever runs or is named elsewhere. */
  readonly private?: boolean;
  /** It stays when this command ends, until `npm run stack:stop`. */
  readonly keep?: boolean;
  /** What is needed; both when left out. */
  readonly parts?: readonly StackPart[];
  /** Receives a line whenever something takes time; silent when left out. */
  readonly report?: Report;
}

/** One server of a stack, to be taken away and given back by tests. */
export interface StackServer {
  /** Ends it in order; its files stay. */
  stop(): Promise<void>;
  /** Starts it again on the same port and files; returns when it answers. */
  start(): Promise<void>;
  /** Ends it at once, as a crash does. */
  kill(): Promise<void>;
  /** Its process; undefined while it is down, and where it is not ours or runs in Docker. */
  process(): ProcessIdentity | undefined;
}

export interface Stack {
  /** As in KAFKA_BROKERS; empty when Kafka is not part of it. */
  readonly kafkaBrokers: string;
  /** As in DATABASE_URL; empty when Postgres is not part of it. */
  readonly databaseUrl: string;
  readonly kafka: StackServer;
  readonly postgres: StackServer;
  /** Releases it: the last user ends the servers, unless the stack was started to stay. */
  stop(): Promise<void>;
}

/** What the start of one stack has to know; `external` are addresses from the environment. */
interface Start {
  readonly root: string;
  readonly isPrivate: boolean;
  readonly external: { readonly kafka?: string; readonly postgres?: string };
  readonly state: StackState;
  readonly report: Report;
}

/**
 * Finds or starts Kafka and Postgres and returns when both answer. The servers named in
 * KAFKA_BROKERS and DATABASE_URL come first; a stack that already runs in this checkout is used.
 */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const isPrivate = options.private ?? false;
  const root = isPrivate ? mkdtempSync(join(tmpdir(), 'upgrade-stack-')) : STACK_FOLDER;
  const report = options.report ?? (() => undefined);
  const parts = options.parts ?? (['kafka', 'postgres'] as const);
  const external = isPrivate ? {} : externalServers();
  await checkExternal(external, parts);

  const own = parts.filter((part) => external[part] === undefined);
  if (own.length === 0) return describe(root, external, parts, () => Promise.resolve());
  mkdirSync(stackFiles(root).logs, { recursive: true });
  const keep = options.keep ?? false;
  const user = keep ? undefined : addUser(root, ownIdentity());
  const unguard = user === undefined ? undefined : guardStack(root, user, isPrivate);
  const stop = async (): Promise<void> => {
    if (user === undefined) return;
    await releaseStack(root, user, isPrivate);
    unguard?.();
  };
  try {
    await withLock(root, async () => {
      const state = readState(root);
      state.kept ||= keep;
      await startParts({ root, isPrivate, external, state, report }, own);
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return describe(root, external, parts, stop);
}

function externalServers(): Start['external'] {
  const kafka = process.env['KAFKA_BROKERS'];
  const postgres = process.env['DATABASE_URL'];
  return { ...(kafka ? { kafka } : {}), ...(postgres ? { postgres } : {}) };
}

async function checkExternal(
  external: Start['external'],
  parts: readonly StackPart[],
): Promise<void> {
  const { kafka, postgres } = external;
  if (parts.includes('kafka') && kafka && !(await isBrokerReady(kafka))) {
    throw new Error(`KAFKA_BROKERS names ${kafka}, but no broker answers there`);
  }
  if (parts.includes('postgres') && postgres && !(await isDatabaseReady(postgres))) {
    const { host } = new URL(postgres);
    throw new Error(`DATABASE_URL names a database on ${host}, but it accepts no queries`);
  }
}

async function startParts(start: Start, parts: readonly StackPart[]): Promise<void> {
  const { state, report } = start;
  if (state.docker) return startDocker(start, parts);
  const running = await Promise.all(parts.map((part) => isRunning(state[part])));
  const missing = parts.filter((_, index) => !running[index]);
  for (const part of parts.filter((name) => !missing.includes(name))) {
    report(`${part} runs already on ${LOOPBACK}:${String(state[part]?.port)}`);
  }
  if (missing.includes('kafka')) {
    const provider = await chooseKafkaProvider(isKafkaFetched(), report);
    if (provider === 'docker') return startDocker(start, parts);
  }
  // Both are waited for even when one fails: nothing may start after the clean-up.
  const results = await Promise.allSettled(
    missing.map((part) => (part === 'kafka' ? startOwnKafka(start) : startOwnPostgres(start))),
  );
  writeState(start.root, state);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}

async function isRunning(server: ServerState | undefined): Promise<boolean> {
  if (!server?.process || !isAlive(server.process)) return false;
  return answers(server.port);
}

async function startOwnKafka({ root, isPrivate, state, report }: Start): Promise<void> {
  await fetchKafka(report);
  const began = performance.now();
  const port = await choosePort(isPrivate ? undefined : (state.kafka?.port ?? 9092));
  const controllerPort = await choosePort(isPrivate ? undefined : 9093, [port]);
  const kafka = { port, controllerPort, folder: join(root, 'kafka') };
  state.kafka = kafka;
  const log = join(stackFiles(root).logs, 'kafka.log');
  await startKafka(kafka, log, (process) => {
    state.kafka = { ...kafka, process };
    writeState(root, state);
  });
  report(`Kafka ${KAFKA_VERSION} is up on ${LOOPBACK}:${String(port)} (${seconds(began)})`);
}

async function startOwnPostgres({ root, isPrivate, state, report }: Start): Promise<void> {
  const began = performance.now();
  const port = await choosePort(isPrivate ? undefined : (state.postgres?.port ?? 5432));
  const postgres = { port, folder: choosePostgresFolder(root) };
  state.postgres = postgres;
  const log = join(stackFiles(root).logs, 'postgres.log');
  await startPostgres(postgres, log, (process) => {
    state.postgres = { ...postgres, process };
    writeState(root, state);
  });
  report(`Postgres 18 is up on ${LOOPBACK}:${String(port)} (${seconds(began)})`);
}

async function startDocker(start: Start, parts: readonly StackPart[]): Promise<void> {
  const { root, isPrivate, state, report } = start;
  const began = performance.now();
  state.docker ??= {
    project: isPrivate ? `upgrade-stack-${randomUUID().slice(0, 8)}` : 'upgrade-stack',
    kafkaPort: await choosePort(isPrivate ? undefined : 9092),
    postgresPort: await choosePort(isPrivate ? undefined : 5432),
  };
  writeState(root, state);
  report(`starting ${parts.join(' and ')} in Docker …`);
  await startInDocker(state.docker, parts);
  report(`${parts.join(' and ')} are up in Docker (${seconds(began)})`);
}

function describe(
  root: string,
  external: Start['external'],
  parts: readonly StackPart[],
  stop: () => Promise<void>,
): Stack {
  const { kafka, postgres, docker } = readState(root);
  const kafkaPort = docker?.kafkaPort ?? kafka?.port;
  const postgresPort = docker?.postgresPort ?? postgres?.port;
  const hasKafka = parts.includes('kafka');
  const hasPostgres = parts.includes('postgres');
  return {
    kafkaBrokers: hasKafka ? (external.kafka ?? `${LOOPBACK}:${String(kafkaPort)}`) : '',
    databaseUrl: hasPostgres ? (external.postgres ?? databaseUrl(Number(postgresPort))) : '',
    kafka: serverOf(root, 'kafka', hasKafka && external.kafka === undefined),
    postgres: serverOf(root, 'postgres', hasPostgres && external.postgres === undefined),
    stop,
  };
}

function serverOf(root: string, part: DockerService, ours: boolean): StackServer {
  const change = (act: (state: StackState) => Promise<void>): Promise<void> => {
    if (!ours) return Promise.reject(new Error(`${part} is not ours to stop or start`));
    return withLock(root, async () => {
      const state = readState(root);
      await act(state);
      writeState(root, state);
    });
  };
  return {
    stop: () => change((state) => stopServer(state, part)),
    kill: () => change((state) => killServer(state, part)),
    start: () => change((state) => startServer(root, state, part)),
    process: () => (ours ? readState(root)[part]?.process : undefined),
  };
}

async function stopServer(state: StackState, part: StackPart): Promise<void> {
  if (state.docker) return stopInDocker(state.docker, part);
  const server = state[part];
  if (!server?.process) return;
  const ask = part === 'postgres' ? 'SIGINT' : 'SIGTERM';
  await endProcess(server.process, { ask, limitMs: 10_000 });
  server.process = undefined;
}

async function killServer(state: StackState, part: StackPart): Promise<void> {
  if (state.docker) return killInDocker(state.docker, part);
  const server = state[part];
  if (!server?.process) return;
  signal(server.process, 'SIGKILL');
  await waitForEnd(server.process, 5_000);
  server.process = undefined;
}

async function startServer(root: string, state: StackState, part: StackPart): Promise<void> {
  if (state.docker) return startInDocker(state.docker, [part]);
  const log = join(stackFiles(root).logs, `${part}.log`);
  const server = state[part];
  if (!server) throw new Error(`${part} was never started in ${root}`);
  if (await isRunning(server)) return;
  const started = (process: NonNullable<ServerState['process']>): void => {
    server.process = process;
    writeState(root, state);
  };
  if (part === 'postgres') await startPostgres(server, log, started);
  else if (state.kafka) await startKafka(state.kafka, log, started);
}

/** Whether a stack runs in this checkout. */
export function hasStack(): boolean {
  return existsSync(stackFiles(STACK_FOLDER).state);
}
