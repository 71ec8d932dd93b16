import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  createServer,
  get,
  type IncomingHttpHeaders,
  type RequestListener,
  type Server,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { PROXY_LIMITS } from '../src/fleet-agent-limits.js';
import { metricOver } from '../src/proxy/traffic-counts.js';
import { forward } from '../src/proxy/forward.js';
import { RoutingTable } from '../src/proxy/routing.js';

let servers: Server[];
let table: RoutingTable;
let url: string;
let silenceMs: number | undefined;
beforeEach(async () => {
  servers = [];
  silenceMs = undefined;
  table = new RoutingTable();
  const port = await serve((incoming, answer) => forward(() => table, incoming, answer, silenceMs));
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

function errorRate(): number | null {
  const counts = table.upstreams.map((upstream) => upstream.counts);
  return metricOver('error_rate', counts, performance.now());
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

  it('is not sent to another when its body has flowed already', async () => {
    const seen: string[] = [];
    route([await serve(breaksOff(seen)), await serve(breaksOff(seen))]);
    expect((await fetch(url, { method: 'PUT', body: 'x' })).status).toBe(502);
    expect(seen).toEqual(['PUT']);
  });

  it('is sent to another when it can do none', async () => {
    const seen: string[] = [];
    route([await serve(breaksOff(seen)), await serve(answers)]);
    const texts = await Promise.all([1, 2].map(async () => (await fetch(url)).text()));
    expect(texts).toEqual(['well', 'well']);
    expect(seen).toEqual(['GET']);
  });

  it('is offered to a bounded number of them', async () => {
    const seen: string[] = [];
    const port = await serve(breaksOff(seen));
    route(Array.from({ length: PROXY_LIMITS.attemptsMax + 2 }, () => port));
    expect((await fetch(url)).status).toBe(502);
    expect(seen).toHaveLength(PROXY_LIMITS.attemptsMax);
  });

  it('is not waited for without end, nor sent to another when it could do harm', async () => {
    silenceMs = 100;
    const silent = await serve((incoming) => void incoming.resume());
    route([silent, silent]);
    const answer = await fetch(url, { method: 'POST', body: 'x' });
    expect(answer.status).toBe(504);
  });

  it('ends at the instance when its client goes', async () => {
    const leave = new AbortController();
    let ended = (): void => undefined;
    const isEnded = new Promise<void>((resolve) => (ended = resolve));
    route([
      await serve((_, answer) => {
        answer.once('close', ended);
        leave.abort();
      }),
    ]);
    await expect(fetch(url, { signal: leave.signal })).rejects.toThrow('aborted');
    await isEnded;
  });

  it('says nothing of the instance when it was cut', async () => {
    route([await serve(() => table.upstreams[0]?.cutAll())]);
    await expect(fetch(url)).rejects.toThrow();
    expect(errorRate()).toBeNull();
  });
});

it('an instance is told who asks, behind whom else it came through, and nothing for the proxy', async () => {
  const told: IncomingHttpHeaders[] = [];
  route([
    await serve((incoming, answer) => {
      told.push(incoming.headers);
      answer.end();
    }),
  ]);
  const headers = { connection: 'x-hop', 'x-hop': '1', te: 'trailers', 'x-kept': '2' };
  const before = { 'x-forwarded-for': '192.0.2.7' };
  for (const sent of [headers, { ...headers, ...before }]) {
    await new Promise((resolve) => get(url, { headers: sent }, resolve));
  }
  expect(told.map((each) => each['x-forwarded-for'])).toEqual([
    '127.0.0.1',
    '192.0.2.7, 127.0.0.1',
  ]);
  for (const each of told) {
    expect(each).toMatchObject({ 'x-kept': '2' });
    expect(Object.keys(each)).not.toEqual(expect.arrayContaining(['x-hop']));
    expect(each['te']).toBeUndefined();
  }
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

it.each([
  [500, 1],
  [499, 0],
])('an instance that answers %d is counted as one that failed: %d', async (status, rate) => {
  route([
    await serve((incoming, answer) => {
      incoming.resume();
      answer.writeHead(status).end();
    }),
  ]);
  expect((await fetch(url)).status).toBe(status);
  expect(errorRate()).toBe(rate);
});

it('with nobody admitted it is refused as 503', async () => {
  route([await serve(answers)]);
  for (const upstream of table.upstreams) upstream.takeOff();
  expect((await fetch(url)).status).toBe(503);
});
