import { Module, type DynamicModule } from '@nestjs/common';
import { ObservabilityModule } from '#observability/observability.module.js';
import type { ServiceGround } from '#service/service-process.js';
import { ValidationConsumer } from './inbound/validation.consumer.js';
import { ValidationRunner } from './validation.runner.js';

/** The consumer of a validator that was put together by hand, and the routes that show its health. */
@Module({})
export class ValidatorModule {
  static of(
    ground: Pick<ServiceGround, 'health' | 'metrics'>,
    runner: ValidationRunner,
  ): DynamicModule {
    return {
      module: ValidatorModule,
      imports: [ObservabilityModule.of(ground.health, ground.metrics)],
      controllers: [ValidationConsumer],
      providers: [{ provide: ValidationRunner, useValue: runner }],
    };
  }
}
