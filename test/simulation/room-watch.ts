/**
 * I4, seen from the target: whenever a healthy instance is taken down, all that are down together
 * must fit into the room, but for those that fell by themselves too late to have been counted.
 */
import type { InMemoryFleetStore } from '#targets/in-memory-fleet.store.js';
import type { FleetDeclaration } from '#targets/simulated-fleet.store.js';
import {
  instanceIdOf,
  isPlainlyUp,
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
  ) {}

  add(upgrade: Upgrade): void {
    this.#upgrades.set(upgrade.fleet, upgrade);
  }

  /** An instance falls by itself. */
  async fall(fleet: string, index: number): Promise<void> {
    this.#falls.push({ fleet, index, atMs: this.clock.nowMs() });
    await this.#settleRow(fleet, index);
    await this.fleets.alter(fleet, index, { up: false });
  }

  /** Everything that fell by itself stands again, on whatever version it is. */
  async raiseFallen(): Promise<void> {
    const fallen = this.#falls;
    this.#falls = [];
    for (const { fleet, index } of fallen) {
      await this.#settleRow(fleet, index);
      await this.fleets.alter(fleet, index, { up: true });
    }
  }

  /** One of them stands again by itself, if nobody has taken it meanwhile. */
  async raise(fleet: string, index: number): Promise<void> {
    const at = this.#falls.findIndex((fall) => fall.fleet === fleet && fall.index === index);
    if (at < 0) return;
    this.#risen.push(...this.#falls.splice(at, 1));
    await this.#settleRow(fleet, index);
    await this.fleets.alter(fleet, index, { up: true });
  }

  /** What had ended before the instance was altered must not end differently because of it. */
  async #settleRow(fleet: string, index: number): Promise<void> {
    const upgrade = this.#upgrades.get(fleet);
    if (upgrade === undefined) return;
    const { settings } = upgrade.create.snapshot.target;
    const one = { kind: 'IDS', ids: [instanceIdOf(index)] } as const;
    await this.fleets.work(declarationOf(upgrade, settings), one, ({ rows, nowMs, put }) => {
      for (const row of rows) if (row !== undefined) put(settle(row, nowMs));
    });
  }

  /** How the fleet really is, past every fault. */
  realInstances(upgrade: Upgrade): Promise<SimulatedInstance[]> {
    return this.#rows(upgrade, upgrade.create.snapshot.target.settings);
  }

  watching(targets: TargetDrivers, service: ServiceName): TargetDrivers {
    return new WatchedTargets(targets, this.fences, (settings, operations, fence) =>
      this.#look(settings, operations, fence, service),
    );
  }

  async #look(
    { settings }: TargetSettings,
    operations: readonly InstanceOperation[],
    fence: Fence,
    service: ServiceName,
  ): Promise<() => Promise<void>> {
    const fleet = String(settings['fleet']);
    const upgrade = this.#upgrades.get(fleet);
    if (upgrade === undefined) return () => Promise.resolve();
    const rows = await this.#rows(upgrade, settings);
    const downBefore = new Set(rows.filter((row) => !isPlainlyUp(row)).map(({ id }) => id));
    return async () => {
      const after = await this.#rows(upgrade, settings);
      const down = after.filter((row) => !row.gone && !isPlainlyUp(row));
      const asked = new Set(operations.map(({ instanceId }) => instanceId));
      const taken = down.filter(({ id }) => asked.has(id) && !downBefore.has(id));
      if (taken.length === 0 || upgrade.create.plan.strategy === 'RECREATE') return;
      this.sampled += 1;
      const { maxUnavailablePercentage } = upgrade.create.plan;
      const share = Math.floor((upgrade.instances * maxUnavailablePercentage) / 100);
      const allowed = Math.max(1, share) + this.#unseen(fleet);
      if (down.length <= allowed) return;
      this.problems.push(
        `I4: ${service} took ${taken.map(({ id }) => id).join(' ')} down ` +
          `(hand-over ${String(fence.handOver)}): ${String(down.length)} of ` +
          `${String(upgrade.instances)} are down, room for ${String(allowed)}`,
      );
    };
  }

  #unseen(fleet: string): number {
    const sinceMs = this.clock.nowMs() - UNSEEN_MS;
    return [...this.#falls, ...this.#risen].filter(
      (fall) => fall.fleet === fleet && fall.atMs >= sinceMs,
    ).length;
  }

  /** Past every fault of the fleet: what is, not what it says. */
  async #rows(
    upgrade: Upgrade,
    settings: Readonly<Record<string, unknown>>,
  ): Promise<SimulatedInstance[]> {
    const page = { kind: 'PAGE', after: null, limit: upgrade.instances } as const;
    return this.fleets.work(declarationOf(upgrade, settings), page, ({ rows, nowMs }) =>
      rows.flatMap((row) => (row === undefined ? [] : [settle(row, nowMs)])),
    );
  }
}

function declarationOf(
  { fleet, instances }: Upgrade,
  settings: Readonly<Record<string, unknown>>,
): FleetDeclaration {
  const version = String(settings['version']);
  return { fleet, instances, version, faults: [], keepsHistory: true };
}

type Look = (
  target: TargetSettings,
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
    return before(driver, {
      submit: async (operations, fence, signal) => {
        const lookAgain = await this.look(target, operations, fence);
        const states = await driver.submit(operations, fence, signal);
        this.fences.answered(String(target.settings['fleet']), operations, fence, states);
        await lookAgain();
        return states;
      },
    });
  }

  override check(target: TargetSettings): void {
    this.targets.check(target);
  }
}
