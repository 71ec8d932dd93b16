/** What the canary monitor's tests run on: every part a twin, and time that a test moves. */
import { envelope, SOURCES } from '#contracts/envelope.js';
import { TOPIC_SPECS, TOPICS } from '#contracts/topics.js';
import {
  WatchResult,
  WATCH_TYPE,
  type CanaryMetric,
  type WatchCommand,
} from '#contracts/work.messages.js';
import { MemoryBus } from '#messaging/memory-bus.js';
import { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import { MemoryShardLeases } from '#postgres/memory-shard-leases.js';
import { silentLog } from '#runtime/log.js';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { InMemoryFleetStore } from '#targets/in-memory-fleet.store.js';
import { SimulatedTargets } from '#targets/simulated-targets.js';
import {
  TargetDrivers,
  TargetUnreachableError,
  type ListQuery,
  type MetricQuery,
  type TargetDriver,
  type TargetSettings,
} from '#targets/target.driver.js';
import { MetricSource } from '../src/inbound/prometheus.client.js';
import { MemoryWatchStore } from '../src/persistence/watch.memory.store.js';
import { CanaryMonitor } from '../src/canary-monitor.js';

const EXECUTION = '6f1d2c3b-4a59-4678-8a9b-0c1d2e3f4a5b';
const VERSION = { id: '00000000-0000-4000-8000-00000000000a', version: '1.0.0', artifacts: {} };
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

/** Kafka, Postgres, a target and Prometheus as twins, and replicas of the monitor on them. */
export class World {
  readonly clock = new SteppedClock(1_700_000_000_000);
  readonly bus = new MemoryBus({ topics: TOPIC_SPECS, clock: this.clock });
  readonly database = new MemoryServiceDatabase({ nowMs: () => this.clock.nowMs() });
  readonly fleets = new InMemoryFleetStore(this.clock);
  readonly targets = new TestTargets(new SimulatedTargets(this.fleets, this.clock));
  readonly prometheus = new TestPrometheus();
  /** When the canaries' monitoring began. */
  readonly beganAtMs = this.clock.nowMs();
  #asked = 0;

  async start(replica: string): Promise<CanaryMonitor> {
    const { clock, prometheus } = this;
    const nowMs = (): number => clock.nowMs();
    const database = this.database.viewFor(replica);
    const monitor = new CanaryMonitor({
      ...{ database, clock, prometheus, drivers: this.targets, log: silentLog },
      store: new MemoryWatchStore(database, nowMs),
      leases: new MemoryShardLeases(database, nowMs),
      producer: this.bus.producer(replica),
      intervalMs: INTERVAL_MS,
    });
    await monitor.start();
    this.bus.consume(
      replica,
      'canary-monitor',
      [TOPICS.canaryCommands],
      (messages) => monitor.consumer.take(messages),
      { deadLetters: monitor.deadLetters },
    );
    return monitor;
  }

  crash(replica: string): void {
    this.bus.abandon(replica);
    this.database.abandon(replica);
  }

  async ask(but: Partial<WatchCommand['data']> = {}): Promise<void> {
    this.#asked += 1;
    const commandId = `c${String(this.#asked)}`;
    const instances = await this.canaries(2);
    const data = { ...COMMAND, beganAtMs: this.beganAtMs, instances, commandId, ...but };
    await this.publish(questionText(data, this.clock.nowMs()));
  }

  end(but: Partial<WatchCommand['data']> = {}): Promise<void> {
    return this.ask({ kind: 'END', instances: [], ...but });
  }

  publish(value: string): Promise<void> {
    const topic = TOPICS.canaryCommands;
    return this.bus.producer('orchestrator').publish([{ topic, key: EXECUTION, value }]);
  }

  /** The first so many of the fleet, as a question names them. */
  async canaries(count: number): Promise<WatchCommand['data']['instances']> {
    const { instances } = await this.targets.simulated.open(FLEET).list({ limit: count });
    return instances.map(({ id }, index) => ({ index, id, version: '1.1.0' }));
  }

  results(): WatchResult['data'][] {
    return this.bus.contents(TOPICS.canaryResults).map((message) => {
      return WatchResult.parse(JSON.parse(message.value?.toString() ?? '')).data;
    });
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
  const { commandId: id, executionId: subject } = data;
  const head = { id, source: SOURCES.orchestrator, type: WATCH_TYPE, subject, timeMs };
  return JSON.stringify(envelope(head, data));
}

export const COMMAND: WatchCommand['data'] = {
  executionId: EXECUTION,
  commandId: 'c0',
  fence: { handOver: 1 },
  page: 1,
  pages: 1,
  instances: [],
  snapshot: {
    tenantId: 'acme',
    componentId: '00000000-0000-4000-8000-00000000000c',
    componentName: 'orders',
    stateless: true,
    target: { driver: 'simulated', settings: FLEET },
    from: VERSION,
    to: { ...VERSION, version: '1.1.0' },
    strategy: 'CANARY',
    allowDowntime: false,
    batchSize: 5,
    maxUnavailablePercentage: 25,
    drainTimeoutMs: 0,
    healthCheckIntervalMs: 0,
    healthCheckTimeoutMs: 1_000,
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
