/** What the validator's tests run on: every part a twin, and time that a test moves. */
import { envelope, SOURCES } from '#contracts/envelope.js';
import { TOPIC_SPECS, TOPICS } from '#contracts/topics.js';
import { ValidationResult, VALIDATE_TYPE, type ValidateCommand } from '#contracts/work.messages.js';
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
  type Backup,
  type ListQuery,
  type TargetDriver,
} from '#targets/target.driver.js';
import { MemoryValidationStore } from '../src/persistence/validation.memory.store.js';
import type { SmokeAnswer, SmokeCall } from '../src/validation.runner.js';
import { Validator } from '../src/validator.js';

const EXECUTION = '6f1d2c3b-4a59-4678-8a9b-0c1d2e3f4a5b';
const VERSION = { id: '00000000-0000-4000-8000-00000000000a', version: '1.0.0', artifacts: {} };
export const FLEET = { fleet: 'tenant/orders', version: '1.0.0', instances: 4 };

/** Simulated targets that a test can cut off, or let hang for ever. */
export class TestTargets extends TargetDrivers {
  mood: 'answers' | 'unreachable' | 'hangs' = 'answers';
  looks = 0;
  /** Null: the target keeps none. */
  kept: readonly Backup[] | null = null;
  address: string | null = null;

  constructor(readonly simulated: SimulatedTargets) {
    super();
  }

  override open({ settings }: { settings: Readonly<Record<string, unknown>> }): TargetDriver {
    const driver = this.simulated.open(settings);
    const ask = <T>(call: () => Promise<T>): Promise<T> => {
      this.looks += 1;
      if (this.mood === 'hangs') return new Promise<T>(() => undefined);
      if (this.mood === 'answers') return call();
      return Promise.reject(new TargetUnreachableError('connection refused'));
    };
    return Object.assign(Object.create(driver) as TargetDriver, {
      list: (query: ListQuery) => ask(() => driver.list(query)),
      room: (except: readonly string[]) => ask(() => driver.room(except)),
      capabilities: () =>
        ask(() => {
          const backups = this.kept !== null;
          return Promise.resolve({ sets: true, weights: false, backups, metrics: false });
        }),
      sets: () => ask(() => driver.sets()),
      backups: () => ask(() => Promise.resolve([...(this.kept ?? [])])),
      address: () => ask(() => Promise.resolve(this.address)),
    });
  }

  override check(): void {
    // Every settings will do.
  }
}

/** Kafka, Postgres and a target as twins, and replicas of the validator on them. */
export class World {
  readonly clock = new SteppedClock(1_700_000_000_000);
  readonly bus = new MemoryBus({ topics: TOPIC_SPECS, clock: this.clock });
  readonly database = new MemoryServiceDatabase({ nowMs: () => this.clock.nowMs() });
  readonly fleets = new InMemoryFleetStore(this.clock);
  readonly targets = new TestTargets(new SimulatedTargets(this.fleets, this.clock));
  /** What smoke tests have called, and what they are answered. */
  readonly calls: SmokeCall[] = [];
  answer: (call: SmokeCall) => Promise<SmokeAnswer> = () => Promise.resolve(answered(200));
  #asked = 0;

  async start(replica: string): Promise<Validator> {
    const { clock } = this;
    const nowMs = (): number => clock.nowMs();
    const database = this.database.viewFor(replica);
    const validator = new Validator({
      database,
      store: new MemoryValidationStore(database, nowMs),
      leases: new MemoryShardLeases(database, nowMs),
      producer: this.bus.producer(replica),
      drivers: this.targets,
      callSmokeTest: (call) => {
        this.calls.push(call);
        return this.answer(call);
      },
      clock,
      log: silentLog,
    });
    await validator.start();
    this.bus.consume(
      replica,
      'validator',
      [TOPICS.validatorCommands],
      (messages) => validator.consumer.take(messages),
      { deadLetters: validator.deadLetters },
    );
    return validator;
  }

  crash(replica: string): void {
    this.bus.abandon(replica);
    this.database.abandon(replica);
  }

  async ask(but: Partial<ValidateCommand['data']> = {}): Promise<void> {
    this.#asked += 1;
    const commandId = `c${String(this.#asked)}`;
    const data = { ...COMMAND, commandId, ...but };
    const value = questionText(data, this.clock.nowMs());
    await this.publish(value);
  }

  publish(value: string): Promise<void> {
    const topic = TOPICS.validatorCommands;
    return this.bus.producer('orchestrator').publish([{ topic, key: EXECUTION, value }]);
  }

  results(): ValidationResult['data'][] {
    return this.bus.contents(TOPICS.validatorResults).map((message) => {
      return ValidationResult.parse(JSON.parse(message.value?.toString() ?? '')).data;
    });
  }

  /** Lets time pass until the validator has ended so many times, at most ten minutes. */
  async untilEnded(times = 1): Promise<ValidationResult['data']> {
    for (let step = 0; step < 2_400; step += 1) {
      const ended = this.results().filter(({ state }) => state === 'ENDED');
      if (ended.length >= times) return ended[times - 1] as ValidationResult['data'];
      await this.clock.advance(250);
    }
    throw new Error(`not ended: ${JSON.stringify(this.results())}`);
  }
}

export function answered(status: number): SmokeAnswer {
  return { kind: 'ANSWERED', status, durationMs: 1 };
}

/** A question as it travels. */
export function questionText(data: ValidateCommand['data'], timeMs: number): string {
  const { commandId: id, executionId: subject } = data;
  const head = { id, source: SOURCES.orchestrator, type: VALIDATE_TYPE, subject, timeMs };
  return JSON.stringify(envelope(head, data));
}

export const COMMAND: ValidateCommand['data'] = {
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
    strategy: 'ROLLING',
    allowDowntime: false,
    batchSize: 5,
    maxUnavailablePercentage: 25,
    drainTimeoutMs: 0,
    healthCheckIntervalMs: 0,
    healthCheckTimeoutMs: 1_000,
  },
  kind: 'PRE',
  expectedInstances: null,
  takesAll: false,
  compatibility: {
    valid: true,
    upgradeType: 'MINOR',
    riskLevel: 'LOW',
    requiresDowntime: false,
    blockers: [],
    warnings: [],
  },
  installedComponents: {},
  requires: {},
  smokeTests: [],
  skipChecks: [],
};

export function outcomes(result: ValidationResult['data']): Record<string, string> {
  return Object.fromEntries(result.checks.map(({ check, outcome }) => [check, outcome]));
}

export const HEALTHY = {
  VERSION_COMPATIBILITY: 'PASSED',
  RESOURCE_AVAILABILITY: 'PASSED',
  BACKUP_VERIFICATION: 'PASSED',
  HEALTH_ENDPOINTS: 'PASSED',
  DEPENDENCY_CHECK: 'PASSED',
};

export async function healthyWorld(): Promise<World> {
  const world = new World();
  await world.targets.simulated.declare(FLEET);
  await world.start('one');
  return world;
}
