import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { request } from 'undici';
import { openEgress, type Resolve } from './egress.js';

describe('a connection', () => {
  const bounds = { connectionsPerOrigin: 1, connectTimeoutMs: 2_000 };
  let server: Server;
  let port: number;
  let calls = 0;

  beforeAll(async () => {
    server = createServer((_request, response) => {
      calls += 1;
      response.writeHead(200, { connection: 'close' }).end('ok');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ({ port } = server.address() as AddressInfo);
  });

  afterAll(() => {
    server.close();
  });

  /** A name with other addresses at each look; as long as the last stays. */
  function leadsTo(...looks: string[][]): Resolve {
    return (_hostname, _options, callback) => {
      const look = looks.length > 1 ? (looks.shift() ?? []) : (looks[0] ?? []);
      callback(
        null,
        look.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    };
  }

  async function ask(host: string, resolve?: Resolve, allowLinkLocal = false): Promise<string> {
    const dispatcher = openEgress(bounds, allowLinkLocal, resolve);
    try {
      const answer = await request(`http://${host}:${String(port)}/`, { dispatcher });
      return await answer.body.text();
    } finally {
      await dispatcher.destroy();
    }
  }

  it('goes to a name on loopback', async () => {
    expect(await ask('agent.test', leadsTo(['127.0.0.1']))).toBe('ok');
  });

  it('goes to none of the addresses of a name that are refused', async () => {
    expect(await ask('agent.test', leadsTo(['169.254.169.254', '127.0.0.1']))).toBe('ok');
    const before = calls;
    const metadata = leadsTo(['169.254.169.254', 'fe80::1', '::ffff:169.254.169.254', '0.0.0.0']);
    await expect(ask('agent.test', metadata)).rejects.toMatchObject({ code: 'EREFUSEDADDRESS' });
    expect(calls).toBe(before);
  });

  it('is judged each time it is made: a name may have moved since it was checked', async () => {
    const dispatcher = openEgress(bounds, false, leadsTo(['127.0.0.1'], ['169.254.169.254']));
    const url = `http://agent.test:${String(port)}/`;
    const first = await request(url, { dispatcher });
    expect(await first.body.text()).toBe('ok');
    await expect(request(url, { dispatcher })).rejects.toMatchObject({ code: 'EREFUSEDADDRESS' });
    await dispatcher.destroy();
  });

  it.each(['0.0.0.0', '[::]', '[::ffff:0.0.0.0]', '0', '169.254.169.254', '2852039166'])(
    'is not made to %s as it stands in a URL, by http or https',
    async (host) => {
      await expect(ask(host)).rejects.toMatchObject({ code: 'EREFUSEDADDRESS' });
      const dispatcher = openEgress(bounds, false);
      const secure = request(`https://${host}/`, { dispatcher });
      await expect(secure).rejects.toMatchObject({ code: 'EREFUSEDADDRESS' });
      await dispatcher.destroy();
    },
  );

  it('is made where the operator allows it', async () => {
    // The one refused address that leads somewhere on any machine: here.
    expect(await ask('0.0.0.0', undefined, true)).toBe('ok');
  });
});
