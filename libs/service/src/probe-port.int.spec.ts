import { connect } from 'node:net';
import { once } from 'node:events';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createProbeAdapter } from './probe-port.js';
import { ARRIVAL_LIMITS } from './service-limits.js';

@Module({})
// A module of Nest is a class, also one in which nothing is.
class Nothing {}

describe('a port that answers probes', () => {
  let app: NestFastifyApplication;
  let port = 0;

  beforeAll(async () => {
    app = await NestFactory.create<NestFastifyApplication>(Nothing, createProbeAdapter(), {
      logger: false,
    });
    await app.listen(0, '127.0.0.1');
    ({ port } = app.getHttpServer().address() as { port: number });
  });

  afterAll(() => app.close());

  it('lets go of whoever sends the head of a request for too long', async () => {
    const { server } = app.getHttpAdapter().getInstance();
    expect(server.headersTimeout).toBe(ARRIVAL_LIMITS.headersTimeoutMs);
    expect(server.requestTimeout).toBe(ARRIVAL_LIMITS.requestTimeoutMs);
    server.headersTimeout = 200;
    const socket = connect(port, '127.0.0.1');
    socket.write('GET /healthz HTTP/1.1\r\nhost: x\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 408 /);
    await once(socket, 'close');
  });

  it('refuses more connections than it keeps', async () => {
    const sockets = Array.from({ length: ARRIVAL_LIMITS.connectionsMax + 1 }, () =>
      connect(port, '127.0.0.1'),
    );
    await Promise.race(sockets.map((socket) => once(socket, 'close')));
    for (const socket of sockets) socket.destroy();
  });
});
