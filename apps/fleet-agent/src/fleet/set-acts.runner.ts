import { FLEET_LIMITS } from '../fleet-agent-limits.js';
import { hasSet, instancesOf, withoutSet, withPlaces } from './fleet-record.js';
import type { FleetRecord } from './fleet-record.js';
import type { FleetsStore } from './fleets.store.js';
import type { HealthProbe } from './health.probe.js';
import type { InstanceActs } from './instance-acts.runner.js';
import { isRouted } from './instance-record.js';
import type { Routes } from './routes.runner.js';
import { instanceWork, type SerialWork } from './serial-work.js';

/** What sets are changed through. */
export interface SetParts {
  readonly acts: InstanceActs;
  readonly probe: HealthProbe;
  readonly routes: Routes;
  readonly work: SerialWork;
}

/** How an act on a set ended; null: broken off, whoever comes next goes on from what is there. */
export type SetActEnd = { readonly closed?: number } | { readonly failed: string } | null;

/**
 * What is done to a set as a whole. Like the acts on an instance, each can be broken off at any
 * point and done again from the start: it looks at what is there before it does anything.
 */
export class SetActs {
  readonly #store: FleetsStore;
  readonly #parts: SetParts;

  constructor(store: FleetsStore, parts: SetParts) {
    this.#store = store;
    this.#parts = parts;
  }

  /** Makes the set, or more places of it; nothing runs in them yet. */
  async create(fleet: string, set: string, size: number, signal: AbortSignal): Promise<SetActEnd> {
    const record = await this.#settled(fleet, signal);
    if (record === null) return null;
    const problem = this.#problemOf(record, set, size);
    if (problem !== null) return { failed: problem };
    return this.#change(fleet, signal, (before) =>
      withPlaces(before, set, { size, admitted: false }),
    );
  }

  /**
   * All new requests go to this set from one moment on: the proxy exchanges the routes as a whole.
   * What one version was to get of the set before ends with it.
   */
  async switchTo(fleet: string, set: string, signal: AbortSignal): Promise<SetActEnd> {
    const record = await this.#settled(fleet, signal);
    if (record === null) return null;
    if (record.live === set) return {};
    if (!hasSet(record, set)) return { failed: `there is no set ${set}` };
    if (!(await this.#isServing(record, set))) {
      return { failed: `set ${set} has no healthy instance that was readmitted` };
    }
    if (signal.aborted) return null;
    this.#store.change(fleet, (before) => ({ ...before, switchingTo: set, share: null }));
    await this.#store.save(fleet);
    return (await this.#settled(fleet, signal)) === null ? null : {};
  }

  /**
   * Lets what is under way on the set end, until `endsAtMs` (since 1970), ends its processes and
   * forgets it. Answers how many connections were closed.
   */
  async retire(
    fleet: string,
    set: string,
    endsAtMs: number,
    signal: AbortSignal,
  ): Promise<SetActEnd> {
    const record = await this.#settled(fleet, signal);
    if (record === null) return null;
    if (record.live === set) return { failed: `set ${set} is the live one` };
    const closed = await Promise.all(
      instancesOf(record, set).map(({ id }) => this.#end(fleet, id, endsAtMs, signal)),
    );
    if (signal.aborted) return null;
    const end = await this.#change(fleet, signal, (before) => withoutSet(before, set));
    return end === null ? null : { closed: closed.reduce((sum, each) => sum + each, 0) };
  }

  /** Gives the version this share of the live set's requests; null: by number again. */
  async weigh(fleet: string, share: FleetRecord['share'], signal: AbortSignal): Promise<SetActEnd> {
    const record = await this.#settled(fleet, signal);
    if (record === null) return null;
    return this.#change(fleet, signal, (before) => ({ ...before, share }));
  }

  #problemOf(record: FleetRecord, set: string, size: number): string | null {
    if (!hasSet(record, set) && record.sets.length >= FLEET_LIMITS.setsMax) {
      return `there are ${FLEET_LIMITS.setsMax} sets already`;
    }
    if (size > FLEET_LIMITS.instancesMax) {
      return `a set has at most ${FLEET_LIMITS.instancesMax} places`;
    }
    const { spare } = this.#store;
    const missing = size - instancesOf(record, set).length;
    return missing > spare ? `there is room for ${spare} more instances` : null;
  }

  /** Whether it would answer, as it is at this moment. */
  async #isServing(record: FleetRecord, set: string): Promise<boolean> {
    const { probe } = this.#parts;
    const healths = instancesOf(record, set)
      .filter(isRouted)
      .map(({ launch }) => {
        probe.forget(launch);
        return probe.healthOf(launch);
      });
    return (await Promise.all(healths)).some(({ healthy }) => healthy);
  }

  /**
   * The fleet once a switch that was decided is done: the proxy knows of it, and then it is shown.
   * One that was broken off is done first, because nobody knows how far it came. Null: broken off.
   */
  async #settled(fleet: string, signal: AbortSignal): Promise<FleetRecord | null> {
    const set = this.#store.find(fleet)?.switchingTo ?? null;
    if (set !== null) {
      await this.#parts.routes.routed(fleet, signal);
      if (signal.aborted) return null;
      this.#store.change(fleet, (before) => ({ ...before, live: set, switchingTo: null }));
      await this.#store.save(fleet);
    }
    return signal.aborted ? null : (this.#store.find(fleet) ?? null);
  }

  /** Written down first, then told to the proxy. */
  async #change(
    fleet: string,
    signal: AbortSignal,
    change: (before: FleetRecord) => FleetRecord,
  ): Promise<SetActEnd> {
    this.#store.change(fleet, change);
    await this.#store.save(fleet);
    await this.#parts.routes.routed(fleet, signal);
    return signal.aborted ? null : {};
  }

  /**
   * Ends one instance of a set that goes, in place of whatever else is done to it. Work that was
   * accepted just before and begins just after finds itself superseded, and has taken the turn all
   * the same: then once more, or the process would outlive its set.
   */
  async #end(fleet: string, id: string, endsAtMs: number, given: AbortSignal): Promise<number> {
    const { acts, work } = this.#parts;
    const end = { closed: 0, isOver: false };
    while (!end.isOver && !given.aborted) {
      await work.run(instanceWork(fleet, id), async (own) => {
        const signal = AbortSignal.any([given, own]);
        end.closed += (await acts.drain(fleet, id, endsAtMs, signal)) ?? 0;
        const instance = this.#store.instance(fleet, id);
        if (instance !== undefined && !signal.aborted) await acts.end(fleet, instance);
        end.isOver = instance === undefined || !own.aborted;
      });
    }
    return end.closed;
  }
}
