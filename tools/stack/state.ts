import { randomUUID } from 'node:crypto';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, ownIdentity, type ProcessIdentity } from './processes.js';

/** One server of a stack, as the next command has to know it. */
export interface ServerState {
  readonly port: number;
  /** Its files; Postgres may not be able to enter the stack's own folder. */
  readonly folder: string;
  /** Missing while it is stopped on purpose. */
  process?: ProcessIdentity | undefined;
}

export interface KafkaState extends ServerState {
  readonly controllerPort: number;
}

export interface DockerState {
  readonly project: string;
  readonly kafkaPort: number;
  readonly postgresPort: number;
}

/** What stands in a stack's state file; written before anything waits for a server to answer. */
export interface StackState {
  /** Started to stay: only `stack:stop` ends it. */
  kept: boolean;
  kafka?: KafkaState;
  postgres?: ServerState;
  docker?: DockerState;
}

/** The folders and files of a stack. */
export function stackFiles(root: string) {
  return {
    state: join(root, 'state.json'),
    lock: join(root, 'lock'),
    users: join(root, 'users'),
    logs: join(root, 'logs'),
  };
}

/** The state as last written; an empty one when there is none or it cannot be read. */
export function readState(root: string): StackState {
  try {
    return JSON.parse(readFileSync(stackFiles(root).state, 'utf8')) as StackState;
  } catch {
    return { kept: false };
  }
}

/** Replaces the state file as a whole, so that no reader sees half of it. */
export function writeState(root: string, state: StackState): void {
  const { state: file } = stackFiles(root);
  writeFileSync(`${file}.new`, JSON.stringify(state, null, 2), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** Forgets a stack that is no longer running. */
export function removeState(root: string): void {
  rmSync(stackFiles(root).state, { force: true });
}

function readIdentity(file: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity;
  } catch {
    return undefined;
  }
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  } finally {
    rmSync(from, { force: true });
  }
}

/**
 * Runs one change of a stack at a time. Its holder is a process with its start time, so a lock
 * left behind by a dead one is noticed and taken over.
 */
export async function withLock<Result>(
  root: string,
  change: () => Promise<Result>,
): Promise<Result> {
  const { lock } = stackFiles(root);
  mkdirSync(root, { recursive: true });
  const own = ownIdentity();
  const candidate = `${lock}.${randomUUID()}`;
  for (;;) {
    // Linking a finished file is atomic: nobody ever reads a lock without its holder.
    writeFileSync(candidate, JSON.stringify(own));
    if (tryLink(candidate, lock)) break;
    const holder = readIdentity(lock);
    if (holder && !isAlive(holder)) rmSync(lock, { force: true });
    await sleep(50);
  }
  try {
    return await change();
  } finally {
    rmSync(lock, { force: true });
  }
}

/** Records that this process uses the stack; the name is given back to `removeUser`. */
export function addUser(root: string, user: ProcessIdentity): string {
  const { users } = stackFiles(root);
  mkdirSync(users, { recursive: true });
  const name = `${String(user.pid)}-${randomUUID()}`;
  writeFileSync(join(users, name), JSON.stringify(user));
  return name;
}

/** Takes back one `addUser`. */
export function removeUser(root: string, name: string): void {
  rmSync(join(stackFiles(root).users, name), { force: true });
}

/** How many live processes use the stack; what dead ones left behind is removed. */
export function countUsers(root: string): number {
  const { users } = stackFiles(root);
  if (!existsSync(users)) return 0;
  let live = 0;
  for (const name of readdirSync(users)) {
    const user = readIdentity(join(users, name));
    if (user && isAlive(user)) live += 1;
    else rmSync(join(users, name), { force: true });
  }
  return live;
}
