/** `npm run stack:clean`: ends this checkout's Kafka and Postgres and removes their files. */
import { existsSync, rmSync } from 'node:fs';
import { runCommand, say } from '../command.js';
import { choosePostgresFolder } from './postgres.js';
import { endServers } from './release.js';
import { STACK_FOLDER } from './stack.js';
import { withLock } from './state.js';

await runCommand(async () => {
  if (!existsSync(STACK_FOLDER)) {
    say('there is nothing to remove');
    return 0;
  }
  await withLock(STACK_FOLDER, () => endServers(STACK_FOLDER, true));
  // The state of a stopped stack no longer names it, and it may lie outside the stack's folder.
  rmSync(choosePostgresFolder(STACK_FOLDER), { recursive: true, force: true });
  rmSync(STACK_FOLDER, { recursive: true, force: true });
  say('the stack and its files are removed');
  return 0;
});
