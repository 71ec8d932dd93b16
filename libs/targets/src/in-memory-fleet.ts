import { FaultBook, type SimulatedFault } from './simulated-faults.js';
import {
  isFit,
  isSuspect,
  lookFaultsOf,
  worldOfRelease,
  type Alteration,
  type FleetDeclaration,
  type FleetWork,
  type Selection,
  type SetsChange,
  type SetsView,
  type SetsWork,
} from './simulated-fleet.store.js';
import {
  idPrefixOf,
  indexOfInstance,
  isPlainlyUp,
  MAIN_SET,
  newInstance,
  newPlace,
  recordEnd,
  release,
  settle,
  type SimulatedAct,
  type SimulatedInstance,
} from './simulated-instance.js';
import {
  dueOperation,
  finishSet,
  newSets,
  releaseSet,
  type InstancesChange,
  type SimulatedSets,
} from './simulated-sets.js';
import { SIMULATED_LIMITS } from './target-limits.js';

type RecordAct = ((act: SimulatedAct) => void) | null;

/** One simulated fleet in memory. */
export class InMemoryFleet {
  readonly #rows = new Map<string, SetRows>();
  #sets: SimulatedSets = newSets();
  #faults: FaultBook;
  #version: string;
  #record: RecordAct = null;
  readonly history: SimulatedAct[] = [];

  /** @param acted told of every act that the history takes down */
  constructor(
    { instances, version, faults, keepsHistory }: FleetDeclaration,
    private readonly acted: (act: SimulatedAct) => void,
  ) {
    this.#faults = new FaultBook(faults);
    this.#version = version;
    this.#keepHistory(keepsHistory);
    const rows = this.#rowsOf(MAIN_SET);
    for (let index = 0; index < instances; index += 1) rows.put(newInstance(index, version));
  }

  redeclare({ instances, version, faults, keepsHistory }: FleetDeclaration): void {
    this.#keepHistory(keepsHistory);
    this.#faults = new FaultBook(faults);
    this.#version = version;
    const before = this.#rowsOf(MAIN_SET);
    this.#rows.clear();
    const rows = this.#rowsOf(MAIN_SET);
    for (let index = 0; index < instances; index += 1) {
      rows.put({ ...newInstance(index, version), fence: before.at(index)?.fence ?? null });
    }
    this.#sets = newSets(this.#sets.fence);
  }

  given(selection: Selection, nowMs: number, homeVersion: string): FleetWork {
    this.#settle(nowMs, homeVersion);
    return {
      nowMs,
      faults: this.#faults,
      liveSet: this.#sets.live,
      rows: this.#select(selection, nowMs),
      put: (row) => this.#rows.get(row.set)?.put(row),
      record: this.#record,
    };
  }

  view(nowMs: number, homeVersion: string): SetsView {
    this.#settle(nowMs, homeVersion);
    return { nowMs, sets: this.#sets, listed: this.#listed() };
  }

  changeSets<T>(
    nowMs: number,
    homeVersion: string,
    change: (given: SetsWork) => SetsChange<T>,
  ): SetsView & { readonly answer: T } {
    this.#settle(nowMs, homeVersion);
    const record = this.#record;
    const { sets, answer } = change({ nowMs, faults: this.#faults, sets: this.#sets, record });
    this.#sets = sets;
    return { ...this.view(nowMs, homeVersion), answer };
  }

  setFaults(faults: readonly SimulatedFault[], nowMs: number): void {
    this.#faults = new FaultBook(faults);
    this.#sets = releaseSet(this.#sets, nowMs, this.#faults);
    const world = worldOfRelease(nowMs, this.#faults);
    for (const rows of this.#rows.values()) {
      for (const index of [...rows.notUp]) {
        const row = rows.at(index);
        if (row !== undefined) rows.put(release(row, world));
      }
    }
  }

  alter(index: number, change: Alteration, set = this.#sets.live): void {
    const rows = this.#rows.get(set);
    const row = rows?.at(index);
    if (row !== undefined) rows?.put({ ...row, ...change });
    else if (index === rows?.length) {
      rows.put({ ...newInstance(index, this.#version, set), ...change });
    }
  }

  /** Does what is due on the sets. */
  #settle(nowMs: number, homeVersion: string): void {
    const due = dueOperation(this.#sets, nowMs);
    if (due === null) return;
    const sight = { faults: this.#faults, homeVersion };
    const candidates = due.verb === 'switch' ? this.#rows.get(due.asked.set ?? '') : undefined;
    const hasFit = candidates?.some((row) => isFit(row, nowMs, sight)) ?? false;
    const are = { listed: this.#listed(), hasFit };
    const { sets, change } = finishSet(this.#sets, due, are, this.#record);
    this.#sets = sets;
    if (change !== null) this.#apply(change, nowMs);
  }

  #apply(change: InstancesChange, nowMs: number): void {
    if (change.kind === 'REMOVE') {
      const rows = this.#rows.get(change.set);
      for (const index of rows?.notUp ?? []) {
        const row = rows?.at(index);
        if (row !== undefined) recordEnd(settle(row, nowMs), change.fence, this.#record);
      }
      this.#rows.delete(change.set);
      return;
    }
    const rows = this.#rowsOf(change.set);
    for (let index = 0; index < change.size; index += 1) {
      const row = rows.at(index);
      if (row === undefined || row.gone) rows.put(newPlace(change.set, index, change.fence));
    }
  }

  #listed(): ReadonlyMap<string, number> {
    return new Map([...this.#rows].map(([set, rows]) => [set, rows.count]));
  }

  /** Makes the set when there is none of that name. */
  #rowsOf(set: string): SetRows {
    let rows = this.#rows.get(set);
    if (rows === undefined) this.#rows.set(set, (rows = new SetRows()));
    return rows;
  }

  #keepHistory(isKept: boolean): void {
    this.#record = isKept ? (act) => this.#keep(act) : null;
  }

  #keep(act: SimulatedAct): void {
    this.history.push(act);
    this.acted(act);
    // Cut in large bites: shifting one by one would copy the whole list for each.
    if (this.history.length > SIMULATED_LIMITS.historyMax * 2) {
      this.history.splice(0, this.history.length - SIMULATED_LIMITS.historyMax);
    }
  }

  #select(selection: Selection, nowMs: number): (SimulatedInstance | undefined)[] {
    if (selection.kind === 'IDS') return selection.ids.map((id) => this.#find(id));
    const set = selection.set ?? this.#sets.live;
    const rows = this.#rows.get(set);
    if (rows === undefined) return [];
    const page = { first: firstAfter(selection.after, set), limit: selection.limit };
    if (selection.kind === 'PAGE' || set !== this.#sets.live) return rows.page(page);
    return rows.suspects(page, nowMs, lookFaultsOf(this.#faults, selection.homeVersion));
  }

  #find(id: string): SimulatedInstance | undefined {
    for (const [set, rows] of this.#rows) {
      const index = indexOfInstance(id, set);
      if (index >= 0) return rows.at(index);
    }
    return undefined;
  }
}

interface PageFrom {
  /** The least index that is wanted. */
  readonly first: number;
  readonly limit: number;
}

/** The instances of one set, by index; ids sort as indices do. */
class SetRows {
  readonly #rows: SimulatedInstance[] = [];
  /** Indices of rows that are not plainly up: what makes counting them cheap in a large fleet. */
  readonly notUp = new Set<number>();
  #gone = 0;

  get length(): number {
    return this.#rows.length;
  }

  /** How many there are; those that vanished are none. */
  get count(): number {
    return this.#rows.length - this.#gone;
  }

  at(index: number): SimulatedInstance | undefined {
    return this.#rows[index];
  }

  put(row: SimulatedInstance): void {
    const wasGone = this.#rows[row.index]?.gone ?? false;
    if (wasGone !== row.gone) this.#gone += row.gone ? 1 : -1;
    this.#rows[row.index] = row;
    if (isPlainlyUp(row)) this.notUp.delete(row.index);
    else this.notUp.add(row.index);
  }

  some(isSo: (row: SimulatedInstance) => boolean): boolean {
    return this.#rows.some(isSo);
  }

  page(page: PageFrom): SimulatedInstance[] {
    return this.#from(null, page, () => true);
  }

  suspects(
    page: PageFrom,
    nowMs: number,
    looks: ReturnType<typeof lookFaultsOf>,
  ): SimulatedInstance[] {
    const few = new Set([...this.notUp, ...looks.named]);
    const indices = looks.health ? null : [...few].sort((a, b) => a - b);
    return this.#from(indices, page, (row) => {
      const settled = settle(row, nowMs);
      if (settled !== row) this.put(settled);
      return isSuspect(isPlainlyUp(settled), settled, looks);
    });
  }

  /** `indices` null: all of them. */
  #from(
    indices: readonly number[] | null,
    { first, limit }: PageFrom,
    isWanted: (row: SimulatedInstance) => boolean,
  ): SimulatedInstance[] {
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
function firstAfter(id: string | null, set: string): number {
  if (id === null) return 0;
  const index = indexOfInstance(id, set);
  if (index >= 0) return index + 1;
  return id < idPrefixOf(set) ? 0 : Number.MAX_SAFE_INTEGER;
}
