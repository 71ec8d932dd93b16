import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { metricOver } from '../src/proxy/traffic-counts.js';
import { forward } from '../src/proxy/forward.js';
import { RoutingTable } from '../src/proxy/routing.js';

let servers: Server[];
let table: RoutingTable;
let url: string;
beforeEach(async () => {
  servers = [];
  table = new RoutingTable();
  const port = await serve((incoming, answer) => forward(() => table, incoming, answer));
  url = `http://127.0.0.1:${String(port)}/`;
});
afterEach(() => {
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
  for (const upstream of table.upstreams) upstream.takeOff();
});

async function serve(listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function route(ports: readonly number[]): void {
  const told = ports.map((port, at) => {
    return { id: `i-${String(at)}`, port, version: '1.0.0', admitted: true };
  });
  table.tell(told, null);
}

const breaksOff =
  (seen: string[]): RequestListener =>
  (incoming, answer) => {
    incoming.resume();
    seen.push(incoming.method ?? '');
    answer.socket?.destroy();
  };
const answers: RequestListener = (incoming, answer) => {
  incoming.resume();
  answer.end('well');
};

describe('a request that an instance has received and not answered', () => {
  it('is not sent to another when it could do harm', async () => {
    const seen: string[] = [];
    route([await serve(breaksOff(seen)), await serve(breaksOff(seen))]);
    const bare = await fetch(url, { method: 'POST' });
    const full = await fetch(url, { method: 'POST', body: 'x' });
    expect([bare.status, full.status]).toEqual([502, 502]);
    expect(seen).toEqual(['POST', 'POST']);
  });

  it('is sent to another when it can do none', async () => {
    const seen: string[] = [];
    route([await serve(breaksOff(seen)), await serve(answers)]);
    const texts = await Promise.all([1, 2].map(async () => (await fetch(url)).text()));
    expect(texts).toEqual(['well', 'well']);
    expect(seen).toEqual(['GET']);
  });
});

it('a request that no instance has received goes to another one, whatever it is', async () => {
  const gone = await serve(answers);
  servers.at(-1)?.close();
  route([gone, await serve(answers)]);
  for (let n = 0; n < 3; n += 1) {
    const answer = await fetch(url, { method: 'POST', body: 'x' });
    expect([answer.status, await answer.text()]).toEqual([200, 'well']);
  }
});

it('an answer that is cut off is not passed on as if it were whole', async () => {
  const half: RequestListener = (_, answer) => {
    answer.writeHead(200, { 'transfer-encoding': 'chunked' });
    answer.write('half');
    setImmediate(() => answer.socket?.destroy());
  };
  route([await serve(half)]);
  const answer = await fetch(url);
  await expect(answer.text()).rejects.toThrow();
});

it('an instance that answers 500 is counted as one that failed', async () => {
  route([
    await serve((incoming, answer) => {
      incoming.resume();
      answer.writeHead(500).end();
    }),
  ]);
  expect((await fetch(url)).status).toBe(500);
  const counts = table.upstreams.map((upstream) => upstream.counts);
  expect(metricOver('error_rate', counts, performance.now())).toBe(1);
});

it('with nobody admitted it is refused as 503', async () => {
  route([await serve(answers)]);
  for (const upstream of table.upstreams) upstream.takeOff();
  expect((await fetch(url)).status).toBe(503);
});
