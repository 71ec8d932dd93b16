/** What the rollback agent's tests run on: every part a twin, and time that a test moves. */
import { TOPICS } from '#contracts/topics.js';
import { ROLL_BACK_TYPE, RollbackResult, type RollbackCommand } from '#contracts/work.messages.js';
import type { InMemoryFleetStore } from '#targets/in-memory-fleet.store.js';
import type { SimulatedFault } from '#targets/simulated-faults.js';
import type { SimulatedTargets } from '#targets/simulated-targets.js';
import {
  TargetDrivers,
  type ObservedInstance,
  type SetOperation,
  type TargetDriver,
} from '#targets/target.driver.js';
import {
  AskedServiceWorld,
  commandText,
  EXECUTION,
  SNAPSHOT,
} from '#testing/asked-service-world.js';
import { MemoryRollbackStore } from '../src/persistence/rollback.memory.store.js';
import { RollbackAgent } from '../src/rollback-agent.js';

export const OLD = '1.0.0';
export const NEW = '1.1.0';
export const OLD_SET = 'main';
export const NEW_SET = 'green';

function planned(version: string) {
  return { id: '00000000-0000-4000-8000-00000000000a', version, artifacts: { image: version } };
}

export class TestTargets extends TargetDrivers {
  constructor(readonly simulated: SimulatedTargets) {
    super();
  }

  override open({ settings }: { settings: Readonly<Record<string, unknown>> }): TargetDriver {
    return this.simulated.open(settings);
  }

  override check(): void {
    // Every settings will do.
  }
}

/** A question as it travels. */
export function questionText(data: RollbackCommand['data'], timeMs: number): string {
  return commandText(ROLL_BACK_TYPE, data, timeMs);
}

/** Replicas of the agent, and the fleet they take back. */
export class World extends AskedServiceWorld<RollbackAgent, RollbackResult['data']> {
  readonly settings: Readonly<Record<string, unknown>>;
  /** The most instances that were down at once, as seen after every step of time. */
  mostDown = 0;

  /** @param size how many instances the fleet has; all of them have been taken to NEW */
  constructor(
    readonly size: number,
    latencyMs = 0,
  ) {
    const { rollbackCommands: commands, rollbackResults: results } = TOPICS;
    super({ group: 'rollback-agent', commands, results, result: RollbackResult });
    this.settings = { fleet: 'tenant/orders', version: OLD, instances: size, latencyMs };
  }

  static async of(size: number, latencyMs = 0): Promise<World> {
    const world = new World(size, latencyMs);
    await world.simulated.declare(world.settings);
    for (let index = 0; index < size; index += 1) await world.alter(index, { runs: NEW });
    await world.start('one');
    return world;
  }

  protected override build(parts: ReturnType<World['partsOf']>): RollbackAgent {
    const store = new MemoryRollbackStore(parts.database);
    return new RollbackAgent({ ...parts, store, drivers: new TestTargets(this.simulated) });
  }

  async ask(but: Partial<RollbackCommand['data']> = {}): Promise<void> {
    const commandId = this.nextCommandId();
    const instances = but.instances ?? (await this.instances());
    const data = { ...this.command(), commandId, ...but, instances };
    await this.publish(questionText(data, this.clock.nowMs()));
  }

  async instances(): Promise<RollbackCommand['data']['instances']> {
    return (await this.fleet()).map(({ id }, index) => ({ index, id, version: OLD }));
  }

  command(): RollbackCommand['data'] {
    return {
      executionId: EXECUTION,
      commandId: '',
      fence: { handOver: 2 },
      kind: 'ROLL_BACK',
      page: 1,
      pages: 1,
      instances: [],
      sets: null,
      listed: this.size,
      versions: [planned(OLD), planned(NEW)],
      snapshot: {
        ...SNAPSHOT,
        target: { driver: 'simulated', settings: this.settings },
        from: planned(OLD),
        to: planned(NEW),
        drainTimeoutMs: 1_000,
        healthCheckIntervalMs: 100,
        healthCheckTimeoutMs: 2_000,
      },
    };
  }

  async fleet(): Promise<readonly ObservedInstance[]> {
    const driver = this.simulated.open(this.settings);
    return (await driver.list({ limit: 1_000 })).instances;
  }

  alter(
    index: number,
    change: Parameters<InMemoryFleetStore['alter']>[2],
    set?: string,
  ): Promise<void> {
    return this.fleets.alter('tenant/orders', index, change, set);
  }

  /** Operations that were begun, as `<index>/<attempt>/<verb>`, the oldest first. */
  async operations(): Promise<string[]> {
    const acts = await this.simulated.history(this.settings);
    return acts.map(({ operationId }) => operationId.split('/').slice(1).join('/'));
  }

  /** A new set beside the one there is, as the way forward leaves it; `live`: switched to. */
  async addNewSet(live: boolean): Promise<void> {
    const driver = this.simulated.open(this.settings);
    const operate = async (operation: Omit<SetOperation, 'id'>): Promise<void> => {
      const id = `forward/set/${operation.verb}`;
      const asked = { id, ...operation };
      await driver.submitSet(asked, { handOver: 1, epoch: 1 });
      for (let turn = 0; turn < 100; turn += 1) {
        if ((await driver.pollSet(id, 0)).state === 'SUCCEEDED') return;
        await this.clock.advance(50);
      }
      throw new Error(`${operation.verb} does not end`);
    };
    await operate({ verb: 'createSet', set: NEW_SET, size: this.size });
    for (let index = 0; index < this.size; index += 1) {
      await this.alter(index, { runs: NEW, up: true, admitted: true }, NEW_SET);
      await this.alter(index, { runs: OLD }, OLD_SET);
    }
    if (live) await operate({ verb: 'switch', set: NEW_SET });
  }

  /** Names of the target's sets; the live one with a star. */
  async sets(): Promise<string[]> {
    const sets = await this.simulated.open(this.settings).sets();
    return sets.map(({ name, live }) => `${name}${live ? '*' : ''}`);
  }

  /** Asks for sets to go back, in the one page that takes. */
  askForSets(
    sets: NonNullable<RollbackCommand['data']['sets']>,
    but: Partial<RollbackCommand['data']> = {},
  ): Promise<void> {
    return this.ask({ sets, instances: [], ...but });
  }

  faults(...faults: SimulatedFault[]): Promise<void> {
    return this.simulated.setFaults(this.settings, faults);
  }

  /** Every index any result named, in their order. */
  restored(): number[] {
    return this.results().flatMap(({ restored }) => restored);
  }

  /** Lets `ms` pass, looking at the fleet all the while. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 50) {
      await this.clock.advance(50);
      const down = (await this.fleet()).filter((one) => !(one.admitted && one.healthy)).length;
      this.mostDown = Math.max(this.mostDown, down);
    }
  }

  /** Until a result with this state is there, at most so long. */
  async until(
    state: RollbackResult['data']['state'],
    { times = 1, limitMs = 120_000 } = {},
  ): Promise<RollbackResult['data']> {
    for (let passed = 0; passed < limitMs; passed += 100) {
      const found = this.results().filter((result) => result.state === state);
      if (found.length >= times) return found[times - 1] as RollbackResult['data'];
      await this.pass(100);
    }
    throw new Error(`no ${state}: ${JSON.stringify(this.results())}`);
  }
}
