import type { Clock } from '#runtime/clock.js';
import { InMemoryFleetStore } from './in-memory-fleet.store.js';
import type { SimulatedFault } from './simulated-faults.js';
import type { SetsView, SimulatedFleetStore } from './simulated-fleet.store.js';
import type { SimulatedAct } from './simulated-instance.js';
import { SimulatedSettings, SimulatedSettingsInput } from './simulated-settings.js';
import { declarationOf, SimulatedDriver } from './simulated.driver.js';
import type { DriverFactory } from './target-drivers.js';
import { parseSettings } from './target-settings.js';
import type { TargetDriver } from './target.driver.js';

type Settings = Readonly<Record<string, unknown>>;

/**
 * The `simulated` driver's entry: opens fleets, and does to them what no driver may (declare,
 * faults, history). `settings` are a deployment's; `fleet` and `version` must be filled in for all
 * but `check`.
 */
export class SimulatedTargets implements DriverFactory {
  readonly #shared: SimulatedFleetStore;
  readonly #volatile: SimulatedFleetStore;
  readonly #clock: Clock;

  /**
   * @param shared where fleets live that all services see: Postgres, or one in-memory twin given
   *   to all services of a scenario
   */
  constructor(shared: SimulatedFleetStore, clock: Clock) {
    this.#shared = shared;
    this.#volatile = new InMemoryFleetStore(clock);
    this.#clock = clock;
  }

  check(settings: Settings): void {
    parseSettings(SimulatedSettingsInput, settings);
  }

  open(settings: Settings): TargetDriver {
    const parsed = parseSettings(SimulatedSettings, settings);
    return new SimulatedDriver(parsed, this.#storeOf(parsed), this.#clock);
  }

  /** To be called when a deployment is PUT: the fleet is as declared from now on. */
  declare(settings: Settings): Promise<void> {
    const parsed = parseSettings(SimulatedSettings, settings);
    return this.#storeOf(parsed).declare(declarationOf(parsed));
  }

  /** Replaces the fleet's faults at once, also while an execution runs. */
  async setFaults(settings: Settings, faults: readonly SimulatedFault[]): Promise<void> {
    const parsed = parseSettings(SimulatedSettings, settings);
    const store = this.#storeOf(parsed);
    if (await store.setFaults(parsed.fleet, faults)) return;
    await store.declare({ ...declarationOf(parsed), faults });
  }

  /** What was done to the fleet, the oldest first. */
  history(settings: Settings): Promise<SimulatedAct[]> {
    const parsed = parseSettings(SimulatedSettings, settings);
    return this.#storeOf(parsed).history(parsed.fleet);
  }

  /** How its sets stand: which is live, the weight, what is done to them. */
  sets(settings: Settings): Promise<SetsView> {
    const parsed = parseSettings(SimulatedSettings, settings);
    return this.#storeOf(parsed).sets(declarationOf(parsed));
  }

  #storeOf(settings: SimulatedSettings): SimulatedFleetStore {
    return settings.volatile ? this.#volatile : this.#shared;
  }
}
