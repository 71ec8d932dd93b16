import { resolve } from 'node:path';
import { Logger, StandardSchemaValidationPipe } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { createLogger, NestLogger } from '#observability/logger.js';
import { SystemClock } from '#runtime/clock.js';
import { configOrExit } from '#runtime/config.js';
import { AGENT_LIMITS } from '#targets/target-limits.js';
import { startWatchdog, takeHome } from './agent-process.js';
import { ARRIVAL_LIMITS } from './fleet-agent-limits.js';
import { FleetAgentConfig } from './fleet-agent.config.js';
import { FleetAgentModule } from './fleet-agent.module.js';
import { Fleets } from './fleet/fleets.runner.js';
import { FleetsStore } from './fleet/fleets.store.js';
import { Operations } from './fleet/operations.runner.js';
import { SetOperations } from './fleet/set-operations.runner.js';
import { homeOf } from './home.js';
import { ProblemFilter, unfit } from './http/problems.js';
import { TokenGuard } from './http/token-guard.js';

const config = configOrExit(FleetAgentConfig);
const log = createLogger({
  service: 'fleet-agent',
  replicaId: String(process.pid),
  level: config.LOG_LEVEL,
});
const clock = new SystemClock();
const home = homeOf(resolve(config.FLEET_AGENT_HOME));

await takeHome(home);
await startWatchdog(config, home, log);

Logger.overrideLogger(new NestLogger(log));
const app = await NestFactory.create<NestFastifyApplication>(
  FleetAgentModule.with({ config, clock, log }),
  new FastifyAdapter({
    bodyLimit: AGENT_LIMITS.requestBodyMaxBytes,
    requestTimeout: ARRIVAL_LIMITS.requestTimeoutMs,
    http: {
      headersTimeout: ARRIVAL_LIMITS.headersTimeoutMs,
      connectionsCheckingInterval: ARRIVAL_LIMITS.lateCheckMs,
    },
  }),
);
app.getHttpAdapter().getInstance().server.maxConnections = ARRIVAL_LIMITS.connectionsMax;
app.useGlobalPipes(new StandardSchemaValidationPipe({ exceptionFactory: unfit }));
app.useGlobalFilters(new ProblemFilter(log));
app.useGlobalGuards(new TokenGuard(config.FLEET_AGENT_TOKEN));

// What was kept is read, and what was under way goes on, before anybody is answered.
await app.get(FleetsStore).load();
await app.get(Fleets).resume();
app.get(Operations).resume();
app.get(SetOperations).resume();

const ending = new AbortController();
void app.get(Fleets).watchProxy(clock, ending.signal);

await app.listen(config.PORT, config.HOST);
log.info({ url: await app.getUrl(), home: home.folder }, 'fleet agent listens');

// Only the agent ends: proxy and instances go on, and what it was doing is written down.
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    ending.abort();
    log.info({ signal }, 'fleet agent ends, its instances go on');
    process.exit(0);
  });
}
