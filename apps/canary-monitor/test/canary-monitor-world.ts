/** What the canary monitor's tests run on: every part a twin, and time that a test moves. */
import { TOPICS } from '#contracts/topics.js';
import {
  WatchResult,
  WATCH_TYPE,
  type CanaryMetric,
  type WatchCommand,
} from '#contracts/work.messages.js';
import type { SimulatedTargets } from '#targets/simulated-targets.js';
import {
  TargetDrivers,
  TargetUnreachableError,
  type ListQuery,
  type MetricQuery,
  type TargetDriver,
  type TargetSettings,
} from '#targets/target.driver.js';
import {
  AskedServiceWorld,
  commandText,
  EXECUTION,
  SNAPSHOT,
} from '#testing/asked-service-world.js';
import { MetricSource } from '../src/inbound/prometheus.client.js';
import { MemoryWatchStore } from '../src/persistence/watch.memory.store.js';
import { CanaryMonitor } from '../src/canary-monitor.js';

export const INTERVAL_MS = 30_000;
/** All of it stands on the version that the canaries are to be on. */
export const FLEET = { fleet: 'tenant/orders', version: '1.1.0', instances: 4 };

type Mood = 'answers' | 'unreachable' | 'hangs';

/** What a part of the outside world does when it is asked. */
function inMood<T>(mood: Mood, call: () => Promise<T>): Promise<T> {
  if (mood === 'hangs') return new Promise<T>(() => undefined);
  if (mood === 'answers') return call();
  return Promise.reject(new TargetUnreachableError('connection refused'));
}

/** Simulated targets that a test can cut off, or let hang for ever; and metrics it sets. */
export class TestTargets extends TargetDrivers {
  mood: Mood = 'answers';
  metricMood: Mood = 'answers';
  /** By its name; null and left out: no data. */
  readonly metrics = new Map<string, number | null>();
  /** Ids that each question for a metric named. */
  readonly asked: (readonly string[])[] = [];
  looks = 0;

  constructor(readonly simulated: SimulatedTargets) {
    super();
  }

  override open({ settings }: TargetSettings): TargetDriver {
    const driver = this.simulated.open(settings);
    return Object.assign(Object.create(driver) as TargetDriver, {
      list: (query: ListQuery) => {
        this.looks += 1;
        return inMood(this.mood, () => driver.list(query));
      },
      metric: ({ query, ids }: MetricQuery) => {
        this.asked.push(ids);
        return inMood(this.metricMood, () => Promise.resolve(this.metrics.get(query) ?? null));
      },
    });
  }

  override check(): void {
    // Every settings will do.
  }
}

/** A Prometheus that knows what a test tells it. */
export class TestPrometheus extends MetricSource {
  mood: Mood = 'answers';
  readonly values = new Map<string, number>();

  override value(query: string): Promise<number | null> {
    return inMood(this.mood, () => Promise.resolve(this.values.get(query) ?? null));
  }
}

/** Replicas of the monitor, and what they look at. */
export class World extends AskedServiceWorld<CanaryMonitor, WatchResult['data']> {
  readonly targets = new TestTargets(this.simulated);
  readonly prometheus = new TestPrometheus();
  /** When the canaries' monitoring began. */
  readonly beganAtMs = this.clock.nowMs();

  constructor() {
    const { canaryCommands: commands, canaryResults: results } = TOPICS;
    super({ group: 'canary-monitor', commands, results, result: WatchResult });
  }

  protected override build(parts: ReturnType<World['partsOf']>): CanaryMonitor {
    return new CanaryMonitor({
      ...parts,
      store: new MemoryWatchStore(parts.database),
      drivers: this.targets,
      prometheus: this.prometheus,
      intervalMs: INTERVAL_MS,
    });
  }

  async ask(but: Partial<WatchCommand['data']> = {}): Promise<void> {
    const commandId = this.nextCommandId();
    const instances = await this.canaries(2);
    const data = { ...COMMAND, beganAtMs: this.beganAtMs, instances, commandId, ...but };
    await this.publish(questionText(data, this.clock.nowMs()));
  }

  end(but: Partial<WatchCommand['data']> = {}): Promise<void> {
    return this.ask({ kind: 'END', instances: [], ...but });
  }

  /** The first so many of the fleet, as a question names them. */
  async canaries(count: number): Promise<WatchCommand['data']['instances']> {
    const { instances } = await this.targets.simulated.open(FLEET).list({ limit: count });
    return instances.map(({ id }, index) => ({ index, id, version: '1.1.0' }));
  }

  last(): WatchResult['data'] {
    const last = this.results().at(-1);
    if (last === undefined) throw new Error('nothing was said');
    return last;
  }

  /** All samples that were told, by number; told twice they must be the same. */
  samples(): WatchResult['data']['samples'] {
    const byNumber = new Map<number, WatchResult['data']['samples'][number]>();
    for (const sample of this.results().flatMap(({ samples }) => samples)) {
      const before = byNumber.get(sample.number);
      if (before !== undefined && JSON.stringify(before) !== JSON.stringify(sample)) {
        throw new Error(`two samples of moment ${String(sample.number)}`);
      }
      byNumber.set(sample.number, sample);
    }
    return [...byNumber.values()].sort((a, b) => a.number - b.number);
  }

  /** Lets time pass until shortly after a moment of the grid: its sample is taken and told. */
  async pass(moment: number, afterMs = 15_000): Promise<void> {
    const untilMs = this.beganAtMs + moment * INTERVAL_MS + afterMs;
    // In steps: what a loop does when it is woken may be due at once.
    while (this.clock.nowMs() < untilMs) {
      await this.clock.advance(Math.min(250, untilMs - this.clock.nowMs()));
    }
  }
}

/** A question as it travels. */
export function questionText(data: WatchCommand['data'], timeMs: number): string {
  return commandText(WATCH_TYPE, data, timeMs);
}

export const COMMAND: WatchCommand['data'] = {
  executionId: EXECUTION,
  commandId: 'c0',
  fence: { handOver: 1 },
  page: 1,
  pages: 1,
  instances: [],
  snapshot: {
    ...SNAPSHOT,
    target: { driver: 'simulated', settings: FLEET },
    strategy: 'CANARY',
  },
  kind: 'WATCH',
  beganAtMs: 0,
  durationSeconds: 600,
  metrics: [],
};

export function metric(but: Partial<CanaryMetric> = {}): CanaryMetric {
  const { name, source, query } = { name: 'errors', source: 'TARGET', query: 'errors' } as const;
  return { name, source, query, bound: 0.05, direction: 'BELOW', initialDelaySeconds: 0, ...but };
}

export function outcomes(samples: WatchResult['data']['samples']): string[] {
  return samples.map(({ number, outcome }) => `${String(number)} ${outcome}`);
}

export async function healthyWorld(): Promise<World> {
  const world = new World();
  await world.targets.simulated.declare(FLEET);
  await world.start('one');
  return world;
}
