import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { PROMETHEUS_LIMITS } from '../prometheus-limits.js';
import { NoPrometheus, PrometheusClient } from './prometheus.client.js';

const VALUE = '{"status":"success","data":{"resultType":"scalar","result":[1,"0.5"]}}';
const QUERY = 'sum(rate(errors{tenant="acme"}[1m])) / 2 & more';

describe('a Prometheus over HTTP', () => {
  let server: Server;
  let client: PrometheusClient;
  let asked: string[];
  let answers: (request: IncomingMessage, response: ServerResponse) => void;

  beforeEach(async () => {
    asked = [];
    answers = (_, response) => response.end(VALUE);
    server = createServer((request, response) => {
      asked.push(request.url ?? '');
      answers(request, response);
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    client = new PrometheusClient(`${urlOf()}/behind/`, false);
  });

  afterEach(async () => {
    await client.close();
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  });

  function urlOf(): string {
    return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  }

  function value(signal = AbortSignal.timeout(5_000)): Promise<number | null> {
    return client.value(QUERY, signal);
  }

  test('is asked below its path, with the query as it stands', async () => {
    expect(await value()).toBe(0.5);
    const [path = ''] = asked;
    const url = new URL(path, urlOf());
    expect(url.pathname).toBe('/behind/api/v1/query');
    expect(url.searchParams.get('query')).toBe(QUERY);
  });

  test('that redirects is not followed', async () => {
    answers = (_, response) => response.writeHead(307, { location: `${urlOf()}/else` }).end();
    await expect(value()).rejects.toThrow('Prometheus answered 307 (a redirect)');
    expect(asked).toHaveLength(1);
  });

  test('that answers without end is cut off', async () => {
    answers = (_, response) => {
      const more = (): void => {
        while (response.write('x'.repeat(65_536)));
      };
      response.on('drain', more).on('error', () => undefined);
      more();
    };
    const most = String(PROMETHEUS_LIMITS.answerMaxBytes);
    await expect(value()).rejects.toThrow(`more than ${most} bytes`);
  });

  test.each([
    ['says nothing', () => undefined],
    ['stops in the middle', (_: unknown, response: ServerResponse) => response.write('{')],
    [
      'drips its answer',
      (_: unknown, response: ServerResponse) => {
        const dripping = setInterval(() => response.write(' '), 20);
        response.on('close', () => {
          clearInterval(dripping);
        });
      },
    ],
    [
      'drips its headers',
      (_: unknown, { socket }: ServerResponse) => {
        socket?.write('HTTP/1.1 200 OK\r\n');
        const dripping = setInterval(() => socket?.write('x: y\r\n'), 20);
        socket?.on('close', () => {
          clearInterval(dripping);
        });
      },
    ],
  ])('that %s is not waited for longer than asked', async (_, silent) => {
    answers = silent;
    const began = performance.now();
    await expect(value(AbortSignal.timeout(200))).rejects.toThrow(/Prometheus/);
    expect(performance.now() - began).toBeLessThan(2_000);
  });

  test.each([
    ['100,000 levels', `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
    ['a page for people', '<html>please log in</html>'],
    ['half an answer', VALUE.slice(0, 20)],
    ['another shape', VALUE.replace('[1,"0.5"]', '{"__proto__":{"length":2}}')],
    ['a value that is no text', VALUE.replace('"0.5"', '1e999')],
  ])('that answers %s has answered something else', async (_, text) => {
    answers = (_request, response) => response.end(text);
    await expect(value()).rejects.toThrow('something else than its API says');
  });

  test('whose connection breaks, in the middle of an answer or of none, cannot be asked', async () => {
    answers = (request) => request.socket.resetAndDestroy();
    await expect(value()).rejects.toThrow('Prometheus cannot be asked');
    answers = (_, { socket }) => socket?.end('HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{');
    await expect(value()).rejects.toThrow('Prometheus cannot be asked');
    const secure = new PrometheusClient(urlOf().replace('http:', 'https:'), false);
    await expect(secure.value('up', AbortSignal.timeout(5_000))).rejects.toThrow('cannot be asked');
    await secure.close();
  });

  test('at a metadata address is asked where the operator allows it, and nowhere else', async () => {
    const metadata = new PrometheusClient('http://169.254.169.254', false);
    const asking = metadata.value('up', AbortSignal.timeout(5_000));
    await expect(asking).rejects.toThrow('Prometheus is at an address that is not called');
    await metadata.close();
  });

  test('that is not there is an error without its address', async () => {
    const nowhere = new PrometheusClient('http://127.0.0.1:1', false);
    const asking = nowhere.value('up', AbortSignal.timeout(5_000));
    await expect(asking).rejects.toThrow('Prometheus cannot be asked (ECONNREFUSED)');
    await nowhere.close();
  });
});

test('without a configured one every query is an error that says so', async () => {
  await expect(new NoPrometheus().value()).rejects.toThrow('no Prometheus is configured');
});
