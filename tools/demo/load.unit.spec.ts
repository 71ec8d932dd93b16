import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { startLoad } from './load.js';

describe('the load', () => {
  let server: Server;

  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  async function listen(
    answer: (count: number) => number,
  ): Promise<{ url: string; seen: Set<unknown> }> {
    let count = 0;
    const seen = new Set<unknown>();
    server = createServer((request, response) => {
      count += 1;
      seen.add(request.socket);
      response.writeHead(answer(count)).end(JSON.stringify({ version: '1.0.0' }));
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    return { url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`, seen };
  }

  async function until(condition: () => boolean): Promise<void> {
    const endMs = performance.now() + 4_000;
    while (!condition() && performance.now() < endMs)
      await new Promise((done) => setImmediate(done));
    expect(condition()).toBe(true);
  }

  it('keeps some connections and opens a fresh one for each request of others', async () => {
    const { url, seen } = await listen(() => 200);
    const load = startLoad({ url, kept: 2, fresh: 1, slow: 0, pauseMs: 1, slowMs: 0 });
    await until(() => load.read().byKind.fresh >= 5 && load.read().byKind.kept >= 5);
    const { served, dropped, byVersion, byKind } = await load.stop();
    expect(dropped).toBe(0);
    expect(byVersion).toEqual({ '1.0.0': served });
    expect(seen.size).toBe(2 + byKind.fresh);
  });

  it('counts every answer that is not a 200 as dropped', async () => {
    const { url } = await listen((count) => (count === 3 ? 502 : 200));
    const load = startLoad({ url, kept: 1, fresh: 0, slow: 0, pauseMs: 1, slowMs: 0 });
    await until(() => load.read().served >= 5);
    const { dropped, problems } = await load.stop();
    expect(dropped).toBe(1);
    expect(problems[0]).toContain('kept: 502');
  });

  it('counts a connection that is cut as dropped', async () => {
    const { url } = await listen(() => 200);
    const load = startLoad({ url, kept: 1, fresh: 0, slow: 0, pauseMs: 1, slowMs: 0 });
    await until(() => load.read().served >= 1);
    server.close();
    server.closeAllConnections();
    await until(() => load.read().dropped >= 1);
    await load.stop();
  });
});
