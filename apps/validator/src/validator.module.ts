import { Module, type DynamicModule } from '@nestjs/common';
import { ObservabilityModule } from '#observability/observability.module.js';
import type { ServiceGround } from '#service/service-process.js';
import { ValidationConsumer } from './inbound/validation.consumer.js';
import { ValidationRunner } from './validation.runner.js';
import type { Validator } from './validator.js';

/** The validator's consumer, around parts that are put together by hand. */
@Module({})
export class ValidatorModule {
  static of(ground: Pick<ServiceGround, 'health' | 'metrics'>, validator: Validator) {
    return {
      module: ValidatorModule,
      imports: [ObservabilityModule.of(ground.health, ground.metrics)],
      controllers: [ValidationConsumer],
      providers: [{ provide: ValidationRunner, useValue: validator.runner }],
    } satisfies DynamicModule;
  }
}
