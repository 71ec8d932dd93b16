import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { NestLogger } from '#observability/logger.js';
import { Plumbing1700000000000 } from '#postgres/plumbing-migration.js';
import { configOrExit } from '#runtime/config.js';
import { createProbeAdapter } from '#service/probe-port.js';
import { openGround, serve } from '#service/service-process.js';
import { openTargets } from '#service/targets.js';
import { CanaryMonitorConfig } from './canary-monitor.config.js';
import { CanaryMonitorModule } from './canary-monitor.module.js';
import { CanaryMonitor } from './canary-monitor.js';
import { countDecisions } from './decision-metrics.js';
import { NoPrometheus, PrometheusClient } from './inbound/prometheus.client.js';
import { Watches1700000003000 } from './persistence/watch.migration.js';
import { PgWatchStore } from './persistence/watch.pg.store.js';

const config = configOrExit(CanaryMonitorConfig);
const ground = await openGround(
  {
    name: 'canary-monitor',
    schema: 'canary_monitor',
    migrations: [Plumbing1700000000000, Watches1700000003000],
  },
  config,
);
const { drivers } = openTargets(ground);
const { PROMETHEUS_URL: url, EGRESS_LINK_LOCAL: allowLinkLocal } = config;
const prometheus =
  url === undefined ? new NoPrometheus() : new PrometheusClient(url, allowLinkLocal);
ground.shutdown.at('closeConnections', 'prometheus', () => prometheus.close());
const service = new CanaryMonitor({
  ...{ ...ground, drivers, prometheus },
  store: new PgWatchStore(ground.database),
  intervalMs: config.CANARY_INTERVAL_SECONDS * 1_000,
  decided: countDecisions(ground.metrics),
  counted: (watches) => {
    ground.metrics.set('canaryWatches', {}, watches);
  },
});
const app = await NestFactory.create<NestFastifyApplication>(
  CanaryMonitorModule.of(ground, service.runner),
  createProbeAdapter(),
  { logger: new NestLogger(ground.log) },
);
await serve(ground, app, service);
