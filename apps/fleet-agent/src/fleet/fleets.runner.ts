import type { Log } from '#runtime/log.js';
import type { Clock } from '#runtime/clock.js';
import type { BackupMessage } from '#targets/agent-contract.js';
import { FLEET_LIMITS, PROXY_LIMITS } from '../fleet-agent-limits.js';
import type { EdgeProxy } from '../proxy/edge-proxy.client.js';
import { emptyFleet, instancesOf, withPlaces, withRelease } from './fleet-record.js';
import type { FleetRecord } from './fleet-record.js';
import type { FleetsStore } from './fleets.store.js';
import type { InstanceActs } from './instance-acts.runner.js';
import type { Routes } from './routes.runner.js';
import { instanceWork, setWork, type SerialWork } from './serial-work.js';

/** A fleet as it is declared to the agent, beside the contract. */
export interface FleetDeclaration {
  /** How many instances its live set is to have. */
  readonly instances: number;
  readonly version: string;
  readonly artifacts: Readonly<Record<string, string>>;
  /** Where its traffic comes in; left out: any free port, kept from then on. */
  readonly trafficPort?: number | undefined;
  /** What there is of backups; left out: what was said before. */
  readonly backups?: readonly BackupMessage[] | undefined;
}

/** What fleets are reached and changed through. */
export interface FleetParts {
  readonly acts: InstanceActs;
  readonly proxy: EdgeProxy;
  readonly routes: Routes;
}

/** What was asked for cannot be done. */
export class FleetConflictError extends Error {
  override readonly name = 'FleetConflictError';
}

/** Makes and removes fleets, and keeps the edge proxy alive. */
export class Fleets {
  readonly #store: FleetsStore;
  readonly #parts: FleetParts;
  readonly #work: SerialWork;
  readonly #log: Log;

  constructor(store: FleetsStore, parts: FleetParts, work: SerialWork, log: Log) {
    this.#store = store;
    this.#parts = parts;
    this.#work = work;
    this.#log = log;
  }

  /** Tells the proxy what was known when the agent went. */
  async resume(): Promise<void> {
    const { proxy, routes } = this.#parts;
    await proxy.ensure();
    for (const { name } of this.#store.all) await routes.route(name);
  }

  /**
   * Makes the fleet, or more instances of it; resolves when they listen. Those that are there stay
   * as they are, so that a declaration may be repeated.
   * @throws FleetConflictError when there are more already, or an instance does not start
   */
  async declare(name: string, declared: FleetDeclaration): Promise<FleetRecord> {
    const known = this.#store.find(name);
    const empty = emptyFleet(name, declared.version, declared.trafficPort ?? 0);
    this.#assertFits(known, declared);
    if (known === undefined) this.#store.add(empty);
    this.#store.change(name, (fleet) => grown(fleet, declared));
    await this.#store.save(name);
    const { proxy, routes } = this.#parts;
    await proxy.ensure();
    await routes.route(name);
    await this.#startMissing(name, declared);
    return this.#store.find(name) ?? empty;
  }

  /** Ends all instances and the fleet's traffic. False when there is no such fleet. */
  async remove(name: string): Promise<boolean> {
    const fleet = this.#store.find(name);
    if (fleet === undefined) return false;
    await this.#work.stop(setWork(name));
    await Promise.all(fleet.instances.map(({ id }) => this.#end(name, id)));
    const { proxy } = this.#parts;
    await proxy.ensure();
    await proxy.forget(name);
    await this.#store.remove(name);
    this.#log.info({ fleet: name }, 'fleet removed');
    return true;
  }

  /** Takes one instance away. False when there is none of this id. */
  async removeInstance(name: string, id: string): Promise<boolean> {
    if (this.#store.instance(name, id) === undefined) return false;
    await this.#end(name, id);
    this.#store.change(name, (fleet) => ({
      ...fleet,
      instances: fleet.instances.filter((each) => each.id !== id),
    }));
    await this.#store.save(name);
    await this.#parts.routes.route(name);
    return true;
  }

  /** Starts the proxy again when it died, until `signal`. */
  async watchProxy(clock: Clock, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(PROXY_LIMITS.watchMs, signal);
      if (isAborted(signal) || (await this.#parts.proxy.lives())) continue;
      this.#log.warn({}, 'the edge proxy is gone, starting it again');
      await this.resume().catch((error: unknown) => {
        this.#log.error({ err: error }, 'the edge proxy could not be started');
      });
    }
  }

  #assertFits(known: FleetRecord | undefined, { instances }: FleetDeclaration): void {
    if (known === undefined && this.#store.all.length >= FLEET_LIMITS.fleetsMax) {
      throw new FleetConflictError(`there are ${FLEET_LIMITS.fleetsMax} fleets already`);
    }
    const present = known === undefined ? 0 : instancesOf(known, known.live).length;
    if (present > instances) {
      throw new FleetConflictError(
        `the fleet has ${present} instances; remove those that are too many first`,
      );
    }
    const { spare } = this.#store;
    if (instances - present > spare) {
      throw new FleetConflictError(`there is room for ${spare} more instances`);
    }
  }

  async #startMissing(name: string, declared: FleetDeclaration): Promise<void> {
    const failed: string[] = [];
    const fleet = this.#store.find(name);
    const present = fleet === undefined ? [] : instancesOf(fleet, fleet.live);
    const missing = present.filter(
      ({ launch, operation }) => launch === null && operation === null,
    );
    await Promise.all(
      missing.map(({ id }) =>
        this.#work.run(instanceWork(name, id), async (signal) => {
          const release = { ...declared, operationId: null };
          const brought = await this.#parts.acts.bring(name, id, release, signal);
          if (typeof brought === 'object') failed.push(`${id}: ${brought.failed}`);
        }),
      ),
    );
    if (failed.length > 0) throw new FleetConflictError(failed.join('; '));
  }

  async #end(name: string, id: string): Promise<void> {
    await this.#work.run(instanceWork(name, id), async (signal) => {
      const { acts } = this.#parts;
      await acts.drain(name, id, 0, signal);
      const instance = this.#store.instance(name, id);
      if (instance !== undefined) await acts.end(name, instance);
    });
  }
}

function grown(fleet: FleetRecord, declared: FleetDeclaration): FleetRecord {
  const { instances: size, version, artifacts, backups = fleet.backups } = declared;
  const releases = withRelease(fleet.releases, version, artifacts);
  const places = withPlaces(fleet, fleet.live, { size, admitted: true });
  return { ...places, version, releases, backups: [...backups] };
}

/** Asked by a function, because the compiler takes the answer of a property for lasting. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
