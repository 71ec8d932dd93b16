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
import { SmokeTestClient } from './inbound/smoke-test.client.js';
import { VALIDATION_MIGRATIONS } from './persistence/validation.migration.js';
import { PgValidationStore } from './persistence/validation.pg.store.js';
import { ValidatorConfig } from './validator.config.js';
import { ValidatorModule } from './validator.module.js';
import { Validator } from './validator.js';

const config = configOrExit(ValidatorConfig);
const ground = await openGround(
  {
    name: 'validator',
    schema: 'validator',
    migrations: [Plumbing1700000000000, ...VALIDATION_MIGRATIONS],
  },
  config,
);
const { drivers } = openTargets(ground);
const store = new PgValidationStore(ground.database);
const smokeTests = new SmokeTestClient(config.EGRESS_LINK_LOCAL);
ground.shutdown.at('closeConnections', 'smoke tests', () => smokeTests.close());
const service = new Validator({
  ...{ ...ground, store, drivers, callSmokeTest: smokeTests.call },
  decided: countDecisions(ground.metrics),
});
const app = await NestFactory.create<NestFastifyApplication>(
  ValidatorModule.of(ground, service.runner),
  createProbeAdapter(),
  { logger: new NestLogger(ground.log) },
);
await serve(ground, app, service);
