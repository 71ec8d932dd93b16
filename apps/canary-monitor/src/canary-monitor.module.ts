import { Module, type DynamicModule } from '@nestjs/common';
import { ObservabilityModule } from '#observability/observability.module.js';
import type { ServiceGround } from '#service/service-process.js';
import { WatchConsumer } from './inbound/watch.consumer.js';
import { WatchRunner } from './watch.runner.js';

/** The consumer of a monitor that was put together by hand, and the routes that show its health. */
@Module({})
export class CanaryMonitorModule {
  static of(ground: Pick<ServiceGround, 'health' | 'metrics'>, runner: WatchRunner): DynamicModule {
    return {
      module: CanaryMonitorModule,
      imports: [ObservabilityModule.of(ground.health, ground.metrics)],
      controllers: [WatchConsumer],
      providers: [{ provide: WatchRunner, useValue: runner }],
    };
  }
}
