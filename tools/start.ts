/**
 * `npm start`: Kafka, Postgres, the services and an example fleet, until Ctrl-C. A second start
 * goes on where the first ended: data, registrations and the fleet's version are kept.
 *
 *   --folder <path>   where the fleet agent's files and the services' logs lie; `.stack` left out
 */
import { parseArgs } from 'node:util';
import { runCommand, say, untilInterrupted } from './command.js';
import {
  INSTANCES,
  registerExample,
  targetOf,
  type ExampleFleet,
} from './product/example-fleet.js';
import { startProduct, type Fleet, type Product } from './product/product.js';
import { firstUpgradeCommands } from './product/upgrade-request.js';
import { STACK_FOLDER, startStack, type Stack } from './stack/stack.js';

const FLEET = 'greeter';
/** Where a fleet that is on a version goes from there. */
const NEXT_VERSION: Readonly<Record<string, string>> = { '1.0.0': '1.1.0' };

await runCommand(async (command) => {
  const { folder = STACK_FOLDER } = parseArgs({ options: { folder: { type: 'string' } } }).values;
  const stack = await startStack({ report: say });
  command.onEnd(() => stack.stop());
  const onEnd = (stop: () => Promise<void>): void => command.onEnd(stop);
  const product = await startProduct({ stack, ports: 'usual', folder, report: say, onEnd });
  command.onEnd(() => {
    say('\nending the services, the proxy and the instances …');
  });
  const { fleet, example } = await setUpExample(product);
  for (const line of whereEverythingIs(stack, product, fleet)) say(line);
  for (const line of howToBegin(product, example)) say(line);
  await untilInterrupted(command);
  return 0;
});

async function setUpExample(product: Product): Promise<{ fleet: Fleet; example: ExampleFleet }> {
  try {
    const target = targetOf(product.urls['fleet-agent'], FLEET);
    const example = await registerExample(product.api('npm start'), target);
    // A database that outlived the agent's files knows better on which version the fleet was.
    const fleet = await product.ensureFleet(FLEET, example.currentVersion, INSTANCES);
    return { fleet, example };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const where = `the services' logs are in ${product.logFolder}`;
    throw new Error(`the example could not be set up: ${reason}\n${where}`, { cause: error });
  }
}

function whereEverythingIs(stack: Stack, product: Product, fleet: Fleet): string[] {
  const { urls } = product;
  const rows: [string, string][] = [
    ['REST API', product.apiUrl],
    ['API documentation', `${urls.orchestrator}/docs`],
    ['metrics', `${urls.orchestrator}/metrics, ${urls.validator}/metrics,`],
    ['', `${urls['canary-monitor']}/metrics, ${urls['rollback-agent']}/metrics`],
    ['fleet agent', urls['fleet-agent']],
    ['the fleet', `${fleet.trafficUrl} (${String(fleet.instanceIds.length)} instances behind it)`],
    ['Kafka', `${stack.kafkaBrokers}, progress on topic upgrade.progress.v1`],
    ['Postgres', stack.databaseUrl],
    ['logs', product.logFolder],
  ];
  return ['', ...rows.map(([name, where]) => `  ${name.padEnd(18)} ${where}`)];
}

function howToBegin(product: Product, example: ExampleFleet): string[] {
  const { currentVersion } = example;
  const next = NEXT_VERSION[currentVersion] ?? '1.2.0';
  if (next === currentVersion) return ['', 'Ctrl-C ends it all.'];
  return [
    '',
    `The fleet is on ${currentVersion}. A first upgrade, to ${next}, in another terminal:`,
    '',
    ...firstUpgradeCommands(product.apiUrl, example, next).map((line) => `  ${line}`),
    '',
    'Ctrl-C ends it all.',
  ];
}
