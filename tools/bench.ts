/** `npm run bench [-- --quick]`: own servers, the built services, ratios within one run. */
import { bench } from '../test/bench/bench.js';
import { startProduct } from '../test/bench/ours.js';
import { runCommand, say } from './command.js';
import { buildWhenStale } from './dist.js';
import { choosePort } from './stack/ports.js';
import { startStack } from './stack/stack.js';

await runCommand(async (command) => {
  const quick = process.argv.includes('--quick');
  await buildWhenStale(say);
  const stack = await startStack({ private: true, report: say });
  command.onEnd(() => stack.stop());
  const product = await startProduct(stack, [await choosePort(18_084), await choosePort(18_085)]);
  command.onEnd(() => product.stop());
  await bench(stack, product, quick);
  return 0;
});
