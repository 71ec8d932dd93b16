import { join } from 'node:path';
import { execute } from './requirements.js';
import type { DockerState } from './state.js';

export type DockerService = 'kafka' | 'postgres';

const root = join(import.meta.dirname, '..', '..');

/** The services of docker-compose.yml that a stack needs, under a project name of its own. */
async function compose(state: DockerState, ...args: string[]): Promise<void> {
  const env = {
    ...process.env,
    KAFKA_PORT: String(state.kafkaPort),
    POSTGRES_PORT: String(state.postgresPort),
  };
  const done = await execute('docker', ['compose', '-p', state.project, ...args], {
    cwd: root,
    env,
  });
  if (done.code !== 0) throw new Error(`docker compose ${args.join(' ')} failed:\n${done.output}`);
}

/** Starts services and returns when their health checks pass. */
export async function startInDocker(
  state: DockerState,
  services: readonly DockerService[],
): Promise<void> {
  await compose(state, 'up', '-d', '--wait', ...services);
}

/** Stops one service in order, its files kept. */
export async function stopInDocker(state: DockerState, service: DockerService): Promise<void> {
  await compose(state, 'stop', service);
}

/** Ends one service at once, its files kept. */
export async function killInDocker(state: DockerState, service: DockerService): Promise<void> {
  await compose(state, 'kill', '-s', 'SIGKILL', service);
}

/** Removes a project's containers and networks, and its files too when asked. */
export async function removeFromDocker(state: DockerState, files: boolean): Promise<void> {
  await compose(state, 'down', '--remove-orphans', ...(files ? ['--volumes'] : []));
}
