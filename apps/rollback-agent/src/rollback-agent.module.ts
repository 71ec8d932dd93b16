import { Module, type DynamicModule } from '@nestjs/common';
import { ObservabilityModule } from '#observability/observability.module.js';
import type { ServiceGround } from '#service/service-process.js';
import { RollbackConsumer } from './inbound/rollback.consumer.js';
import { RollbackRunner } from './rollback.runner.js';

/** The consumer of a rollback agent that was put together by hand, and the routes that show its health. */
@Module({})
export class RollbackAgentModule {
  static of(
    ground: Pick<ServiceGround, 'health' | 'metrics'>,
    runner: RollbackRunner,
  ): DynamicModule {
    return {
      module: RollbackAgentModule,
      imports: [ObservabilityModule.of(ground.health, ground.metrics)],
      controllers: [RollbackConsumer],
      providers: [{ provide: RollbackRunner, useValue: runner }],
    };
  }
}
