import type { Log } from '#runtime/log.js';
import type { Clock } from '#runtime/clock.js';
import { FLEET_LIMITS, PROXY_LIMITS } from '../fleet-agent-limits.js';
import type { EdgeProxy } from '../proxy/edge-proxy.client.js';
import type { FleetsStore } from './fleets.store.js';
import type { InstanceActs } from './instance-acts.runner.js';
import { newInstanceRecord, withRelease, type FleetRecord } from './instance-record.js';
import type { SerialWork } from './serial-work.js';

/** A fleet as it is declared to the agent, beside the contract. */
export interface FleetDeclaration {
  readonly instances: number;
  readonly version: string;
  readonly artifacts: Readonly<Record<string, string>>;
  /** Where its traffic comes in; left out: any free port, kept from then on. */
  readonly trafficPort?: number | undefined;
}

/** What was asked for cannot be done. */
export class FleetConflictError extends Error {
  override readonly name = 'FleetConflictError';
}

/** Makes and removes fleets, and keeps the edge proxy alive. */
export class Fleets {
  readonly #store: FleetsStore;
  readonly #acts: InstanceActs;
  readonly #work: SerialWork;
  readonly #proxy: EdgeProxy;
  readonly #log: Log;

  constructor(
    store: FleetsStore,
    acts: InstanceActs,
    work: SerialWork,
    proxy: EdgeProxy,
    log: Log,
  ) {
    this.#store = store;
    this.#acts = acts;
    this.#work = work;
    this.#proxy = proxy;
    this.#log = log;
  }

  /** Tells the proxy what was known when the agent went. */
  async resume(): Promise<void> {
    await this.#proxy.ensure();
    for (const { name } of this.#store.all) await this.#acts.route(name);
  }

  /**
   * Makes the fleet, or more instances of it; resolves when they listen. Those that are there stay
   * as they are, so that a declaration may be repeated.
   * @throws FleetConflictError when there are more already, or an instance does not start
   */
  async declare(name: string, declared: FleetDeclaration): Promise<FleetRecord> {
    const known = this.#store.find(name);
    this.#assertFits(known, declared);
    if (known === undefined) this.#store.add(emptyFleet(name, declared));
    this.#store.change(name, (fleet) => grown(fleet, declared));
    await this.#store.save(name);
    await this.#proxy.ensure();
    await this.#acts.route(name);
    await this.#startMissing(name, declared);
    return this.#store.find(name) ?? emptyFleet(name, declared);
  }

  /** Ends all instances and the fleet's traffic. False when there is no such fleet. */
  async remove(name: string): Promise<boolean> {
    const fleet = this.#store.find(name);
    if (fleet === undefined) return false;
    await Promise.all(fleet.instances.map(({ id }) => this.#end(name, id)));
    await this.#proxy.ensure();
    await this.#proxy.forget(name);
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
    await this.#acts.route(name);
    return true;
  }

  /** Starts the proxy again when it died, until `signal`. */
  async watchProxy(clock: Clock, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(PROXY_LIMITS.watchMs, signal);
      if (isAborted(signal) || (await this.#proxy.lives())) continue;
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
    if (known !== undefined && known.instances.length > instances) {
      throw new FleetConflictError(
        `the fleet has ${known.instances.length} instances; remove those that are too many first`,
      );
    }
  }

  async #startMissing(name: string, declared: FleetDeclaration): Promise<void> {
    const failed: string[] = [];
    const missing = (this.#store.find(name)?.instances ?? []).filter(
      (instance) => instance.launch === null && instance.operation === null,
    );
    await Promise.all(
      missing.map(({ id }) =>
        this.#work.run(`${name}/${id}`, async (signal) => {
          const release = { ...declared, operationId: null };
          const brought = await this.#acts.bring(name, id, release, signal);
          if (typeof brought === 'object') failed.push(`${id}: ${brought.failed}`);
        }),
      ),
    );
    if (failed.length > 0) throw new FleetConflictError(failed.join('; '));
  }

  async #end(name: string, id: string): Promise<void> {
    await this.#work.run(`${name}/${id}`, async (signal) => {
      await this.#acts.drain(name, id, 0, signal);
      const instance = this.#store.instance(name, id);
      if (instance !== undefined) await this.#acts.end(name, instance);
    });
  }
}

function emptyFleet(name: string, { version, trafficPort = 0 }: FleetDeclaration): FleetRecord {
  return { name, trafficPort, version, releases: {}, instances: [], made: 0 };
}

function grown(fleet: FleetRecord, declared: FleetDeclaration): FleetRecord {
  const instances = [...fleet.instances];
  let { made } = fleet;
  for (; instances.length < declared.instances; made += 1) {
    instances.push(newInstanceRecord(fleet.name, made));
  }
  const releases = withRelease(fleet.releases, declared.version, declared.artifacts);
  return { ...fleet, version: declared.version, releases, instances, made };
}

/** Asked by a function, because the compiler takes the answer of a property for lasting. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
