import { existsSync, rmSync } from 'node:fs';
import { removeFromDocker } from './docker.js';
import { endProcess } from './processes.js';
import { countUsers, readState, removeState, removeUser, withLock } from './state.js';

const KAFKA_STOP_LIMIT_MS = 8_000;
const POSTGRES_STOP_LIMIT_MS = 8_000;

/** Ends what a stack's state file names. The caller holds the stack's lock. */
export async function endServers(root: string, files: boolean): Promise<void> {
  const { kafka, postgres, docker } = readState(root);
  await Promise.all([
    kafka?.process && endProcess(kafka.process, { limitMs: KAFKA_STOP_LIMIT_MS }),
    // SIGINT is Postgres' "fast" shutdown; SIGTERM would wait for its clients.
    postgres?.process &&
      endProcess(postgres.process, { ask: 'SIGINT', limitMs: POSTGRES_STOP_LIMIT_MS }),
    docker && removeFromDocker(docker, files),
  ]);
  removeState(root);
  if (files && postgres) rmSync(postgres.folder, { recursive: true, force: true });
}

/**
 * Takes one user off a stack and ends the stack with its last one, unless it was started to stay.
 * The command itself calls this, or its watchdog when the command died.
 */
export async function releaseStack(root: string, user: string, throwAway: boolean): Promise<void> {
  if (!existsSync(root)) return;
  await withLock(root, async () => {
    removeUser(root, user);
    if (readState(root).kept || countUsers(root) > 0) return;
    await endServers(root, throwAway);
  });
  if (throwAway) rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}
