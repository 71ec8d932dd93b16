import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { SmokeCall } from '../validation.runner.js';
import { SmokeTestClient } from './smoke-test.client.js';

type Reply = (request: IncomingMessage, response: ServerResponse) => void;

/** Over real sockets: what counts is what is sent, and when it is given up. */
describe('the client of smoke tests', () => {
  const client = new SmokeTestClient(false);
  const seen: { method: string; url: string; type: string | undefined; body: string }[] = [];
  let server: Server;
  let base: string;
  let reply: Reply;

  beforeAll(async () => {
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        const { method = '', url = '', headers } = request;
        seen.push({ method, url, type: headers['content-type'], body });
        reply(request, response);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  });

  afterEach(() => {
    seen.length = 0;
  });

  afterAll(async () => {
    await client.close();
    server.closeAllConnections();
    server.close();
  });

  function call(but: Partial<SmokeCall> = {}, signal = new AbortController().signal) {
    const plain = { method: 'GET', url: `${base}/`, body: null, timeoutMs: 2_000, pauseMs: 0 };
    return client.call({ ...plain, ...but }, signal);
  }

  test('tells the status, whichever it is, and sends what it was given', async () => {
    reply = (_, response) => response.writeHead(409).end('taken');
    const url = `${base}/orders?dry=1`;
    expect(await call({ method: 'POST', url, body: { id: 1 } })).toMatchObject({
      kind: 'ANSWERED',
      status: 409,
    });
    await call({ method: 'PUT', url, body: 'as it is' });
    await call({ url });
    expect(seen).toMatchObject([
      { method: 'POST', url: '/orders?dry=1', type: 'application/json', body: '{"id":1}' },
      { method: 'PUT', type: 'text/plain; charset=utf-8', body: 'as it is' },
      { method: 'GET', type: undefined, body: '' },
    ]);
  });

  test('follows no redirect', async () => {
    reply = (_, response) => response.writeHead(302, { location: `${base}/other` }).end();
    expect(await call()).toMatchObject({ kind: 'ANSWERED', status: 302 });
    expect(seen).toHaveLength(1);
  });

  test('does not wait for a body that never ends', async () => {
    const closed = new Promise<void>((resolve) => {
      reply = (_, response) => {
        const dripping = setInterval(() => response.write('x'.repeat(65_536)), 1);
        response.writeHead(200).on('close', () => {
          clearInterval(dripping);
          resolve();
        });
      };
    });
    expect(await call()).toMatchObject({ kind: 'ANSWERED', status: 200 });
    // The other side is let go of too, or this test does not end.
    await closed;
  });

  test('gives up after the time of the test, and that is no lack of a connection', async () => {
    reply = () => undefined;
    const answer = await call({ timeoutMs: 100 });
    expect(answer).toEqual({ kind: 'NO_ANSWER', problem: 'no answer in 0.1 s' });
  });

  test.each([
    ['a header at a time', 'HTTP/1.1 200 OK\r\n', 'x: y\r\n'],
    ['interim answers', '', 'HTTP/1.1 102 Processing\r\n\r\n'],
  ])('gives up on %s without end', async (_, first, part) => {
    reply = (_request, { socket }) => {
      socket?.write(first);
      const dripping = setInterval(() => socket?.write(part), 20);
      socket?.on('close', () => {
        clearInterval(dripping);
      });
    };
    expect(await call({ timeoutMs: 300 })).toMatchObject({ kind: 'NO_ANSWER' });
  });

  test('has no answer in headers without end, nor in what is no HTTP', async () => {
    const answers = [`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(1_000_000)}\r\n\r\n`, 'SSH-2.0\r\n'];
    for (const text of answers) {
      reply = (_request, { socket }) => socket?.end(text);
      expect(await call()).toMatchObject({ kind: 'NO_ANSWER' });
    }
  });

  test('has no answer over TLS from whoever does not speak it', async () => {
    const url = base.replace('http:', 'https:');
    expect(await call({ url })).toMatchObject({ kind: 'NO_ANSWER' });
  });

  test('is cut short by whoever does not wait any more', async () => {
    reply = () => undefined;
    const given = new AbortController();
    const answer = call({}, given.signal);
    given.abort();
    expect((await answer).kind).toBe('NO_ANSWER');
  });

  test('knows a refused connection from one that breaks off after it was sent', async () => {
    const gone = createServer();
    await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve));
    const { port } = gone.address() as AddressInfo;
    await new Promise((resolve) => gone.close(resolve));
    expect((await call({ url: `http://127.0.0.1:${String(port)}/` })).kind).toBe('NOT_CONNECTED');
    reply = (request) => request.socket.destroy();
    expect((await call()).kind).toBe('NO_ANSWER');
  });

  test.each(['169.254.169.254', '[fe80::1]', '[::ffff:169.254.169.254]', '0.0.0.0', '2852039166'])(
    'does not call %s',
    async (host) => {
      const answer = await call({ url: `http://${host}/latest/meta-data/` });
      expect(answer).toMatchObject({ kind: 'NO_ANSWER' });
      expect(JSON.stringify(answer)).toContain('not called');
    },
  );

  test('has no answer for a method that cannot be sent', async () => {
    expect((await call({ method: 'GET /' })).kind).toBe('NO_ANSWER');
  });
});
