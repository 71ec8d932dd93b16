import type { Clock } from '#runtime/clock.js';
import { InMemoryFleet } from './in-memory-fleet.js';
import type { SimulatedFault } from './simulated-faults.js';
import {
  SimulatedFleetStore,
  type Alteration,
  type FleetDeclaration,
  type FleetWork,
  type Selection,
  type SetsChange,
  type SetsView,
  type SetsWork,
} from './simulated-fleet.store.js';
import type { SimulatedAct } from './simulated-instance.js';
import { SIMULATED_LIMITS } from './target-limits.js';
import { TargetUnreachableError } from './target.driver.js';

/**
 * Simulated fleets in memory: the twin of the Postgres store for scenarios and simulation, and the
 * store of volatile fleets. Work is done in one turn, so nothing needs a lock.
 */
export class InMemoryFleetStore extends SimulatedFleetStore {
  readonly #fleets = new Map<string, InMemoryFleet>();
  readonly #clock: Clock;
  readonly #acted: ((fleet: string, act: SimulatedAct) => void) | undefined;

  /** @param acted told of every act in the turn in which the history takes it down */
  constructor(clock: Clock, acted?: (fleet: string, act: SimulatedAct) => void) {
    super();
    this.#clock = clock;
    this.#acted = acted;
  }

  override declare(declaration: FleetDeclaration): Promise<void> {
    const before = this.#fleets.get(declaration.fleet);
    if (before === undefined) this.#fleetOf(declaration);
    else before.redeclare(declaration);
    return DONE;
  }

  // Async, so that what the work throws is the promise's rejection, as with a real database.
  override async work<T>(
    declaration: FleetDeclaration,
    selection: Selection,
    work: (given: FleetWork) => T,
  ): Promise<T> {
    const fleet = this.#fleetOf(declaration);
    const given = fleet.given(selection, this.#clock.nowMs(), declaration.version);
    return Promise.resolve(work(given));
  }

  override async sets(declaration: FleetDeclaration): Promise<SetsView> {
    const fleet = this.#fleetOf(declaration);
    return Promise.resolve(fleet.view(this.#clock.nowMs(), declaration.version));
  }

  override async changeSets<T>(
    declaration: FleetDeclaration,
    change: (given: SetsWork) => SetsChange<T>,
  ): Promise<SetsView & { readonly answer: T }> {
    const fleet = this.#fleetOf(declaration);
    const nowMs = this.#clock.nowMs();
    return Promise.resolve(fleet.changeSets(nowMs, declaration.version, change));
  }

  override setFaults(fleet: string, faults: readonly SimulatedFault[]): Promise<boolean> {
    const there = this.#fleets.get(fleet);
    there?.setFaults(faults, this.#clock.nowMs());
    return Promise.resolve(there !== undefined);
  }

  override history(fleet: string): Promise<SimulatedAct[]> {
    return Promise.resolve([...(this.#fleets.get(fleet)?.history ?? [])]);
  }

  override alter(fleet: string, index: number, change: Alteration, set?: string): Promise<void> {
    this.#fleets.get(fleet)?.alter(index, change, set);
    return DONE;
  }

  #fleetOf(declaration: FleetDeclaration): InMemoryFleet {
    let fleet = this.#fleets.get(declaration.fleet);
    if (fleet === undefined) {
      if (this.#fleets.size >= SIMULATED_LIMITS.fleetsMax) {
        throw new TargetUnreachableError('there are too many simulated fleets in this process');
      }
      const acted = (act: SimulatedAct): void => this.#acted?.(declaration.fleet, act);
      fleet = new InMemoryFleet(declaration, acted);
      this.#fleets.set(declaration.fleet, fleet);
    }
    return fleet;
  }
}

const DONE = Promise.resolve();
