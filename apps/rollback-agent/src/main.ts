import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { NestLogger } from '#observability/logger.js';
import { Plumbing1700000000000 } from '#postgres/plumbing-migration.js';
import { configOrExit } from '#runtime/config.js';
import { createProbeAdapter } from '#service/probe-port.js';
import { openGround, serve } from '#service/service-process.js';
import { openTargets } from '#service/targets.js';
import { countDecisions } from './decision-metrics.js';
import { Rollbacks1700000002000 } from './persistence/rollback.migration.js';
import { PgRollbackStore } from './persistence/rollback.pg.store.js';
import { RollbackAgentConfig } from './rollback-agent.config.js';
import { RollbackAgentModule } from './rollback-agent.module.js';
import { RollbackAgent } from './rollback-agent.js';

const config = configOrExit(RollbackAgentConfig);
const ground = await openGround(
  {
    name: 'rollback-agent',
    schema: 'rollback_agent',
    migrations: [Plumbing1700000000000, Rollbacks1700000002000],
  },
  config,
);
const { drivers } = openTargets(ground);
const store = new PgRollbackStore(ground.database);
const service = new RollbackAgent({
  ...{ ...ground, store, drivers },
  decided: countDecisions(ground.metrics),
});
const app = await NestFactory.create<NestFastifyApplication>(
  RollbackAgentModule.of(ground, service.runner),
  createProbeAdapter(),
  { logger: new NestLogger(ground.log) },
);
await serve(ground, app, service);
