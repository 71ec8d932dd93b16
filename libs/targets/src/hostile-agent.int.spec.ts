import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from '@jest/globals';
import { AgentTargets } from './agent-targets.js';
import { LIST_PAGE_MAX } from './target-limits.js';
import { TargetUnreachableError, type ListPage, type TargetDriver } from './target.driver.js';

/** So that nobody waits ten seconds to see that nobody does. */
const ANSWER_TIMEOUT_MS = 400;
/** A busy machine may notice late; one that does not notice at all takes longer. */
const NOTICED_MS = 9_000;
const MIB = 1024 * 1024;
const ROOM = '{"listed":1,"down":0,"spare":0}';

const servers: Server[] = [];
let targets: AgentTargets | null = null;

afterEach(async () => {
  await targets?.close();
  targets = null;
  for (const server of servers.splice(0)) {
    await new Promise((resolve) => server.close(resolve));
  }
});

interface Opening {
  readonly scheme?: string;
  /** Left out: the usual time. */
  readonly answerTimeoutMs?: number;
}

async function driverOf(
  server: Server,
  { scheme = 'http', ...times }: Opening = {},
): Promise<TargetDriver> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket.on('error', () => undefined));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const closing = server.close.bind(server);
  // It would wait for its connections.
  server.close = (told) => {
    for (const socket of sockets) socket.destroy();
    return closing(told);
  };
  targets ??= new AgentTargets({ env: {}, ...times });
  return targets.open({ url: `${scheme}://127.0.0.1:${String(port)}/`, component: 'api' });
}

type Answering = (response: ServerResponse, request: IncomingMessage, body: string) => void;

/** An agent that answers as it likes. */
function agentThat(answering: Answering, opening: Opening = {}): Promise<TargetDriver> {
  const server = createHttpServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => (body += part.toString()));
    request.on('end', () => {
      answering(response, request, body);
    });
  });
  return driverOf(server, opening);
}

/** Writes again and again until nobody listens. */
function drip(socket: Socket | ServerResponse, part: string | Buffer, everyMs: number): void {
  const dripping = setInterval(() => socket.write(part), everyMs);
  socket.on('close', () => {
    clearInterval(dripping);
  });
}

async function expectUnreachable(asked: Promise<unknown>, why: RegExp): Promise<void> {
  const begunMs = performance.now();
  const error: unknown = await asked.then(
    () => 'it answered',
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(TargetUnreachableError);
  expect((error as Error).message).toMatch(why);
  expect(performance.now() - begunMs).toBeLessThan(NOTICED_MS);
}

describe('an agent that answers too slowly', () => {
  it.each<[string, Answering]>([
    ['not at all', () => undefined],
    [
      'when nobody listens any more',
      (response) => setTimeout(() => response.end(ROOM), 2_000).unref(),
    ],
    [
      'with a byte of its body at a time, for ever',
      (response) => {
        response.writeHead(200);
        drip(response, ' ', 20);
      },
    ],
    [
      'with a header at a time, for ever',
      (response) => {
        response.socket?.write('HTTP/1.1 200 OK\r\n');
        drip(response.socket as Socket, 'x: y\r\n', 20);
      },
    ],
    [
      'with interim answers, for ever',
      (response) => drip(response.socket as Socket, 'HTTP/1.1 102 Processing\r\n\r\n', 20),
    ],
  ])('%s, is not waited for', async (_, answering) => {
    const driver = await agentThat(answering, { answerTimeoutMs: ANSWER_TIMEOUT_MS });
    await expectUnreachable(driver.room([]), /did not answer within 400 ms/);
  });
});

describe('an agent that answers too much', () => {
  it.each<[string, Answering]>([
    [
      '5 MB that it announces',
      (response) =>
        response.writeHead(200, { 'content-length': 5 * MIB }).end(Buffer.alloc(5 * MIB)),
    ],
    [
      'without end',
      (response) => {
        const part = Buffer.alloc(MIB, ' ');
        const more = (): void => {
          while (!response.destroyed && response.write(part));
        };
        response.on('drain', more);
        more();
      },
    ],
    [
      'headers of 1 MB',
      (response) => response.socket?.write(`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(MIB)}`),
    ],
  ])('%s, is read no further', async (_, answering) => {
    const { rss } = process.memoryUsage();
    const driver = await agentThat(answering);
    await expectUnreachable(driver.room([]), /cannot be asked \((UND_ERR|HPE_)/);
    expect(process.memoryUsage().rss - rss).toBeLessThan(100 * MIB);
  });

  it('in a packed body: it is not unpacked', async () => {
    const packed = gzipSync(Buffer.alloc(50 * MIB, ' '));
    const driver = await agentThat((response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(packed);
    });
    await expectUnreachable(driver.room([]), /not JSON/);
  });
});

describe('an agent that answers something else', () => {
  it.each<[string, string, RegExp]>([
    ['a page for people', '<html>please log in</html>', /not JSON/],
    ['nothing', '', /not JSON/],
    ['half an answer', ROOM.slice(0, 10), /not JSON/],
    ['100,000 levels', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, /contract/],
    ['a fraction', '{"listed":1.5,"down":0,"spare":0}', /listed/],
    ['less than none', '{"listed":-1,"down":0,"spare":0}', /listed/],
    ['more than can be counted', '{"listed":1e308,"down":0,"spare":0}', /listed/],
    ['a number without end', '{"listed":1e999,"down":0,"spare":0}', /listed/],
    ['no number', '{"listed":NaN,"down":0,"spare":0}', /not JSON/],
    ['a text for a number', '{"listed":"1","down":0,"spare":0}', /listed/],
  ])('(%s) is unreachable', async (_, text, why) => {
    const driver = await agentThat((response) => response.end(text));
    await expectUnreachable(driver.room([]), why);
  });

  it('beside what it was asked for is understood, and changes nothing else', async () => {
    const more = `"__proto__":{"polluted":true},"deep":${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const driver = await agentThat((response) => response.end(`${ROOM.slice(0, -1)},${more}}`));
    expect(await driver.room([])).toEqual({ listed: 1, down: 0, spare: 0 });
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it.each([301, 302, 303, 307, 308])('(%i) is not followed, not even to itself', async (status) => {
    let asked = 0;
    const driver = await agentThat((response, request) => {
      asked += 1;
      const { host = '' } = request.headers;
      response.writeHead(status, { location: `http://${host}/elsewhere` }).end(ROOM);
    });
    await expectUnreachable(driver.room([]), /redirect/);
    expect(asked).toBe(1);
  });
});

describe('an agent whose connection breaks', () => {
  it.each<[string, (socket: Socket) => void]>([
    ['at once', (socket) => socket.resetAndDestroy()],
    ['when it was asked', (socket) => socket.once('data', () => socket.resetAndDestroy())],
    [
      'in the middle of its answer',
      (socket) =>
        socket.once('data', () => {
          socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${String(ROOM.length)}\r\n\r\n{"li`);
        }),
    ],
    [
      'after an answer that is no HTTP',
      (socket) => socket.once('data', () => socket.end('SSH-2.0-OpenSSH\r\n')),
    ],
    [
      'after two answers to one question',
      (socket) => {
        const answer = `HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}`;
        socket.once('data', () => socket.end(`${answer}${answer}`));
      },
    ],
  ])('%s, is unreachable', async (_, serve) => {
    const driver = await driverOf(createServer(serve));
    await expectUnreachable(driver.room([]), /cannot be asked|contract/);
  });

  it.each<[string, Server]>([
    ['does not speak it', createHttpServer((_, response) => response.end(ROOM))],
    ['has no certificate', createTlsServer()],
  ])('because it %s (TLS), is unreachable', async (_, server) => {
    const driver = await driverOf(server, { scheme: 'https' });
    await expectUnreachable(driver.room([]), /cannot be asked/);
  });

  it('is asked again when it is well', async () => {
    let calls = 0;
    const driver = await agentThat((response) => {
      calls += 1;
      if (calls < 20) response.socket?.resetAndDestroy();
      else response.end(ROOM);
    });
    for (let call = 1; call < 20; call += 1) {
      await expectUnreachable(driver.room([]), /cannot be asked/);
    }
    expect(await driver.room([])).toMatchObject({ listed: 1 });
  });
});

describe('an agent that lists instances', () => {
  const one = (id: string): object => ({
    ...{ id, version: '1.0.0', admitted: true, healthy: true, problem: null },
  });
  const page = (ids: readonly string[], nextCursor: string | null = null): string =>
    JSON.stringify({ instances: ids.map(one), nextCursor });

  it.each<[string, string, RegExp]>([
    ['more than were asked for', page(['a', 'b', 'c']), /more instances than/],
    ['one of them twice', page(['a', 'a']), /order of ids/],
    ['in no order', page(['b', 'a']), /order of ids/],
    ['none, and more to come', page([], 'more'), /no further/],
  ])('(%s) is unreachable', async (_, text, why) => {
    const driver = await agentThat((response) => response.end(text));
    await expectUnreachable(driver.list({ limit: 2 }), why);
  });

  it('that were not asked about, or one twice, is unreachable', async () => {
    const driver = await agentThat((response) => response.end(page(['a', 'c'])));
    const ids = ['a', 'b', 'd'];
    await expectUnreachable(driver.list({ ids, limit: 3 }), /other instances/);
    const twice = await agentThat((response) => response.end(page(['b', 'b'])));
    await expectUnreachable(twice.list({ ids, limit: 3 }), /twice about one/);
  });

  /** Asks page by page, as all do that list; the ids and how it ended. */
  async function listAll(driver: TargetDriver): Promise<{ ids: string[]; error: string }> {
    const ids: string[] = [];
    for (let cursor: string | null = null; ;) {
      const after: { cursor?: string } = cursor === null ? {} : { cursor };
      try {
        const found: ListPage = await driver.list({ limit: LIST_PAGE_MAX, ...after });
        ids.push(...found.instances.map(({ id }) => id));
        if (found.nextCursor === null) return { ids, error: '' };
        cursor = found.nextCursor;
      } catch (error) {
        return { ids, error: (error as Error).message };
      }
    }
  }

  it('page by page, is asked for each by its own cursor', async () => {
    const cursors: unknown[] = [];
    const pages = [page(['a', 'b'], 'x'), page(['c'], 'y'), page(['d'])];
    const driver = await agentThat((response, _request, body) => {
      cursors.push((JSON.parse(body) as { cursor?: string }).cursor);
      response.end(pages[cursors.length - 1]);
    });
    expect(await listAll(driver)).toEqual({ ids: ['a', 'b', 'c', 'd'], error: '' });
    expect(cursors).toEqual([undefined, 'x', 'y']);
  });

  it.each([
    ['the same page again and again', () => page(['a'], 'x'), /order of ids|no further/],
    ['pages that lead to themselves', (at: number) => page([`i${String(at)}`], 'x'), /no further/],
    [
      'one instance on two pages',
      (at: number) => page(['a', 'b'].slice(at), String(at)),
      /order of ids/,
    ],
  ] as const)('(%s) is unreachable before anything is taken twice', async (_, pageAt, why) => {
    let at = 0;
    const driver = await agentThat((response) => response.end(pageAt(at++)));
    const { ids, error } = await listAll(driver);
    expect(error).toMatch(why);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
