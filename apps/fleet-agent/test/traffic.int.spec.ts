import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { listen } from '../src/proxy/fleet-traffic.js';
import { Traffic } from '../src/proxy/traffic.runner.js';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'traffic-'));
});

afterEach(() => rm(folder, { recursive: true }));

describe('the traffic of an edge proxy', () => {
  it('flows by the table that was kept, before any agent has said a word', async () => {
    const file = join(folder, 'routes.json');
    const instance = createServer((_request, answer) => answer.end('from the instance'));
    const instancePort = await listen(instance, 0, '127.0.0.1');
    const spare = createServer();
    const port = await listen(spare, 0, '127.0.0.1');
    await new Promise((closed) => spare.close(closed));
    const only = { id: 'api-0000', port: instancePort, version: '1.0.0', admitted: true };
    const sets = [{ name: 'main', port: 0, instances: [only] }];
    await writeFile(file, JSON.stringify({ api: { port, live: 'main', share: null, sets } }));
    const traffic = new Traffic(file, '127.0.0.1');
    await traffic.open();
    try {
      const answer = await fetch(`http://127.0.0.1:${port}/`);
      expect(await answer.text()).toBe('from the instance');
    } finally {
      await traffic.forget('api');
      instance.closeAllConnections();
      await new Promise((closed) => instance.close(closed));
    }
  });
});
