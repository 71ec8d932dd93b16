import { once } from 'node:events';
import { connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { expect, it } from '@jest/globals';
import { eventually } from '#messaging/eventually.js';
import { ApiUnderTest } from './api-under-test.contract.js';

const LIMIT_MS = 5_000;

it('a request that was on its way when the service ends is still served, as the last', async () => {
  const api = await ApiUnderTest.inMemory();
  await api.app.listen(0, '127.0.0.1');
  const server = api.app.getHttpServer() as Server;
  const accepted = once(server, 'connection');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  let told = '';
  client.on('data', (data) => (told += data.toString()));
  const [arriving] = (await accepted) as [Socket];
  client.write('GET /api/v1/registry/components HTTP/1.1\r\nhost: test\r\n');
  await eventually('half of it has arrived', () => arriving.bytesRead > 0, LIMIT_MS);
  const closed = api.close();
  await eventually('nobody else is let in', () => !server.listening, LIMIT_MS);
  const end = once(client, 'close');
  client.write('\r\n');
  await end;
  await closed;
  expect(told).toMatch(/^HTTP\/1\.1 200 /);
  expect(told).toMatch(/\r\nconnection: close\r\n/i);
});
