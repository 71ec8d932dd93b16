import type { SimulatedFault } from './simulated-faults.js';
import type { FaultBook } from './simulated-faults.js';
import { isWell, settle } from './simulated-instance.js';
import type { SimulatedAct, SimulatedInstance, SimulatedWorld } from './simulated-instance.js';
import type { RecordSetAct, SimulatedSets } from './simulated-sets.js';

/** A fleet as its deployment declares it. */
export interface FleetDeclaration {
  /** Names the fleet: `<tenant>/<component>`. */
  readonly fleet: string;
  /** Of the set it begins with. */
  readonly instances: number;
  /** What new instances run: the deployment's current version (semver). */
  readonly version: string;
  readonly faults: readonly SimulatedFault[];
  /** Whether what is done is taken down for checkers. */
  readonly keepsHistory: boolean;
}

/** Which rows a piece of work is about. `set` left out: the live one. */
export type Selection =
  /** These, in this order, of whichever set. */
  | { readonly kind: 'IDS'; readonly ids: readonly string[] }
  /** All that are there, in the order of ids, after this id. */
  | PageOf<'PAGE'>
  /**
   * As PAGE, but only those that may be down: not plainly up, or under a fault that shows in a
   * look; all of a set that is not live. More than are down, never fewer.
   */
  | (PageOf<'SUSPECTS'> & { readonly homeVersion: string });

interface PageOf<Kind> {
  readonly kind: Kind;
  readonly set?: string | undefined;
  readonly after: string | null;
  readonly limit: number;
}

/** What a piece of work is given. Rows it does not `put` stay as they are. */
export interface FleetWork {
  readonly nowMs: number;
  readonly faults: FaultBook;
  readonly liveSet: string;
  /** As selected; with IDS undefined stands where there is no such instance. */
  readonly rows: readonly (SimulatedInstance | undefined)[];
  put(row: SimulatedInstance): void;
  /** Null when the fleet keeps no history. */
  readonly record: ((act: SimulatedAct) => void) | null;
}

/** The sets of a fleet, settled. */
export interface SetsView {
  readonly nowMs: number;
  readonly sets: SimulatedSets;
  /** How many instances each set has (those that vanished are none). */
  readonly listed: ReadonlyMap<string, number>;
}

/** What a change of a fleet's sets is given. */
export interface SetsWork {
  readonly nowMs: number;
  readonly faults: FaultBook;
  readonly sets: SimulatedSets;
  readonly record: RecordSetAct;
}

export interface SetsChange<T> {
  readonly sets: SimulatedSets;
  readonly answer: T;
}

/**
 * Where simulated fleets live: the outside world of a rehearsal. Postgres, so that every service
 * sees the same one, or memory. The rules stand in `simulated-instance.ts` and `simulated-sets.ts`;
 * a store only finds
 * rows, keeps them, and lets one piece of work at a time change a row. Whatever looks at a fleet
 * finds done what was to be done on its sets until then.
 *
 * Throws TargetUnreachableError when it cannot be asked.
 */
export abstract class SimulatedFleetStore {
  /**
   * The fleet is as declared from now on: one set of so many instances, all on this version,
   * admitted and up, with these faults. Fences stay, because whoever lost an instance must not get it back by this.
   */
  abstract declare(declaration: FleetDeclaration): Promise<void>;

  /** Runs `work` on the selected rows; the fleet is made as declared when it is not there yet. */
  abstract work<T>(
    declaration: FleetDeclaration,
    selection: Selection,
    work: (given: FleetWork) => T,
  ): Promise<T>;

  /** How its sets stand now; the fleet is made as declared when it is not there yet. */
  abstract sets(declaration: FleetDeclaration): Promise<SetsView>;

  /** Changes them; what is due at once is done at once. */
  abstract changeSets<T>(
    declaration: FleetDeclaration,
    change: (given: SetsWork) => SetsChange<T>,
  ): Promise<SetsView & { readonly answer: T }>;

  /**
   * Replaces the faults; their counts begin anew, and what hung because of one that is gone goes on.
   * False when there is no such fleet (yet).
   */
  abstract setFaults(fleet: string, faults: readonly SimulatedFault[]): Promise<boolean>;

  /** What was done, the oldest first, at most SIMULATED_LIMITS.historyMax entries. */
  abstract history(fleet: string): Promise<SimulatedAct[]>;

  /**
   * The outside world changes an instance by itself: someone else upgrades it, it falls, vanishes.
   * An index just past the last one makes a new instance appear. `set` left out: the live one. For
   * tests.
   */
  abstract alter(fleet: string, index: number, change: Alteration, set?: string): Promise<void>;
}

export type Alteration = Partial<Pick<SimulatedInstance, 'runs' | 'admitted' | 'up' | 'gone'>>;

/** Traffic may be switched to a set that has such an instance: healthy and readmitted. */
export function isFit(
  row: SimulatedInstance,
  nowMs: number,
  sight: Pick<SimulatedWorld, 'faults' | 'homeVersion'>,
): boolean {
  const settled = settle(row, nowMs);
  return settled.admitted && isWell(settled, sight);
}

/** What setting faults needs of the world: latency is the driver's own and plays no part. */
export function worldOfRelease(nowMs: number, faults: FaultBook): SimulatedWorld {
  return {
    nowMs,
    faults,
    latencyMs: 0,
    seed: 0,
    homeVersion: '',
    liveSet: '',
    outcomesKept: 0,
    record: null,
  };
}

/** Whether a look may show this row as down; the Postgres store asks the same in SQL. */
export function isSuspect(plainlyUp: boolean, row: SimulatedInstance, looks: LookFaults): boolean {
  if (!plainlyUp) return true;
  if (looks.named.has(row.index)) return true;
  return looks.health && row.runs !== looks.homeVersion;
}

/** The faults that can make an instance look down that is plainly up. */
export interface LookFaults {
  /** Indices that a LIST fault names. */
  readonly named: ReadonlySet<number>;
  /** Whether there is any HEALTH fault. */
  readonly health: boolean;
  readonly homeVersion: string;
}

export function lookFaultsOf(faults: FaultBook, homeVersion: string): LookFaults {
  const named = new Set<number>();
  for (const { on, instance } of faults.faults) {
    if (on === 'LIST' && instance !== undefined) named.add(instance);
  }
  return { named, health: faults.has('HEALTH'), homeVersion };
}
