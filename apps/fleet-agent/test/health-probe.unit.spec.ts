import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { HealthProbe } from '../src/fleet/health.probe.js';
import { HEALTH_LIMITS } from '../src/fleet-agent-limits.js';
import { InstanceProcesses } from '../src/processes/instance-process.driver.js';
import { until } from './real-agent.js';

let server: Server;
let launch: { token: string; version: string; port: number; operationId: null };
let said: { status: number; body: string };
let asked: number;
let lives: boolean;
let clock: SteppedClock;
let probe: HealthProbe;

class Living extends InstanceProcesses {
  override lives(): Promise<boolean> {
    return Promise.resolve(lives);
  }
}

beforeEach(async () => {
  [asked, lives] = [0, true];
  server = createServer((_, answer) => {
    asked += 1;
    answer.writeHead(said.status).end(said.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  launch = { token: 't', version: '1.0.0', port, operationId: null };
  clock = new SteppedClock(1_000);
  probe = new HealthProbe(new Living('/none', '/none', clock), clock);
});
afterEach(() => new Promise((closed) => server.close(closed)));

const saying = (status: number, body: object | string) => {
  said = { status, body: typeof body === 'string' ? body : JSON.stringify(body) };
  return probe.healthOf(launch);
};

it('is healthy who says so with 200, and nobody else', async () => {
  const well = { version: '1.0.0', healthy: true };
  expect(await saying(200, well)).toEqual({ ...well, problem: null });
  probe.forget(launch);
  expect(await saying(503, well)).toMatchObject({ version: '1.0.0', healthy: false });
  probe.forget(launch);
  expect(await saying(200, { ...well, healthy: false })).toMatchObject({ healthy: false });
  probe.forget(launch);
  expect(await saying(200, 'well')).toMatchObject({ version: null, healthy: false });
});

it('a process that is gone is not healthy, whoever listens on its port by now', async () => {
  lives = false;
  const health = await saying(200, { version: '1.0.0', healthy: true });
  expect(health).toMatchObject({ version: null, healthy: false });
  expect(asked).toBe(0);
  expect(await probe.healthOf(null)).toMatchObject({ healthy: false });
});

it('what was seen counts for a moment, and not once the process was changed', async () => {
  const well = { version: '1.0.0', healthy: true };
  await saying(200, well);
  expect(await saying(500, well)).toMatchObject({ healthy: true });
  await clock.advance(HEALTH_LIMITS.cachedMs);
  expect(await saying(500, well)).toMatchObject({ healthy: false });
  probe.forget(launch);
  expect(await saying(200, well)).toMatchObject({ healthy: true });
  expect(HEALTH_LIMITS.cachedMs).toBeLessThanOrEqual(500);
});

it('an answer without end is none', async () => {
  const long = { version: '1.0.0', healthy: true, more: 'x'.repeat(HEALTH_LIMITS.bodyMaxBytes) };
  expect(await saying(200, long)).toMatchObject({ version: null, healthy: false });
});

it('a bounded number is asked at once', async () => {
  const held: (() => void)[] = [];
  server.removeAllListeners('request');
  server.on('request', (_, answer: ServerResponse) => held.push(() => answer.end('{}')));
  const all = Array.from({ length: HEALTH_LIMITS.concurrency + 2 }, (_, at) =>
    probe.healthOf({ ...launch, token: String(at) }),
  );
  await until(() => held.length >= HEALTH_LIMITS.concurrency);
  for (let turns = 0; turns < 20; turns += 1) await new Promise(setImmediate);
  expect(held).toHaveLength(HEALTH_LIMITS.concurrency);
  for (const answer of held) answer();
  await until(() => held.length === all.length);
  for (const answer of held) answer();
  expect(await Promise.all(all)).toHaveLength(HEALTH_LIMITS.concurrency + 2);
});
