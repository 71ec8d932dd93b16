import { databaseUrl } from './postgres.js';
import { STACK_FOLDER } from './stack.js';
import { readState } from './state.js';

/** The database a command without a stack of its own talks to. */
export function runningDatabase(): string {
  const named = process.env['DATABASE_URL'];
  if (named) return named;
  const { postgres, docker } = readState(STACK_FOLDER);
  const port = docker?.postgresPort ?? postgres?.port;
  if (port === undefined) {
    throw new Error(
      'no Postgres is known: set DATABASE_URL, or run `npm start` in another terminal',
    );
  }
  return databaseUrl(port);
}
