import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { Health, PART_LOOK_LIMIT_MS, type PartHealth } from './health.js';
import { messagingMeter, MetricRegistry } from './metric-registry.js';
import { METRICS, type MetricSpec } from './metrics.js';
import { ObservabilityModule } from './observability.module.js';

const WELL: PartHealth = { live: true, ready: true };

describe('the routes of a service', () => {
  const clock = new SteppedClock();
  const health = new Health(clock);
  const metrics = new MetricRegistry('orchestrator');
  let app: NestFastifyApplication;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    app = await NestFactory.create<NestFastifyApplication>(
      ObservabilityModule.of(health, metrics),
      new FastifyAdapter(),
    );
    await app.init();
  });

  afterAll(() => app.close());

  const get = (url: string) => app.inject({ method: 'GET', url });

  it('say that all is well', async () => {
    health.part('database', () => WELL);
    health.part('consumer', () => Promise.resolve(WELL));
    for (const url of ['/livez', '/readyz']) {
      const response = await get(url);
      expect(response.statusCode).toBe(200);
      expect(response.json()).toEqual({ ok: true, parts: { database: 'ok', consumer: 'ok' } });
    }
  });

  it('are live but not ready while the database is away, and name it', async () => {
    health.part('database', () => ({ live: true, ready: false, reason: 'away' }));
    expect((await get('/livez')).statusCode).toBe(200);
    const response = await get('/readyz');
    expect(response.statusCode).toBe(503);
    expect(response.json()).toMatchObject({ ok: false, parts: { database: 'away' } });
  });

  it('are not live when the consumer is dead', async () => {
    health.part('consumer', () => ({ live: false, ready: false, reason: 'consumer is dead' }));
    const response = await get('/livez');
    expect(response.statusCode).toBe(503);
    expect(response.json()).toMatchObject({ parts: { consumer: 'consumer is dead' } });
  });

  it('serve the metrics with the name of the service', async () => {
    metrics.count('instanceTransitions', { status: 'COMPLETED' }, 5);
    const response = await get('/metrics');
    expect(response.headers['content-type']).toContain('text/plain');
    expect(response.body).toContain(
      'upgrade_instance_transitions_total{status="COMPLETED",service="orchestrator"} 5',
    );
    expect(response.body).toContain('process_cpu_seconds_total');
  });
});

describe('health', () => {
  it('counts a part that hangs or throws as not ready, and tells nothing of its error', async () => {
    const clock = new SteppedClock();
    const health = new Health(clock);
    health.part('database', () => new Promise<PartHealth>(() => undefined));
    health.part('leases', () => {
      throw new Error('connect postgres://me:secret@db');
    });
    const report = health.readiness();
    await clock.advance(PART_LOOK_LIMIT_MS);
    await expect(report).resolves.toEqual({
      ok: false,
      parts: { database: 'no answer within 2000 ms', leases: 'cannot be asked' },
    });
    expect(clock.sleeping).toBe(0);
    const alive = health.liveness();
    await clock.advance(PART_LOOK_LIMIT_MS);
    await expect(alive).resolves.toMatchObject({ ok: true });
  });

  it('refuses readiness while the process ends, and stays live', async () => {
    const health = new Health(new SteppedClock(), () => true);
    health.part('database', () => WELL);
    await expect(health.readiness()).resolves.toMatchObject({ ok: false });
    await expect(health.liveness()).resolves.toMatchObject({ ok: true });
  });
});

describe('metrics', () => {
  const specs: MetricSpec[] = Object.values(METRICS);

  it('have names of one kind, each once, and a word of help', () => {
    const names = specs.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, type, help, unit, buckets } of specs) {
      expect(name).toMatch(/^upgrade_[a-z_]+$/);
      expect(name.endsWith('_total')).toBe(type === 'counter');
      if (unit === 'seconds') expect(name).toMatch(/_seconds$/);
      expect(help.length).toBeGreaterThan(5);
      expect((buckets?.length ?? 0) > 0).toBe(type === 'histogram');
    }
  });

  it('have no label that could grow with use or speak of a tenant', () => {
    for (const { labels } of specs) {
      for (const [label, values] of Object.entries(labels)) {
        expect(label).not.toMatch(/tenant|id$|instance|name/i);
        expect('most' in values ? values.most : values.length).toBeLessThanOrEqual(200);
      }
    }
  });

  it('put what goes over a label’s bound together', async () => {
    const metrics = new MetricRegistry('test');
    for (let index = 0; index < 50; index += 1) {
      metrics.count('deadLetters', { topic: `topic${String(index)}` });
    }
    const lines = (await metrics.text())
      .split('\n')
      .filter((line) => line.startsWith('upgrade_dead_letters_total{'));
    expect(lines).toHaveLength(31);
    expect(lines).toContain('upgrade_dead_letters_total{topic="other",service="test"} 20');
  });

  it('count what messaging reports', async () => {
    const metrics = new MetricRegistry('test');
    const meter = messagingMeter(metrics);
    meter.produced(10, 1_000, 0.004, 3);
    meter.handled('t', 5, 0.01);
    meter.retried('t');
    meter.buried('t');
    meter.relayed(2, 10, 0.005);
    const text = await metrics.text();
    for (const line of [
      'upgrade_produced_messages_total{service="test"} 10',
      'upgrade_produced_bytes_total{service="test"} 1000',
      'upgrade_produce_retries_total{service="test"} 2',
      'upgrade_produce_seconds_bucket{le="0.005",service="test"} 1',
      'upgrade_handled_messages_total{topic="t",service="test"} 5',
      'upgrade_handle_retries_total{topic="t",service="test"} 1',
      'upgrade_dead_letters_total{topic="t",service="test"} 1',
      'upgrade_relayed_rows_total{service="test"} 2',
    ]) {
      expect(text).toContain(line);
    }
  });
});
