import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import {
  METRICS,
  type LabelsOf,
  type LabelValues,
  type MetricKey,
  type MetricSpec,
} from './metrics.js';

/** Stands for all values of a label beyond its bound. */
const OTHER = 'other';

/** The metrics of one process: every metric of the catalogue, and Node's own. */
export class MetricRegistry {
  readonly #registry = new Registry();
  readonly #counters = new Map<string, Counter>();
  readonly #gauges = new Map<string, Gauge>();
  readonly #histograms = new Map<string, Histogram>();
  /** By metric and label: the values seen of a label that has no closed list. */
  readonly #seen = new Map<string, Set<string>>();

  /** @param service a label of every metric */
  constructor(service: string) {
    this.#registry.setDefaultLabels({ service });
    collectDefaultMetrics({ register: this.#registry });
    for (const [key, spec] of Object.entries<MetricSpec>(METRICS)) this.#register(key, spec);
  }

  /** Adds to a counter. */
  count<Key extends MetricKey<'counter'>>(key: Key, labels: LabelsOf<Key>, by = 1): void {
    this.#counters.get(key)?.inc(this.#bounded(key, labels), by);
  }

  /** Sets a gauge. */
  set<Key extends MetricKey<'gauge'>>(key: Key, labels: LabelsOf<Key>, value: number): void {
    this.#gauges.get(key)?.set(this.#bounded(key, labels), value);
  }

  /** Puts one value into a histogram, in its unit. */
  observe<Key extends MetricKey<'histogram'>>(
    key: Key,
    labels: LabelsOf<Key>,
    value: number,
  ): void {
    this.#histograms.get(key)?.observe(this.#bounded(key, labels), value);
  }

  /** The answer to a scrape, in Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  #register(key: string, spec: MetricSpec): void {
    const options = {
      name: spec.name,
      help: `${spec.help} (${spec.unit})`,
      labelNames: Object.keys(spec.labels),
      registers: [this.#registry],
    };
    if (spec.type === 'counter') this.#counters.set(key, new Counter(options));
    else if (spec.type === 'gauge') this.#gauges.set(key, new Gauge(options));
    else {
      const buckets = [...(spec.buckets ?? [])];
      this.#histograms.set(key, new Histogram({ ...options, buckets }));
    }
  }

  #bounded(key: keyof typeof METRICS, labels: object): Record<string, string> {
    const bounds: Readonly<Record<string, LabelValues>> = METRICS[key].labels;
    const bounded: Record<string, string> = {};
    for (const [label, value] of Object.entries(labels as Record<string, string>)) {
      const values = bounds[label];
      if (values !== undefined) bounded[label] = this.#within(`${key}.${label}`, values, value);
    }
    return bounded;
  }

  #within(place: string, values: LabelValues, value: string): string {
    if (!('most' in values)) return values.includes(value) ? value : OTHER;
    let seen = this.#seen.get(place);
    if (seen === undefined) this.#seen.set(place, (seen = new Set()));
    if (seen.has(value)) return value;
    if (seen.size >= values.most) return OTHER;
    seen.add(value);
    return value;
  }
}

/** Counts what `libs/messaging` reports; fits its port `MessagingMeter`. */
export function messagingMeter(metrics: MetricRegistry) {
  return {
    produced(messages: number, bytes: number, seconds: number, tries: number): void {
      metrics.observe('produces', {}, seconds);
      metrics.observe('produceSize', {}, messages);
      metrics.count('producedMessages', {}, messages);
      metrics.count('producedBytes', {}, bytes);
      if (tries > 1) metrics.count('produceRetries', {}, tries - 1);
    },
    handled(topic: string, messages: number, seconds: number): void {
      metrics.observe('handled', { topic }, seconds);
      metrics.count('handledMessages', { topic }, messages);
    },
    retried(topic: string): void {
      metrics.count('handleRetries', { topic });
    },
    buried(topic: string): void {
      metrics.count('deadLetters', { topic });
    },
    relayed(rows: number, _messages: number, seconds: number): void {
      metrics.observe('relays', {}, seconds);
      metrics.count('relayedRows', {}, rows);
    },
  };
}
