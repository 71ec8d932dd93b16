/** `npm run build`: compiles the services and the libs into dist, when a source has changed. */
import { runCommand, say } from './command.js';
import { buildWhenStale } from './dist.js';

await runCommand(async () => {
  await buildWhenStale(say);
  return 0;
});
