/**
 * I4, seen from the target: whenever a healthy instance is taken down, all that are down together
 * must fit into the room, but for those that fell by themselves too late to have been counted.
 */
import type { InMemoryFleetStore } from '#targets/in-memory-fleet.store.js';
import type {
  Alteration,
  FleetDeclaration,
  Selection,
  SetsView,
} from '#targets/simulated-fleet.store.js';
import {
  instanceIdOf,
  isPlainlyUp,
  isWell,
  MAIN_SET,
  settle,
  type SimulatedInstance,
} from '#targets/simulated-instance.js';
import {
  type TargetDriver,
  TargetDrivers,
  type Fence,
  type InstanceOperation,
  type TargetSettings,
} from '#targets/target.driver.js';
import type { Clock } from '#runtime/clock.js';
import { before } from './driver-before.js';
import { FenceWatch } from './fence-watch.js';
import type { ServiceName } from './simulated-process.js';
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

export class RoomWatch {
  readonly problems: string[] = [];
  readonly fences = new FenceWatch();
  /** How often a healthy instance was taken down under the eyes of this watch. */
  sampled = 0;
  readonly #upgrades = new Map<string, Upgrade>();
  #falls: Fall[] = [];
  readonly #risen: Fall[] = [];

  constructor(
    private readonly clock: Clock,
    private readonly fleets: InMemoryFleetStore,
    private readonly upgradeOf: (executionId: string) => Upgrade | undefined,
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
    await this.#alter({ fleet, set, index }, { gone: true, admitted: false, up: false });
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

  /** How its sets really are, past every fault. */
  realSets(upgrade: Upgrade): Promise<SetsView> {
    return this.fleets.sets(declarationOf(upgrade));
  }

  /** How these instances really are, past every fault; those that are not there are left out. */
  realInstances(upgrade: Upgrade, ids: readonly string[]): Promise<SimulatedInstance[]> {
    return this.#rows(upgrade, { kind: 'IDS', ids });
  }

  watching(targets: TargetDrivers, service: ServiceName): TargetDrivers {
    return new WatchedTargets(targets, this.fences, (operations, fence) =>
      this.#look(operations, fence, service),
    );
  }

  async #look(
    operations: readonly InstanceOperation[],
    fence: Fence,
    service: ServiceName,
  ): Promise<() => Promise<void>> {
    const upgrade = this.upgradeOf(operations[0]?.id.slice(0, UUID_CHARS) ?? '');
    if (upgrade === undefined) return () => Promise.resolve();
    const downBefore = await this.#looksDown(upgrade);
    return async () => {
      const after = await this.#live(upgrade);
      const down = after.filter((row) => !row.gone && !isPlainlyUp(row));
      const asked = new Set(operations.map(({ instanceId }) => instanceId));
      const taken = down.filter(({ id }) => asked.has(id) && !downBefore.has(id));
      if (taken.length === 0 || upgrade.create.plan.strategy === 'RECREATE') return;
      this.sampled += 1;
      const allowed = this.#allowed(upgrade);
      if (down.length <= allowed) return;
      this.problems.push(
        `I4: ${service} took ${taken.map(({ id }) => id).join(' ')} down ` +
          `(hand-over ${String(fence.handOver)}): ${String(down.length)} of ` +
          `${String(upgrade.instances)} are down, room for ${String(allowed)}`,
      );
    };
  }

  /** BLUE_GREEN takes down nothing of the set that serves. */
  #allowed({ create, fleet, instances }: Upgrade): number {
    const { strategy, maxUnavailablePercentage } = create.plan;
    if (strategy === 'BLUE_GREEN') return 0;
    const share = Math.floor((instances * maxUnavailablePercentage) / 100);
    return Math.max(1, share) + this.#unseen(fleet);
  }

  #unseen(fleet: string): number {
    const sinceMs = this.clock.nowMs() - UNSEEN_MS;
    return [...this.#falls, ...this.#risen].filter(
      (fall) => fall.fleet === fleet && fall.atMs >= sinceMs,
    ).length;
  }

  #live(upgrade: Upgrade): Promise<SimulatedInstance[]> {
    return this.#rows(upgrade, liveOf(upgrade));
  }

  /** Also those that a fault makes look unwell: they go first and need no room. */
  #looksDown(upgrade: Upgrade): Promise<ReadonlySet<string>> {
    const declared = declarationOf(upgrade);
    return this.fleets.work(declared, liveOf(upgrade), ({ rows, nowMs, faults }) => {
      const sight = { faults, homeVersion: declared.version };
      const down = rows.filter((row) => {
        if (row === undefined) return false;
        const now = settle(row, nowMs);
        const isHidden = faults.lookNamed('LIST', row.index) !== null;
        return isHidden || !isPlainlyUp(now) || !isWell(now, sight);
      });
      return new Set(down.map((row) => row?.id ?? ''));
    });
  }

  /** Past every fault of the fleet: what is, not what it says. */
  async #rows(upgrade: Upgrade, which: Selection): Promise<SimulatedInstance[]> {
    return this.fleets.work(declarationOf(upgrade), which, ({ rows, nowMs }) =>
      rows.flatMap((row) => (row === undefined ? [] : [settle(row, nowMs)])),
    );
  }
}

const UUID_CHARS = 36;

/** With places for as many as may have appeared. */
function liveOf({ instances }: Upgrade): Selection {
  return { kind: 'PAGE', after: null, limit: instances * 2 };
}

function declarationOf({ fleet, instances, create }: Upgrade): FleetDeclaration {
  const version = String(create.snapshot.target.settings['version']);
  return { fleet, instances, version, faults: [], keepsHistory: true };
}

type Look = (
  operations: readonly InstanceOperation[],
  fence: Fence,
) => Promise<() => Promise<void>>;

class WatchedTargets extends TargetDrivers {
  constructor(
    private readonly targets: TargetDrivers,
    private readonly fences: FenceWatch,
    private readonly look: Look,
  ) {
    super();
  }

  override open(target: TargetSettings): TargetDriver {
    const driver = this.targets.open(target);
    const fleet = String(target.settings['fleet']);
    return before(driver, {
      submit: async (operations, fence, signal) => {
        const lookAgain = await this.look(operations, fence);
        const states = await driver.submit(operations, fence, signal);
        this.fences.answered(fleet, operations, fence, states);
        await lookAgain();
        return states;
      },
      submitSet: async (operation, fence, signal) => {
        const state = await driver.submitSet(operation, fence, signal);
        // A target keeps one fence for all its sets.
        this.fences.answered(fleet, [{ id: operation.id, instanceId: 'sets' }], fence, [state]);
        return state;
      },
    });
  }

  override check(target: TargetSettings): void {
    this.targets.check(target);
  }
}
