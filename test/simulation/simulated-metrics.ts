/** Where metrics come from that are not the target's own: answers what a query itself says. */
import {
  MetricSource,
  NoPrometheus,
} from '../../apps/canary-monitor/src/inbound/prometheus.client.js';
import { PrometheusError } from '../../apps/canary-monitor/src/prometheus-answer.js';
import type { FaultRates } from './fault-plan.js';
import type { SimulatedProcess } from './simulated-process.js';

/** PromQL for a constant, with the fleet it is of beside it. */
const CONSTANT = /^vector\((\d+)\) # (.+)$/;

export function constantOf(value: number, fleet: string): string {
  return `vector(${String(value)}) # ${fleet}`;
}

export class SimulatedPrometheus extends MetricSource {
  /** @param answered told of every answer, in the turn in which it is given */
  constructor(private readonly answered: (fleet: string, value: number) => void) {
    super();
  }

  override value(query: string): Promise<number | null> {
    const [, number, fleet] = CONSTANT.exec(query) ?? [];
    if (number === undefined || fleet === undefined) return new NoPrometheus().value();
    this.answered(fleet, Number(number));
    return Promise.resolve(Number(number));
  }
}

/** As one process reaches it. */
export class ProcessMetrics extends MetricSource {
  constructor(
    private readonly process: SimulatedProcess,
    private readonly source: MetricSource,
    private readonly rates: FaultRates,
  ) {
    super();
  }

  override async value(query: string, signal: AbortSignal): Promise<number | null> {
    const { process, rates } = this;
    try {
      await process.metricIo(rates, 'there');
    } catch (error) {
      throw new PrometheusError('Prometheus cannot be asked (ECONNRESET)', { cause: error });
    }
    const value = await this.source.value(query, signal);
    // What is lost on the way back is a series without a sample.
    return process.metricIo(rates, 'back').then(
      () => value,
      () => null,
    );
  }
}
