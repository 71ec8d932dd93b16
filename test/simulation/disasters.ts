/** What befalls more than one I/O, or more than one process: outages, cuts, nights. */
import { TransientDatabaseError } from '#postgres/service-database.js';
import type { SeededRandom } from '#testing/seeded-random.js';
import type { Night } from './fault-plan.js';
import { SERVICES } from './services.js';
import type { ServiceName } from './simulated-process.js';
import type { SimulatedWorld } from './simulated-world.js';
import type { Upgrade } from './upgrades.js';

/** Services come back within this of each other. */
const DAWN_MAX_MS = 30_000;
/** Faults go on for so long once everybody is back. */
const MORNING_MS = 20_000;

export class Disasters {
  /** When the last night is over and everybody is back. */
  #dawnMs = 0;
  #night: Night | null;

  constructor(
    private readonly world: SimulatedWorld,
    private readonly random: SeededRandom,
  ) {
    this.#night = world.faults.night;
  }

  get dawnMs(): number {
    return this.#dawnMs;
  }

  /** Night falls, once, if it is due after one of these rows; without rows: at any time. */
  dusk(rows: readonly string[] = []): void {
    const night = this.#night;
    if (night === null) return;
    const isDue = rows.length === 0 || rows.some((row) => night.after.includes(row));
    if (!isDue) return;
    this.#night = null;
    const { clock } = this.world;
    // Not in the turn of the commit: what follows from it at once may still be begun.
    clock.at(clock.nowMs() + this.random.between(0, 2_000), () => {
      this.#fall(night);
    });
  }

  #fall({ forMs, last, lastAfterMs }: Night): void {
    const { world, random } = this;
    const { clock } = world;
    world.strike('world', 'night', `for ${String(Math.round(forMs / 60_000))} minutes`);
    for (const service of SERVICES) world.down(service);
    for (const service of SERVICES) {
      const isLast = service === last;
      const backMs = forMs + (isLast ? lastAfterMs : 0) + random.between(0, DAWN_MAX_MS);
      // What has waited all night is begun with while things go wrong still.
      this.#dawnMs = Math.max(this.#dawnMs, clock.nowMs() + backMs + MORNING_MS);
      clock.at(clock.nowMs() + backMs, () => {
        world.up(service);
      });
    }
  }

  /** A database stops at once, with all that was open in it, and is back after a while. */
  databaseAway(): void {
    const { world, random } = this;
    const service = random.pick(SERVICES);
    const forMs = random.pick([500, 5_000, 40_000]) + random.between(0, 5_000);
    world.strike(service, 'database: outage', `for ${String(forMs)} ms`);
    world.outages.begin(`database of ${service}`, forMs);
    this.#cut(service);
    world.clock.at(world.clock.nowMs() + forMs, () => {
      // Whoever listened may have missed something.
      world.database(service).store.notify([]);
    });
  }

  /** All connections of a service are cut, in the middle of whatever they are in. */
  cutConnections(): void {
    const service = this.random.pick(SERVICES);
    this.world.strike(service, 'database: connections cut', 'all of them');
    this.#cut(service);
    this.world.database(service).store.notify([]);
  }

  brokerAway(): void {
    const { world, random } = this;
    const forMs = random.pick([1_000, 10_000, 60_000]) + random.between(0, 5_000);
    world.strike('broker', 'bus: outage', `for ${String(forMs)} ms`);
    world.outages.begin('broker', forMs);
  }

  /** @param leastMs how long at least; left out: it is drawn */
  targetAway({ fleet }: Upgrade, leastMs?: number): void {
    const { world, random } = this;
    const forMs = (leastMs ?? random.pick([2_000, 20_000, 90_000])) + random.between(0, 5_000);
    world.strike(fleet, 'target: outage', `for ${String(forMs)} ms`);
    world.outages.begin(`target ${fleet}`, forMs);
  }

  /** The broker takes one for dead that lives: its messages go to others while it works on them. */
  expel(): void {
    const alive = this.world.processes();
    if (alive.length === 0) return;
    const { owner } = this.random.pick(alive);
    this.world.strike(owner, 'bus: expelled', 'from its groups');
    this.world.bus.expel(owner);
  }

  #cut(service: ServiceName): void {
    const { store } = this.world.database(service);
    for (const { owner } of this.world.processes(service)) {
      for (const tx of store.transactionsOf(owner)) {
        tx.rollback(new TransientDatabaseError('Connection terminated unexpectedly'));
      }
    }
  }
}
