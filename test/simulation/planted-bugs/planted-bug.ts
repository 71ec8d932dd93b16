/** What a planted bug is: the ports it lies behind, and what has to find it. */
import type { BatchHandler } from '#messaging/batch-delivery.js';
import type { MemoryBus } from '#messaging/memory-bus.js';
import type { MessageProducer } from '#messaging/message-bus.js';
import type { MemoryTableRules } from '#postgres/memory-rows.js';
import type { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import type { ShardLeases } from '#postgres/shard-leases.js';
import type { InMemoryFleetStore } from '#targets/in-memory-fleet.store.js';
import type { TargetDrivers } from '#targets/target.driver.js';
import type { ExecutionStore } from '../../../apps/orchestrator/src/persistence/execution.store.js';
import type { SmokeCaller } from '../../../apps/validator/src/inbound/smoke-test.client.js';
import type { FaultPlan } from '../fault-plan.js';
import type { ServiceName } from '../simulated-process.js';
import type { UpgradeAsked } from '../upgrades.js';

/** Which process a port is put in front of, and the world around it. */
export interface Place {
  readonly service: ServiceName;
  /** Unique for each start of a process. */
  readonly owner: string;
  readonly bus: MemoryBus;
  readonly fleets: InMemoryFleetStore;
}

/** Rules of tables by their names. */
export type MemoryTables = Readonly<Record<string, MemoryTableRules>>;

/** Each is asked once for every process that starts; one left out is honest. */
export interface PlantedPorts {
  /** What is known of the orchestrator's tables; asked once for a world. */
  readonly tables?: (tables: MemoryTables) => MemoryTables;
  readonly database?: (
    view: MemoryServiceDatabase,
    place: Place,
    producer: MessageProducer,
  ) => MemoryServiceDatabase;
  readonly store?: (database: MemoryServiceDatabase) => ExecutionStore;
  readonly leases?: (leases: ShardLeases) => ShardLeases;
  readonly producer?: (producer: MessageProducer, place: Place) => MessageProducer;
  readonly consumer?: (take: BatchHandler) => BatchHandler;
  readonly smokeTests?: (call: SmokeCaller) => SmokeCaller;
  readonly targets?: (targets: TargetDrivers, place: Place) => TargetDrivers;
}

/** As in the list of what must hold: `I1` to `I15`. */
export type Invariant = `I${number}`;

export interface PlantedBug {
  readonly name: string;
  /** What is wrong, in a sentence. */
  readonly what: string;
  /** Those that may find it: another one that does is chance, and does not count. */
  readonly caughtBy: readonly Invariant[];
  /** It has to be found within so many seeds: a few times what was measured. */
  readonly seedsMax: number;
  /** What is not left to chance: a bug that shows in one kind of upgrade is looked for there. */
  readonly shownBy?: {
    readonly upgrade?: UpgradeAsked;
    readonly faults?: Partial<FaultPlan>;
  };
  /** Plants it in one world; what it remembers is of that world alone. */
  readonly plant: () => PlantedPorts;
}

/** No bug at all. */
export const HONEST: PlantedBug = {
  name: 'honest',
  what: 'nothing is wrong',
  caughtBy: [],
  seedsMax: 0,
  plant: () => ({}),
};

/** The problems among these that one of the bug's own invariants has found. */
export function caughtAmong(problems: readonly string[], { caughtBy }: PlantedBug): string[] {
  return problems.filter((problem) => caughtBy.some((name) => problem.startsWith(`${name}:`)));
}
