/**
 * The edge proxy: a process of its own between clients and instances. It is started by the agent,
 * outlives it, and serves from its own copy of the routing tables until it is told otherwise.
 *
 *   node edge-proxy.main.js <home folder> <host traffic comes in at>
 */
import { randomBytes } from 'node:crypto';
import { homeOf } from './home.js';
import { writeDurably } from './processes/durable-file.store.js';
import { identityOf } from './processes/process-identity.probe.js';
import { controlServer } from './proxy/control.controller.js';
import { listen } from './proxy/fleet-traffic.js';
import { Traffic } from './proxy/traffic.runner.js';

const [folder, host] = process.argv.slice(2);
if (folder === undefined || host === undefined) {
  process.stderr.write('usage: edge-proxy.main.js <home folder> <host>\n');
  process.exit(64);
}

const home = homeOf(folder);
const traffic = new Traffic(home.routes, host);
await traffic.open();

const token = randomBytes(32).toString('hex');
const controlPort = await listen(controlServer(traffic, token), 0, '127.0.0.1');
const self = await identityOf(process.pid);
if (self === null) throw new Error('the edge proxy does not find its own process');
await writeDurably(home.proxy, JSON.stringify({ ...self, controlPort, token }));

// A fault in one exchange must not take everybody's traffic down.
process.on('uncaughtException', (error) => {
  process.stderr.write(`${new Date().toISOString()} ${error.stack ?? error.message}\n`);
});
process.on('SIGTERM', () => process.exit(0));
