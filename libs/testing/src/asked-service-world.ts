/** What tests of a service that is asked for work run on: parts that are twins, and time they move. */
import { envelope, SOURCES } from '#contracts/envelope.js';
import { TOPIC_SPECS } from '#contracts/topics.js';
import type { ValidateCommand } from '#contracts/work.messages.js';
import type { BatchHandler } from '#messaging/batch-delivery.js';
import type { DeadLetters } from '#messaging/dead-letters.js';
import { MemoryBus } from '#messaging/memory-bus.js';
import { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import { MemoryShardLeases } from '#postgres/memory-shard-leases.js';
import { silentLog } from '#runtime/log.js';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { InMemoryFleetStore } from '#targets/in-memory-fleet.store.js';
import { SimulatedTargets } from '#targets/simulated-targets.js';

export const EXECUTION = '6f1d2c3b-4a59-4678-8a9b-0c1d2e3f4a5b';
const VERSION = { id: '00000000-0000-4000-8000-00000000000a', version: '1.0.0', artifacts: {} };

/** Of an upgrade from 1.0.0 to 1.1.0; the target is left to the test. */
export const SNAPSHOT: Omit<ValidateCommand['data']['snapshot'], 'target'> = {
  tenantId: 'acme',
  componentId: '00000000-0000-4000-8000-00000000000c',
  componentName: 'orders',
  stateless: true,
  from: VERSION,
  to: { ...VERSION, version: '1.1.0' },
  strategy: 'ROLLING',
  allowDowntime: false,
  batchSize: 5,
  maxUnavailablePercentage: 25,
  drainTimeoutMs: 0,
  healthCheckIntervalMs: 0,
  healthCheckTimeoutMs: 1_000,
};

/** Where a service is asked, and where it answers. */
export interface AskedAt<Result> {
  /** The service's consumer group. */
  readonly group: string;
  readonly commands: string;
  readonly results: string;
  readonly result: { parse(value: unknown): { readonly data: Result } };
}

/** A replica, as far as its messages go. */
interface Replica {
  readonly consumer: { take: BatchHandler };
  readonly deadLetters: DeadLetters;
  start(): Promise<void>;
}

/** A question as it travels. */
export function commandText(
  type: string,
  data: { readonly commandId: string; readonly executionId: string },
  timeMs: number,
): string {
  const { commandId: id, executionId: subject } = data;
  return JSON.stringify(
    envelope({ id, source: SOURCES.orchestrator, type, subject, timeMs }, data),
  );
}

/** Kafka, Postgres and a fleet as twins, and replicas of a service on them. */
export abstract class AskedServiceWorld<Service extends Replica, Result> {
  readonly clock = new SteppedClock(1_700_000_000_000);
  readonly bus = new MemoryBus({ topics: TOPIC_SPECS, clock: this.clock });
  readonly database = new MemoryServiceDatabase({ nowMs: () => this.clock.nowMs() });
  readonly fleets = new InMemoryFleetStore(this.clock);
  readonly simulated = new SimulatedTargets(this.fleets, this.clock);
  #asked = 0;

  constructor(private readonly at: AskedAt<Result>) {}

  /** Puts a replica together on its parts. */
  protected abstract build(parts: ReturnType<typeof this.partsOf>): Service;

  async start(replica: string): Promise<Service> {
    const service = this.build(this.partsOf(replica));
    await service.start();
    this.bus.consume(
      ...([replica, this.at.group, [this.at.commands]] as const),
      (messages) => service.consumer.take(messages),
      { deadLetters: service.deadLetters },
    );
    return service;
  }

  crash(replica: string): void {
    this.bus.abandon(replica);
    this.database.abandon(replica);
  }

  publish(value: string): Promise<void> {
    const topic = this.at.commands;
    return this.bus.producer('orchestrator').publish([{ topic, key: EXECUTION, value }]);
  }

  results(): Result[] {
    return this.bus.contents(this.at.results).map((message) => {
      return this.at.result.parse(JSON.parse(message.value?.toString() ?? '')).data;
    });
  }

  /** Another for each question: `c1`, `c2`, … */
  protected nextCommandId(): string {
    this.#asked += 1;
    return `c${String(this.#asked)}`;
  }

  protected partsOf(replica: string) {
    const { clock } = this;
    const database = this.database.viewFor(replica);
    const leases = new MemoryShardLeases(database, () => clock.nowMs());
    const producer = this.bus.producer(replica);
    return { database, leases, producer, clock, log: silentLog };
  }
}
