import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { AgentTargets } from './agent-targets.js';
import { TargetUnreachableError } from './target.driver.js';
import type { InstanceOperation, TargetDriver } from './target.driver.js';

type Answering = (request: IncomingMessage, response: ServerResponse, body: string) => void;

let server: Server | null = null;
let targets: AgentTargets | null = null;

afterEach(async () => {
  await targets?.close();
  const ended = server;
  if (ended === null) return;
  ended.closeAllConnections();
  await new Promise((resolve) => ended.close(resolve));
  server = null;
});

/** An agent of its own that does as it likes. */
async function agentThat(
  answering: Answering,
  settings: Record<string, unknown> = {},
  env: Record<string, string> = {},
): Promise<TargetDriver> {
  const started = createServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => (body += part.toString()));
    request.on('end', () => answering(request, response, body));
  });
  server = started;
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  const { port } = started.address() as AddressInfo;
  targets = new AgentTargets({ env });
  return targets.open({ url: `http://127.0.0.1:${port}/base/`, component: 'api', ...settings });
}

const json = (response: ServerResponse, body: unknown, status = 200): void => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};
const drain: InstanceOperation = { id: 'd', instanceId: 'i', verb: 'drain', drainTimeoutMs: 10 };
const FENCE = { handOver: 1, epoch: 2 };
const COUNT = { listed: 1, down: 0, spare: 0 };

describe('the agent driver', () => {
  it('asks below the url it was given, for its fleet', async () => {
    const seen: string[] = [];
    const driver = await agentThat((request, response) => {
      seen.push(`${request.method ?? ''} ${request.url ?? ''}`);
      json(response, { listed: 1, down: 0, spare: 0, later: 'more' });
    });
    expect(await driver.room(['a'])).toEqual({ listed: 1, down: 0, spare: 0 });
    expect(seen).toEqual(['POST /base/v1/fleets/api/room']);
  });

  it('sends the artifacts of a version once, and again only where they differ', async () => {
    const bodies: { releases: unknown; operations: { id: string }[] }[] = [];
    const driver = await agentThat((_request, response, body) => {
      const asked = JSON.parse(body) as { releases: unknown; operations: { id: string }[] };
      bodies.push(asked);
      json(response, { operations: asked.operations.map(({ id }) => ({ id, state: 'RUNNING' })) });
    });
    const bring = (id: string, artifacts: Record<string, string>): InstanceOperation => ({
      id,
      instanceId: id,
      verb: 'bring',
      version: '2.0.0',
      artifacts,
    });
    const other = { ...bring('d', { x: '0' }), version: '1.0.0' };
    const two = [bring('a', { x: '1' }), bring('b', { x: '1' })];
    const states = await driver.submit([...two, other, bring('c', { x: '2' })], FENCE);
    expect(states.map((state) => state.id)).toEqual(['a', 'b', 'd', 'c']);
    expect(bodies.map((body) => body.releases)).toEqual([
      { '2.0.0': { x: '1' }, '1.0.0': { x: '0' } },
      { '2.0.0': { x: '2' } },
    ]);
  });

  it('reads its token where the settings say, at every call', async () => {
    const seen: (string | undefined)[] = [];
    const folder = await mkdtemp(join(tmpdir(), 'token-'));
    const file = join(folder, 'token');
    await writeFile(file, 'first\n');
    const driver = await agentThat(
      (request, response) => {
        seen.push(request.headers.authorization);
        json(response, { listed: 0, down: 0, spare: 0 });
      },
      { tokenFrom: { file } },
    );
    await driver.room([]);
    await writeFile(file, 'second\n');
    await driver.room([]);
    await rm(folder, { recursive: true });
    expect(seen).toEqual(['Bearer first', 'Bearer second']);
    await expect(driver.room([])).rejects.toThrow(`there is no usable token in file ${file}`);
  });

  it('does not say what stands in a token it cannot use', async () => {
    const driver = await agentThat(
      (_request, response) => json(response, {}),
      { tokenFrom: { env: 'TOKEN' } },
      { TOKEN: 'two words' },
    );
    await expect(driver.room([])).rejects.toThrow(/^there is no usable token in variable TOKEN$/);
  });

  it('asks for sets, and of each operation on one says what belongs to it', async () => {
    const seen: unknown[] = [];
    const driver = await agentThat((request, response, body) => {
      const { operation, ...rest } = JSON.parse(body === '' ? '{}' : body) as {
        operation?: { id: string };
      };
      seen.push([`${request.method ?? ''} ${request.url ?? ''}`, operation ?? rest]);
      if (operation === undefined) json(response, { sets: [] });
      else json(response, { operation: { id: operation.id, state: 'RUNNING' } });
    });
    expect(await driver.sets()).toEqual([]);
    const all = { set: 's', size: 2, drainTimeoutMs: 5, version: '2.0.0', percentage: 7 };
    for (const verb of ['createSet', 'switch', 'retireSet', 'weigh'] as const) {
      expect(await driver.submitSet({ id: verb, verb, ...all }, FENCE)).toEqual({
        id: verb,
        state: 'RUNNING',
      });
    }
    const where = 'POST /base/v1/fleets/api/sets/operations';
    expect(seen).toEqual([
      ['GET /base/v1/fleets/api/sets', {}],
      [where, { id: 'createSet', verb: 'createSet', set: 's', size: 2 }],
      [where, { id: 'switch', verb: 'switch', set: 's' }],
      [where, { id: 'retireSet', verb: 'retireSet', set: 's', drainTimeoutMs: 5 }],
      [where, { id: 'weigh', verb: 'weigh', version: '2.0.0', percentage: 7 }],
    ]);
  });

  it('takes an answer about another operation on a set for none', async () => {
    const driver = await agentThat((_request, response) => {
      json(response, { operation: { id: 'another', state: 'SUCCEEDED' } });
    });
    const operation = { id: 'a', verb: 'switch', set: 's' } as const;
    await expect(driver.submitSet(operation, FENCE)).rejects.toThrow('other operations');
    await expect(driver.pollSet('a', 0)).rejects.toThrow('other operations');
  });

  it('sorts backups by when they were taken, wherever that was', async () => {
    const driver = await agentThat((_request, response) => {
      json(response, {
        backups: [
          { id: 'a', takenAt: '2026-03-01T10:00:00+02:00', verified: true },
          { id: 'b', takenAt: '2026-03-01T09:00:00Z', verified: false },
        ],
      });
    });
    expect(await driver.backups()).toEqual([
      { id: 'b', takenAtMs: Date.UTC(2026, 2, 1, 9), verified: false },
      { id: 'a', takenAtMs: Date.UTC(2026, 2, 1, 8), verified: true },
    ]);
  });

  it.each(['http://169.254.169.254/latest', 'http://[fe80::1]/', 'file:///etc/passwd', 'green'])(
    'does not pass on %s as the address of a set',
    async (url) => {
      const driver = await agentThat((_request, response) => json(response, { url }));
      await expect(driver.address('s')).rejects.toThrow(TargetUnreachableError);
    },
  );

  it.each(['{"value":"NaN"}', '{"value":1e999}', '{}'])(
    'takes %s for no value of a metric',
    async (body) => {
      const driver = await agentThat((_request, response) => response.end(body));
      const asked = driver.metric({ query: 'error_rate', ids: ['a'] });
      await expect(asked).rejects.toThrow(/against the contract/);
    },
  );

  it('follows a redirect of no call', async () => {
    let asked = 0;
    const driver = await agentThat((_request, response) => {
      asked += 1;
      response.writeHead(307, { location: '/base/elsewhere' }).end();
    });
    const calls = [
      driver.sets(),
      driver.submitSet({ id: 'a', verb: 'switch', set: 's' }, FENCE),
      driver.pollSet('a', 0),
      driver.backups(),
      driver.metric({ query: 'error_rate', ids: [] }),
      driver.address(null),
    ];
    for (const call of calls) await expect(call).rejects.toThrow('redirect');
    expect(asked).toBe(calls.length);
  });

  it.each<[string, Answering, RegExp]>([
    [
      'redirects',
      (_request, response) =>
        response.writeHead(302, { location: 'http://169.254.169.254/' }).end(),
      /redirect/,
    ],
    ['refuses', (_request, response) => json(response, { detail: 'not so' }, 400), /not so/],
    ['accepts and says no more', (_request, response) => json(response, COUNT, 202), /202/],
    ['does not know the token', (_request, response) => json(response, {}, 401), /token/],
    ['answers no JSON', (_request, response) => response.end('<html>'), /not JSON/],
    ['answers another thing', (_request, response) => json(response, { listed: -1 }), /listed/],
    ['breaks off', (request) => request.socket.destroy(), /cannot be asked/],
    [
      'is enormous',
      (_request, response) => {
        const part = ' '.repeat(1024 * 1024);
        for (let sent = 0; sent < 6; sent += 1) response.write(part);
        response.end();
      },
      /cannot be asked/,
    ],
  ])('takes an agent that %s for unreachable', async (_what, answering, why) => {
    const driver = await agentThat(answering);
    const asked = driver.room([]);
    await expect(asked).rejects.toThrow(TargetUnreachableError);
    await expect(asked).rejects.toThrow(why);
  });

  it('takes an answer about other operations for none', async () => {
    const driver = await agentThat((_request, response) => {
      json(response, { operations: [{ id: 'another', state: 'SUCCEEDED' }] });
    });
    await expect(driver.submit([drain], FENCE)).rejects.toThrow('other operations');
  });

  it('takes answers in another order than it asked for none', async () => {
    const driver = await agentThat((_request, response, body) => {
      const asked = JSON.parse(body) as { operations: { id: string }[] };
      const states = asked.operations.map(({ id }) => ({ id, state: 'SUCCEEDED' }));
      json(response, { operations: states.reverse() });
    });
    const both = [drain, { ...drain, id: 'b', instanceId: 'b' }];
    await expect(driver.poll(both, 0)).rejects.toThrow('other operations');
  });

  it('gives up waiting when told to', async () => {
    const driver = await agentThat(() => undefined);
    const stop = new AbortController();
    const asked = driver.poll([drain], 20_000, stop.signal);
    stop.abort();
    await expect(asked).rejects.toThrow(TargetUnreachableError);
  });

  it('says that nobody listens', async () => {
    const driver = await agentThat(() => undefined);
    const ended = server;
    await new Promise((resolve) => ended?.close(resolve));
    server = null;
    await expect(driver.room([])).rejects.toThrow('ECONNREFUSED');
  });
});
