/**
 * `npm run demo [-- <name>]`: the product at work, from nothing: servers, services, a fleet under
 * load, and upgrades of it, by the strategy of that name. Ends all it started; exit code 0 only
 * when everything it promises was true.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand, say, type Command } from './command.js';
import { EventLog, type Demonstration, type Stage } from './demo/demonstration.js';
import { followProgress } from './demo/progress-feed.js';
import { watchRoom } from './demo/room-watch.js';
import { screenFor, type Screen } from './demo/screen.js';
import type { Verdict } from './demo/summary.js';
import { menu, variantOf } from './demo/variants.js';
import {
  COMPONENT,
  FIRST_VERSION,
  INSTANCES,
  registerExample,
  targetOf,
} from './product/example-fleet.js';
import { startProduct, type Product } from './product/product.js';
import { startStack } from './stack/stack.js';

await runCommand(async (command) => {
  const variant = variantOf(process.argv.slice(2));
  if (typeof variant === 'string') {
    console.error(variant);
    return 2;
  }
  const named = Boolean(process.env['KAFKA_BROKERS'] && process.env['DATABASE_URL']);
  // What an earlier demo left must not decide how this one ends: a throw-away stack of its own.
  const stack = await startStack({ private: !named, report: say });
  command.onEnd(() => stack.stop());
  const folder = mkdtempSync(join(tmpdir(), 'upgrade-demo-'));
  let isAllWell = false;
  command.onEnd(() => {
    // What went wrong can only be found out from the logs: then they stay.
    if (isAllWell || command.interrupted.aborted) rmSync(folder, { recursive: true, force: true });
  });
  const onEnd = (stop: () => Promise<void>): void => command.onEnd(stop);
  const { env = {} } = variant;
  const product = await startProduct({ stack, ports: 'private', folder, report: say, onEnd, env });
  try {
    const code = await show(variant, product, command);
    isAllWell = code === 0;
    return code;
  } catch (error) {
    if (command.interrupted.aborted) return undefined;
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${reason}\nthe services' logs are in ${product.logFolder}`, { cause: error });
  }
});

async function show(
  variant: Demonstration,
  product: Product,
  command: Command,
): Promise<number | undefined> {
  const events = new EventLog();
  const screen = screenFor(process.stdout, process.env);
  const feed = await followProgress(product.kafkaBrokers, events.add, (problem) => {
    screen.say(problem);
  });
  command.onEnd(() => feed.stop());
  const { instanceIds, trafficUrl } = await product.ensureFleet(
    COMPONENT,
    FIRST_VERSION,
    INSTANCES,
  );
  const target = targetOf(product.urls['fleet-agent'], COMPONENT);
  const stage: Stage = {
    api: (actor) => product.api(actor),
    watchRoom: () => watchRoom(product.urls['fleet-agent'], COMPONENT),
    fleet: await registerExample(product.api('demo'), target, tenant()),
    instanceIds,
    trafficUrl,
    screen,
    events,
    interrupted: command.interrupted,
  };
  return conclude(await variant.run(stage), screen, product);
}

/** On servers that outlive the demo, an earlier one may have left its deployment on any version. */
function tenant(): string {
  return `demo-${randomUUID().slice(0, 8)}`;
}

function conclude({ lines, problems }: Verdict, screen: Screen, product: Product): number {
  screen.say('');
  for (const line of lines) screen.say(line);
  screen.say('');
  if (problems.length > 0) {
    for (const problem of problems) console.error(`✗ ${problem}`);
    console.error(`the services' logs are in ${product.logFolder}`);
    return 1;
  }
  screen.say('✓ all ended as they should, no event is missing, every promise was kept');
  screen.say('Next: `npm start` leaves it running for you, with an upgrade to begin by curl;');
  screen.say('the README explains what you saw. More: `npm run demo -- <name>`, where name is');
  screen.say(menu());
  return 0;
}
