/** What one sample is to look at. */
import { CANARY_LIMITS } from '../limits.js';
import { filledIn, type QueryPlaces } from './metric-query.js';

/** A metric as far as it decides when and where it is looked at. */
export interface OrderedMetric {
  readonly source: 'PROMETHEUS' | 'TARGET';
  readonly query: string;
  readonly initialDelaySeconds: number;
}

export interface SampleOrder<Metric extends OrderedMetric> {
  /** Of the grid. */
  readonly number: number;
  /** What has not been seen after this long is an ERROR; shorter than the interval. */
  readonly deadlineMs: number;
  /** Those that are held against their bounds by now, with their queries filled in. */
  readonly metrics: readonly Metric[];
}

/** Health counts from the first sample, a metric from its own delay. */
export function sampleOrder<Metric extends OrderedMetric>(
  { intervalMs }: { readonly intervalMs: number },
  number: number,
  { metrics, ...places }: { readonly metrics: readonly Metric[] } & QueryPlaces,
): SampleOrder<Metric> {
  const { sampleDeadlineMaxMs, sampleDeadlineShare } = CANARY_LIMITS;
  const due = metrics.filter((metric) => number * intervalMs >= metric.initialDelaySeconds * 1_000);
  return {
    number,
    deadlineMs: Math.min(sampleDeadlineMaxMs, Math.floor(intervalMs * sampleDeadlineShare)),
    metrics: due.map((metric) => {
      if (metric.source === 'TARGET') return metric;
      return { ...metric, query: filledIn(metric.query, places) };
    }),
  };
}
