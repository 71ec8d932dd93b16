import { Module, type DynamicModule } from '@nestjs/common';
import { ObservabilityModule } from '#observability/observability.module.js';
import { Clock } from '#runtime/clock.js';
import type { ServiceGround } from '#service/service-process.js';
import { IdempotencyRunner } from './idempotency.runner.js';
import { HTTP_CONTROLLERS } from './inbound/http.config.js';
import { ResultsConsumer } from './inbound/results.consumer.js';
import type { Orchestrator } from './orchestrator.js';
import type { ExecutionStore } from './persistence/execution.store.js';
import type { RegistryStore } from './persistence/registry.store.js';
import type { StatisticsStore } from './persistence/statistics.store.js';
import { RegistryRunner } from './registry.runner.js';
import { StatisticsRunner } from './statistics.runner.js';
import type { TargetDesk } from './target-desk.js';
import { UpgradeCreationRunner } from './upgrade-creation.runner.js';
import { UpgradePreviewRunner } from './upgrade-preview.runner.js';
import { UpgradeReadsRunner } from './upgrade-reads.runner.js';
import { UpgradeReversalRunner } from './upgrade-reversal.runner.js';
import { UpgradeRunner } from './upgrade.runner.js';

/** What the controllers stand on. */
export interface OrchestratorDesk {
  readonly orchestrator: Orchestrator;
  readonly executions: ExecutionStore;
  readonly registry: RegistryStore;
  readonly statistics: StatisticsStore;
  readonly idempotency: IdempotencyRunner;
  readonly desk: TargetDesk;
}

/** The orchestrator's REST API and its consumer, around parts that are put together by hand. */
@Module({})
export class OrchestratorModule {
  static of(ground: Pick<ServiceGround, 'clock' | 'health' | 'metrics'>, parts: OrchestratorDesk) {
    const { orchestrator, executions, registry, statistics, idempotency, desk } = parts;
    const { runner } = orchestrator;
    const creation = new UpgradeCreationRunner(registry, executions, runner, desk, ground.clock);
    const previews = [registry, executions, statistics, desk, ground.clock] as const;
    const reversal = new UpgradeReversalRunner(runner, creation, executions, registry);
    return {
      module: OrchestratorModule,
      imports: [ObservabilityModule.of(ground.health, ground.metrics)],
      controllers: [...HTTP_CONTROLLERS, ResultsConsumer],
      providers: [
        { provide: Clock, useValue: ground.clock },
        { provide: UpgradeRunner, useValue: runner },
        { provide: UpgradeCreationRunner, useValue: creation },
        { provide: UpgradeReversalRunner, useValue: reversal },
        { provide: UpgradePreviewRunner, useValue: new UpgradePreviewRunner(...previews) },
        { provide: UpgradeReadsRunner, useValue: new UpgradeReadsRunner(executions) },
        { provide: RegistryRunner, useValue: new RegistryRunner(registry, desk, ground.clock) },
        { provide: StatisticsRunner, useValue: new StatisticsRunner(registry, statistics) },
        { provide: IdempotencyRunner, useValue: idempotency },
      ],
    } satisfies DynamicModule;
  }
}
