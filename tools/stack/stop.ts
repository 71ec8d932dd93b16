/** `npm run stack:stop`: ends this checkout's Kafka and Postgres; their files stay. */
import { runCommand, say } from '../command.js';
import { endServers } from './release.js';
import { hasStack, STACK_FOLDER } from './stack.js';
import { withLock } from './state.js';

await runCommand(async () => {
  if (!hasStack()) {
    say('no stack runs in this checkout');
    return 0;
  }
  await withLock(STACK_FOLDER, () => endServers(STACK_FOLDER, false));
  say('the stack is stopped; npm run stack:clean removes its files');
  return 0;
});
