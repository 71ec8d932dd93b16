/** What the validator's tests run on: every part a twin, and time that a test moves. */
import { TOPICS } from '#contracts/topics.js';
import { ValidationResult, VALIDATE_TYPE, type ValidateCommand } from '#contracts/work.messages.js';
import type { SimulatedTargets } from '#targets/simulated-targets.js';
import {
  TargetDrivers,
  TargetUnreachableError,
  type Backup,
  type ListQuery,
  type TargetDriver,
} from '#targets/target.driver.js';
import {
  AskedServiceWorld,
  commandText,
  EXECUTION,
  SNAPSHOT,
} from '#testing/asked-service-world.js';
import { MemoryValidationStore } from '../src/persistence/validation.memory.store.js';
import type { SmokeAnswer, SmokeCall } from '../src/validation.runner.js';
import { Validator } from '../src/validator.js';

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

/** Replicas of the validator, and what they ask. */
export class World extends AskedServiceWorld<Validator, ValidationResult['data']> {
  readonly targets = new TestTargets(this.simulated);
  /** What smoke tests have called, and what they are answered. */
  readonly calls: SmokeCall[] = [];
  answer: (call: SmokeCall) => Promise<SmokeAnswer> = () => Promise.resolve(answered(200));

  constructor() {
    const { validatorCommands: commands, validatorResults: results } = TOPICS;
    super({ group: 'validator', commands, results, result: ValidationResult });
  }

  protected override build(parts: ReturnType<World['partsOf']>): Validator {
    return new Validator({
      ...parts,
      store: new MemoryValidationStore(parts.database),
      drivers: this.targets,
      callSmokeTest: (call) => {
        this.calls.push(call);
        return this.answer(call);
      },
    });
  }

  async ask(but: Partial<ValidateCommand['data']> = {}): Promise<void> {
    const data = { ...COMMAND, commandId: this.nextCommandId(), ...but };
    await this.publish(questionText(data, this.clock.nowMs()));
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
  return commandText(VALIDATE_TYPE, data, timeMs);
}

export const COMMAND: ValidateCommand['data'] = {
  executionId: EXECUTION,
  commandId: 'c0',
  fence: { handOver: 1 },
  page: 1,
  pages: 1,
  instances: [],
  snapshot: { ...SNAPSHOT, target: { driver: 'simulated', settings: FLEET } },
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
