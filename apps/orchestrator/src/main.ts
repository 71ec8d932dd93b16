import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { NestLogger } from '#observability/logger.js';
import { configOrExit } from '#runtime/config.js';
import { openGround, serve } from '#service/service-process.js';
import { openTargets } from '#service/targets.js';
import { IdempotencyRunner } from './idempotency.runner.js';
import { configureHttp, createHttpAdapter } from './inbound/http.config.js';
import { TargetsProbe } from './inbound/targets.probe.js';
import { OrchestratorConfig } from './orchestrator.config.js';
import { countDecisions } from './decision-metrics.js';
import { OrchestratorModule } from './orchestrator.module.js';
import { Orchestrator } from './orchestrator.js';
import { PgExecutionStore } from './persistence/execution.pg.store.js';
import { PgIdempotencyStore } from './persistence/idempotency.pg.store.js';
import { MIGRATIONS } from './persistence/migrations.js';
import { PgRegistryStore } from './persistence/registry.pg.store.js';
import { PgStatisticsStore } from './persistence/statistics.pg.store.js';

const config = configOrExit(OrchestratorConfig);
const ground = await openGround(
  {
    name: 'orchestrator',
    schema: 'orchestrator',
    migrations: MIGRATIONS,
  },
  config,
);
const { database, clock, log, metrics } = ground;
const { drivers, simulated } = openTargets(ground);
const executions = new PgExecutionStore(database);
// Before anything can be created: its first fact needs a place.
await executions.makeRoomForFacts(clock.nowMs());
const orchestrator = new Orchestrator({
  ...ground,
  store: executions,
  drivers,
  decided: countDecisions(metrics),
});
const idempotency = new IdempotencyRunner(new PgIdempotencyStore(database), clock);
const app = await NestFactory.create<NestFastifyApplication>(
  OrchestratorModule.of(ground, {
    orchestrator,
    executions,
    idempotency,
    registry: new PgRegistryStore(database),
    statistics: new PgStatisticsStore(database),
    desk: new TargetsProbe(drivers, simulated, clock),
  }),
  createHttpAdapter(),
  { logger: new NestLogger(log) },
);
configureHttp(app, { idempotency, log });
await serve(ground, app, orchestrator);
