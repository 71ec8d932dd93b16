import type { Clock } from '#runtime/clock.js';
import type { SimulatedFault } from './simulated-faults.js';
import { FaultBook } from './simulated-faults.js';
import type { FleetDeclaration, FleetWork, Selection } from './simulated-fleet.store.js';
import {
  isSuspect,
  lookFaultsOf,
  SimulatedFleetStore,
  worldOfRelease,
} from './simulated-fleet.store.js';
import type { SimulatedAct, SimulatedInstance } from './simulated-instance.js';
import {
  indexOfInstance,
  isPlainlyUp,
  newInstance,
  release,
  settle,
} from './simulated-instance.js';
import { SIMULATED_LIMITS } from './target-limits.js';
import { TargetUnreachableError } from './target.driver.js';

/**
 * Simulated fleets in memory: the twin of the Postgres store for scenarios and simulation, and the
 * store of volatile fleets. Work is done in one turn, so nothing needs a lock.
 */
export class InMemoryFleetStore extends SimulatedFleetStore {
  readonly #fleets = new Map<string, Fleet>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    super();
    this.#clock = clock;
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
    const given = this.#fleetOf(declaration).given(selection, this.#clock.nowMs());
    return Promise.resolve(work(given));
  }

  override async count(declaration: FleetDeclaration): Promise<number> {
    return Promise.resolve(this.#fleetOf(declaration).count);
  }

  override setFaults(fleet: string, faults: readonly SimulatedFault[]): Promise<boolean> {
    const there = this.#fleets.get(fleet);
    there?.setFaults(faults, this.#clock.nowMs());
    return Promise.resolve(there !== undefined);
  }

  override history(fleet: string): Promise<SimulatedAct[]> {
    return Promise.resolve([...(this.#fleets.get(fleet)?.history ?? [])]);
  }

  override alter(
    fleet: string,
    index: number,
    change: Partial<Pick<SimulatedInstance, 'runs' | 'admitted' | 'up' | 'gone'>>,
  ): Promise<void> {
    this.#fleets.get(fleet)?.alter(index, change);
    return DONE;
  }

  #fleetOf(declaration: FleetDeclaration): Fleet {
    let fleet = this.#fleets.get(declaration.fleet);
    if (fleet === undefined) {
      if (this.#fleets.size >= SIMULATED_LIMITS.fleetsMax) {
        throw new TargetUnreachableError('there are too many simulated fleets in this process');
      }
      fleet = new Fleet(declaration);
      this.#fleets.set(declaration.fleet, fleet);
    }
    return fleet;
  }
}

const DONE = Promise.resolve();

class Fleet {
  /** By index; ids sort as indices do. */
  readonly #rows: SimulatedInstance[] = [];
  /** Indices of rows that are not plainly up: what makes counting them cheap in a large fleet. */
  readonly #notUp = new Set<number>();
  #faults: FaultBook;
  #gone = 0;
  #version: string;
  readonly #keepsHistory: boolean;
  readonly history: SimulatedAct[] = [];

  constructor(declaration: FleetDeclaration) {
    this.#faults = new FaultBook(declaration.faults);
    this.#version = declaration.version;
    this.#keepsHistory = declaration.keepsHistory;
    for (let index = 0; index < declaration.instances; index += 1) {
      this.#rows.push(newInstance(index, declaration.version));
    }
  }

  get count(): number {
    return this.#rows.length - this.#gone;
  }

  redeclare({ instances, version, faults }: FleetDeclaration): void {
    this.#faults = new FaultBook(faults);
    this.#version = version;
    this.#rows.length = Math.min(this.#rows.length, instances);
    for (let index = 0; index < instances; index += 1) {
      const fence = this.#rows[index]?.fence ?? null;
      this.#rows[index] = { ...newInstance(index, version), fence };
    }
    this.#notUp.clear();
    this.#gone = 0;
  }

  given(selection: Selection, nowMs: number): FleetWork {
    return {
      nowMs,
      faults: this.#faults,
      rows: this.#select(selection, nowMs),
      put: (row) => {
        this.#put(row);
      },
      record: this.#keepsHistory
        ? (act) => {
            this.#record(act);
          }
        : null,
    };
  }

  setFaults(faults: readonly SimulatedFault[], nowMs: number): void {
    this.#faults = new FaultBook(faults);
    for (const index of [...this.#notUp]) {
      const row = this.#rows[index];
      if (row !== undefined) this.#put(release(row, worldOfRelease(nowMs, this.#faults)));
    }
  }

  alter(index: number, change: Partial<SimulatedInstance>): void {
    const row = this.#rows[index];
    if (row !== undefined) this.#put({ ...row, ...change });
    else if (index === this.#rows.length) {
      const appeared = newInstance(index, this.#version);
      this.#rows.push(appeared);
      this.#put({ ...appeared, ...change });
    }
  }

  #put(row: SimulatedInstance): void {
    if (this.#rows[row.index]?.gone !== row.gone) this.#gone += row.gone ? 1 : -1;
    this.#rows[row.index] = row;
    if (isPlainlyUp(row)) this.#notUp.delete(row.index);
    else this.#notUp.add(row.index);
  }

  #record(act: SimulatedAct): void {
    this.history.push(act);
    // Cut in large bites: shifting one by one would copy the whole list for each.
    if (this.history.length > SIMULATED_LIMITS.historyMax * 2) {
      this.history.splice(0, this.history.length - SIMULATED_LIMITS.historyMax);
    }
  }

  #select(selection: Selection, nowMs: number): (SimulatedInstance | undefined)[] {
    switch (selection.kind) {
      case 'IDS':
        return selection.ids.map((id) => this.#rows[indexOfInstance(id)]);
      case 'PAGE':
        return this.#from(null, selection, () => true);
      case 'SUSPECTS': {
        const looks = lookFaultsOf(this.#faults, selection.homeVersion);
        const few = new Set([...this.#notUp, ...looks.named]);
        const indices = looks.health ? null : [...few].sort((a, b) => a - b);
        return this.#from(indices, selection, (row) => {
          const settled = settle(row, nowMs);
          if (settled !== row) this.#put(settled);
          return isSuspect(isPlainlyUp(settled), settled, looks);
        });
      }
    }
  }

  /** `indices` null: all of them. */
  #from(
    indices: readonly number[] | null,
    { after, limit }: { readonly after: string | null; readonly limit: number },
    isWanted: (row: SimulatedInstance) => boolean,
  ): SimulatedInstance[] {
    const first = after === null ? 0 : indexAfter(after);
    const found: SimulatedInstance[] = [];
    const length = (indices ?? this.#rows).length;
    for (let at = indices === null ? first : 0; at < length && found.length < limit; at += 1) {
      const index = indices === null ? at : (indices[at] ?? 0);
      const row = index < first ? undefined : this.#rows[index];
      if (row !== undefined && !row.gone && isWanted(row)) found.push(row);
    }
    return found;
  }
}

/** The first index whose id is greater than `id`; an id of another form sorts by its letters. */
function indexAfter(id: string): number {
  const index = indexOfInstance(id);
  if (index >= 0) return index + 1;
  return id < 'i-' ? 0 : Number.MAX_SAFE_INTEGER;
}
