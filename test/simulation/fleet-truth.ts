/** How simulated fleets really are, past every fault; and what befalls them by itself. */
import type { InMemoryFleetStore } from '#targets/in-memory-fleet.store.js';
import type {
  Alteration,
  FleetDeclaration,
  FleetWork,
  Selection,
  SetsView,
} from '#targets/simulated-fleet.store.js';
import {
  instanceIdOf,
  MAIN_SET,
  settle,
  type SimulatedInstance,
} from '#targets/simulated-instance.js';
import type { Clock } from '#runtime/clock.js';
import type { Upgrade } from './upgrades.js';

/**
 * A count is believed for 5 s when it is decided by. The act may reach the target much later: the
 * call was slow, or its process died and the next one goes on with what was committed.
 */
const UNSEEN_MS = 60_000;

interface Fall {
  readonly fleet: string;
  readonly set: string;
  readonly index: number;
  readonly atMs: number;
}

export class FleetTruth {
  readonly #upgrades = new Map<string, Upgrade>();
  #falls: Fall[] = [];
  readonly #risen: Fall[] = [];
  readonly #vanished = new Set<string>();
  readonly #appeared = new Set<string>();

  /** @param awayMs how much longer than that an act may be on its way, because all was away */
  constructor(
    private readonly clock: Clock,
    private readonly fleets: InMemoryFleetStore,
    private readonly awayMs: () => number = () => 0,
  ) {}

  add(upgrade: Upgrade): void {
    this.#upgrades.set(upgrade.fleet, upgrade);
  }

  /** An instance of the live set falls by itself. */
  async fall(fleet: string, index: number): Promise<void> {
    const set = await this.#liveSet(fleet);
    this.#falls.push({ fleet, set, index, atMs: this.clock.nowMs() });
    await this.#alter({ fleet, set, index }, { up: false });
  }

  /** Everything that fell by itself stands again, on whatever version it is. */
  async raiseFallen(): Promise<void> {
    const fallen = this.#falls;
    this.#falls = [];
    for (const fall of fallen) await this.#alter(fall, { up: true });
  }

  /** One of them stands again by itself, if nobody has taken it meanwhile. */
  async raise(fleet: string, index: number): Promise<void> {
    const at = this.#falls.findIndex((fall) => fall.fleet === fleet && fall.index === index);
    const [fall] = at < 0 ? [] : this.#falls.splice(at, 1);
    if (fall === undefined) return;
    this.#risen.push(fall);
    await this.#alter(fall, { up: true });
  }

  /** Somebody takes an instance of the live set away for good. */
  async vanish(fleet: string, index: number): Promise<void> {
    const set = await this.#liveSet(fleet);
    this.#vanished.add(`${fleet} ${instanceIdOf(index, set)}`);
    await this.#alter({ fleet, set, index }, { gone: true, admitted: false, up: false });
  }

  hasVanished(fleet: string, instanceId: string): boolean {
    return this.#vanished.has(`${fleet} ${instanceId}`);
  }

  /** Somebody puts one more beside those of the main set. */
  async appear(fleet: string, index: number): Promise<void> {
    this.#appeared.add(`${fleet} ${instanceIdOf(index, MAIN_SET)}`);
    await this.fleets.alter(fleet, index, {});
  }

  hasAppeared(fleet: string, instanceId: string): boolean {
    return this.#appeared.has(`${fleet} ${instanceId}`);
  }

  /** Somebody has put instances beside those of the fleet, or taken some away for good. */
  isMeddledWith(fleet: string): boolean {
    return [...this.#vanished, ...this.#appeared].some((name) => name.startsWith(`${fleet} `));
  }

  /** How many fell so lately that they need not have been counted. */
  unseenFalls(fleet: string): number {
    const sinceMs = this.clock.nowMs() - UNSEEN_MS - this.awayMs();
    return [...this.#falls, ...this.#risen].filter(
      (fall) => fall.fleet === fleet && fall.atMs >= sinceMs,
    ).length;
  }

  /** How its sets really are. */
  realSets(upgrade: Upgrade): Promise<SetsView> {
    return this.fleets.sets(declarationOf(upgrade));
  }

  /** How these instances really are; those that are not there are left out. */
  realInstances(upgrade: Upgrade, ids: readonly string[]): Promise<SimulatedInstance[]> {
    return this.rows(upgrade, { kind: 'IDS', ids });
  }

  /** What is, not what the fleet says. */
  rows(upgrade: Upgrade, which: Selection): Promise<SimulatedInstance[]> {
    return this.work(upgrade, which, ({ rows, nowMs }) =>
      rows.flatMap((row) => (row === undefined ? [] : [settle(row, nowMs)])),
    );
  }

  work<T>(
    upgrade: Upgrade,
    which: Selection,
    look: (given: FleetWork, homeVersion: string) => T,
  ): Promise<T> {
    const declared = declarationOf(upgrade);
    return this.fleets.work(declared, which, (given) => look(given, declared.version));
  }

  /** What had ended before the instance was altered must not end differently because of it. */
  async #alter(
    { fleet, set, index }: Pick<Fall, 'fleet' | 'set' | 'index'>,
    change: Alteration,
  ): Promise<void> {
    const upgrade = this.#upgrades.get(fleet);
    if (upgrade === undefined) return;
    const one = { kind: 'IDS', ids: [instanceIdOf(index, set)] } as const;
    await this.fleets.work(declarationOf(upgrade), one, ({ rows, nowMs, put }) => {
      for (const row of rows) if (row !== undefined) put(settle(row, nowMs));
    });
    await this.fleets.alter(fleet, index, change, set);
  }

  async #liveSet(fleet: string): Promise<string> {
    const upgrade = this.#upgrades.get(fleet);
    return upgrade === undefined ? MAIN_SET : (await this.realSets(upgrade)).sets.live;
  }
}

/** With places for as many as may have appeared. */
export function liveOf({ instances }: Upgrade): Selection {
  return { kind: 'PAGE', after: null, limit: instances * 2 };
}

function declarationOf({ fleet, instances, create }: Upgrade): FleetDeclaration {
  const version = String(create.snapshot.target.settings['version']);
  return { fleet, instances, version, faults: [], keepsHistory: true };
}
