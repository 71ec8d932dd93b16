import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { AddressInfo } from 'node:net';
import { ApiUnderTest, deploy } from './api-under-test.contract.js';
import { BASE_PATH } from './upgrade-views.js';

/** A real socket: a stream that stays open has no end for an injected request to wait for. */
let api: ApiUnderTest;
let url: string;
let id: string;
beforeEach(async () => {
  api = await ApiUnderTest.inMemory({ streamsMax: 2 });
  await api.app.listen(0, '127.0.0.1');
  const { port } = api.app.getHttpServer().address() as AddressInfo;
  const { request } = await deploy(api);
  id = (await api.post('tenants/acme/upgrades', request)).body.id;
  url = `http://127.0.0.1:${String(port)}${BASE_PATH}/upgrades/${id}/events`;
});
afterEach(() => api.close());

const open = (headers: Record<string, string> = {}, signal?: AbortSignal) =>
  fetch(url, {
    headers: { accept: 'text/event-stream', ...headers },
    ...(signal === undefined ? {} : { signal }),
  });

async function readUntil(response: Response, text: string): Promise<string> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let read = '';
  while (!read.includes(text)) {
    const chunk = await reader?.read();
    if (chunk === undefined || chunk.done) break;
    read += chunk.value;
  }
  await reader?.cancel();
  return read;
}

it.each([undefined, '*/*', 'application/json', 'text/html'])(
  'is pages to Accept %s',
  async (accept) => {
    const answer = await api.get(`upgrades/${id}/events`, accept === undefined ? {} : { accept });
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toContain('application/json');
    expect(answer.body).toMatchObject({ items: [{ id: `${id}/1` }], nextCursor: null });
  },
);

describe('a live stream of events', () => {
  it('tells what happens while it is open, and ends with the upgrade', async () => {
    const response = await open({ 'last-event-id': '1' });
    expect(response.status).toBe(200);
    await api.post(`upgrades/${id}/start`);
    await api.post(`upgrades/${id}/cancel`);
    const text = await response.text();
    expect(text).toContain('id: 2\n');
    expect(text).toContain('"executionStatus":"CANCELLED"');
  });

  it('is taken up again after the last event that arrived', async () => {
    await api.post(`upgrades/${id}/start`);
    const text = await readUntil(await open({ 'last-event-id': `${id}/1` }), 'data:');
    expect(text).toMatch(/^: open\n\nid: 2\n/);
  });

  it('ends when the service does, which does not wait for it', async () => {
    const response = await open();
    const beganMs = Date.now();
    await api.app.close();
    await response.text();
    expect(Date.now() - beganMs).toBeLessThan(3_000);
  });

  it('is one of a bounded number, and makes room when it is left', async () => {
    const leave = new AbortController();
    const held = await Promise.all([open({}, leave.signal), open({}, leave.signal)]);
    expect(held.map(({ status }) => status)).toEqual([200, 200]);
    const refused = await open();
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('5');
    leave.abort();
    await Promise.allSettled(held.map((one) => one.text()));
    let status = 503;
    for (let tries = 0; tries < 40 && status !== 200; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      const again = await open();
      status = again.status;
      await again.body?.cancel();
    }
    expect(status).toBe(200);
  });
});
