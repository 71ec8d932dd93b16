import { Controller, Get, Module, Res, type DynamicModule } from '@nestjs/common';
import { Health, type HealthReport } from './health.js';
import { MetricRegistry } from './metric-registry.js';

/** What is used of Fastify's reply. */
interface Reply {
  status(code: number): unknown;
  header(name: string, value: string): unknown;
}

const OK = 200;
const UNAVAILABLE = 503;

@Controller()
class ObservabilityController {
  constructor(
    private readonly health: Health,
    private readonly metrics: MetricRegistry,
  ) {}

  @Get('livez')
  async livez(@Res({ passthrough: true }) reply: Reply): Promise<HealthReport> {
    return answer(await this.health.liveness(), reply);
  }

  @Get('readyz')
  async readyz(@Res({ passthrough: true }) reply: Reply): Promise<HealthReport> {
    return answer(await this.health.readiness(), reply);
  }

  @Get('metrics')
  async scrape(@Res({ passthrough: true }) reply: Reply): Promise<string> {
    reply.header('content-type', this.metrics.contentType);
    return this.metrics.text();
  }
}

/** GET /livez, /readyz (200 or 503, JSON: which part and why) and /metrics on a service's own app. */
@Module({})
export class ObservabilityModule {
  static of(health: Health, metrics: MetricRegistry): DynamicModule {
    return {
      module: ObservabilityModule,
      controllers: [ObservabilityController],
      providers: [
        { provide: Health, useValue: health },
        { provide: MetricRegistry, useValue: metrics },
      ],
      exports: [Health, MetricRegistry],
      global: true,
    };
  }
}

function answer(report: HealthReport, reply: Reply): HealthReport {
  reply.status(report.ok ? OK : UNAVAILABLE);
  return report;
}
