import { connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { REQUEST_LIMITS } from '#core/limits.js';
import { ApiUnderTest } from './api-under-test.contract.js';

const ARRIVAL = { headersTimeoutMs: 500, requestTimeoutMs: 1_500, lateCheckMs: 50 };
const PATH = '/api/v1/registry/components';
const MIB = 1024 * 1024;
/** Both ends live in this process; hundreds of MB go over the wire. */
const MEMORY_MORE_BYTES = 100 * MIB;
const NAME = { name: 'orders', displayName: 'Orders', kind: 'API' };

/** Over real sockets: what counts is what the server takes, and when it lets go. */
describe('whoever means no good, over real connections', () => {
  let api: ApiUnderTest;
  let port: number;

  beforeAll(async () => {
    api = await ApiUnderTest.inMemory({ arrival: ARRIVAL });
    await api.app.listen(0, '127.0.0.1');
    ({ port } = (api.app.getHttpServer() as Server).address() as AddressInfo);
  });

  afterAll(() => api.close());

  interface Heard {
    readonly status: number;
    readonly head: string;
    readonly problem: Record<string, unknown>;
  }

  /** Talks until the server ends the connection; resolves with what it said. */
  async function talk(say: (socket: Socket) => void): Promise<Heard> {
    const socket = connect({ port, host: '127.0.0.1' });
    let text = '';
    socket.on('data', (part: Buffer) => (text += part.toString()));
    // A connection that is reset has said what it had to say before.
    socket.on('error', () => undefined);
    const closed = new Promise((resolve) => socket.on('close', resolve));
    say(socket);
    await closed;
    // What follows the first answer is about the rest of what was sent.
    const [head = '', body = ''] = text.split(/\r\n\r\n|(?=HTTP\/1\.1 )/).filter(Boolean);
    const status = Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1] ?? 0);
    const problem = (body.startsWith('{') ? JSON.parse(body) : {}) as Record<string, unknown>;
    return { status, head, problem };
  }

  async function expectProblem(heard: Heard, status: number, code: string): Promise<void> {
    expect(heard.head).toContain('content-type: application/problem+json');
    expect(heard).toMatchObject({ status, problem: { status, code } });
    expect((await api.get('components')).body['items']).toEqual([]);
  }

  const post = (...headers: string[]): string =>
    [`POST ${PATH} HTTP/1.1`, 'host: x', 'content-type: application/json', ...headers].join('\r\n');

  /** One part after the other, for ever, and a new one only when the last has left. */
  function pour(socket: Socket, part: Buffer | string, pauseMs: number): void {
    const more = (): void => {
      if (!socket.destroyed) socket.write(part, () => setTimeout(more, pauseMs));
    };
    more();
  }

  it('sends its headers a byte at a time: a 408, in the time that headers have', async () => {
    const begunMs = performance.now();
    const heard = await talk((socket) => {
      socket.write(`GET ${PATH} HTTP/1.1\r\nhost: x\r\nx-slow: `);
      pour(socket, 'x', 10);
    });
    expect(performance.now() - begunMs).toBeLessThan(10_000);
    await expectProblem(heard, 408, 'TOO_SLOW');
  });

  it('sends its body a byte at a time: a 408, in the time that a request has', async () => {
    const begunMs = performance.now();
    const heard = await talk((socket) => {
      socket.write(`${post('content-length: 100000')}\r\n\r\n`);
      pour(socket, ' ', 10);
    });
    expect(performance.now() - begunMs).toBeLessThan(10_000);
    await expectProblem(heard, 408, 'TOO_SLOW');
  });

  it('says nothing at all: is not waited for', async () => {
    await expectProblem(await talk(() => undefined), 408, 'TOO_SLOW');
  });

  it.each([
    ['headers of 1 MB', `GET ${PATH} HTTP/1.1\r\nhost: x\r\nx-long: ${'x'.repeat(MIB)}\r\n\r\n`],
    ['a URL of 1 MB', `GET ${PATH}?${'x'.repeat(MIB)} HTTP/1.1\r\nhost: x\r\n\r\n`],
    ['10,000 headers', `GET ${PATH} HTTP/1.1\r\nhost: x\r\n${'a: b\r\n'.repeat(10_000)}\r\n`],
  ])('sends %s: a 431', async (_, text) => {
    await expectProblem(await talk((socket) => socket.write(text)), 431, 'HEADERS_TOO_LARGE');
  });

  it.each([
    ['no HTTP', 'HELO there\r\n\r\n'],
    ['two lengths', `${post('content-length: 2', 'content-length: 3')}\r\n\r\n{}`],
    ['a length and chunks', `${post('content-length: 2', 'transfer-encoding: chunked')}\r\n\r\n{}`],
    ['a chunk that is none', `${post('transfer-encoding: chunked')}\r\n\r\nzz\r\n`],
    ['NUL in a header', `GET ${PATH} HTTP/1.1\r\nhost: x\r\nx-nul: \0\r\n\r\n`],
  ])('sends %s: a 400', async (_, text) => {
    await expectProblem(await talk((socket) => socket.write(text)), 400, 'BAD_REQUEST');
  });

  const part = Buffer.alloc(MIB, ' ');
  const ofBytes = (bytes: number): string => post(`content-length: ${String(bytes)}`);

  it.each([
    ['50 MB that it announces', ofBytes(50 * MIB), part],
    ['chunks without end', post('transfer-encoding: chunked'), chunkOf(part)],
  ])('sends %s: a 413, and what comes is thrown away', async (_, head, more) => {
    const { rss } = process.memoryUsage();
    const heard = await talk((socket) => {
      socket.write(`${head}\r\n\r\n`);
      pour(socket, more, 0);
    });
    await expectProblem(heard, 413, 'BODY_TOO_LARGE');
    expect(process.memoryUsage().rss - rss).toBeLessThan(MEMORY_MORE_BYTES);
  });

  it('packs a body: it is not unpacked, and a 415', async () => {
    for (const plain of [JSON.stringify(NAME), Buffer.alloc(50 * MIB, ' ')]) {
      const body = gzipSync(plain);
      const length = `content-length: ${String(body.length)}`;
      const heard = await talk((socket) => {
        socket.write(`${post(length, 'content-encoding: gzip', 'connection: close')}\r\n\r\n`);
        socket.write(body);
      });
      await expectProblem(heard, 415, 'ENCODED_BODY');
    }
  });

  it('names a number that nothing can hold: a 400 that names the field', async () => {
    const body = `${JSON.stringify(NAME).slice(0, -1)},"metadata":{"weight":1e999}}`;
    const heard = await api.post('components', body);
    expect(heard).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'metadata.weight', expected: 'a number that can be held' }] },
    });
  });

  it('opens connections without end: they are bounded', () => {
    const { maxConnections } = api.app.getHttpServer() as Server;
    expect(maxConnections).toBe(REQUEST_LIMITS.connectionsMax);
  });

  it('and all others are answered as ever', async () => {
    expect((await api.post('components', NAME)).status).toBe(201);
  });
});

function chunkOf(part: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]);
}
