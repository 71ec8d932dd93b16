/** The services of the product, put together by hand on twins: the same code as in production. */
import type { BatchHandler } from '#messaging/batch-delivery.js';
import type { DeadLetters } from '#messaging/dead-letters.js';
import type { MessageProducer } from '#messaging/message-bus.js';
import type { MemoryTableRules } from '#postgres/memory-rows.js';
import type { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import { DatabaseClock } from '#postgres/database-clock.js';
import { MemoryShardLeases } from '#postgres/memory-shard-leases.js';
import type { ShardLeases } from '#postgres/shard-leases.js';
import { silentLog } from '#runtime/log.js';
import type { SimulatedTargets } from '#targets/simulated-targets.js';
import type { TargetDrivers } from '#targets/target.driver.js';
import { TOPICS } from '#contracts/topics.js';
import { Orchestrator } from '../../apps/orchestrator/src/orchestrator.js';
import {
  EXECUTION_TABLES,
  MemoryExecutionStore,
} from '../../apps/orchestrator/src/persistence/execution.memory.store.js';
import type { ExecutionStore } from '../../apps/orchestrator/src/persistence/execution.store.js';
import { MemoryRollbackStore } from '../../apps/rollback-agent/src/persistence/rollback.memory.store.js';
import { RollbackAgent } from '../../apps/rollback-agent/src/rollback-agent.js';
import type { RunnerEvents as RollbackEvents } from '../../apps/rollback-agent/src/rollback.runner.js';
import { MemoryValidationStore } from '../../apps/validator/src/persistence/validation.memory.store.js';
import {
  MemoryRegistryStore,
  REGISTRY_TABLES,
} from '../../apps/orchestrator/src/persistence/registry.memory.store.js';
import { TargetsProbe } from '../../apps/orchestrator/src/inbound/targets.probe.js';
import type { Judged } from '../../apps/orchestrator/src/upgrade-asked.runner.js';
import { UpgradeCreationRunner } from '../../apps/orchestrator/src/upgrade-creation.runner.js';
import { UpgradeReversalRunner } from '../../apps/orchestrator/src/upgrade-reversal.runner.js';
import { CanaryMonitor } from '../../apps/canary-monitor/src/canary-monitor.js';
import type { MetricSource } from '../../apps/canary-monitor/src/inbound/prometheus.client.js';
import { MemoryWatchStore } from '../../apps/canary-monitor/src/persistence/watch.memory.store.js';
import type { SmokeCaller } from '../../apps/validator/src/inbound/smoke-test.client.js';
import { Validator } from '../../apps/validator/src/validator.js';
import type { Watch } from './invariants/invariant.js';
import type { ServiceName, SimulatedProcess } from './simulated-process.js';

/** As the service has it when nobody configures another (spec §6). */
const WATCH_INTERVAL_MS = 30_000;

/** What a process is given to stand on. */
export interface Ground {
  readonly process: SimulatedProcess;
  readonly database: MemoryServiceDatabase;
  readonly producer: MessageProducer;
  readonly drivers: TargetDrivers;
  /** What became of an input of the orchestrator's rule book. */
  readonly decided: (judged: Judged) => void;
  readonly watches: Required<Pick<Watch, 'rolledBack'>>;
  /** The orchestrator's store; an arm of a planted bug gives another. */
  readonly storeOf: (database: MemoryServiceDatabase) => ExecutionStore;
  /** What an arm of a planted bug makes of the leases; left out: nothing. */
  readonly leasesOf?: ((leases: ShardLeases) => ShardLeases) | undefined;
  /** Where metrics come from that are not the target's own. */
  readonly prometheus: MetricSource;
  readonly callSmokeTest: SmokeCaller;
  /** What of rehearsals no driver does. */
  readonly simulated: Pick<SimulatedTargets, 'declare' | 'setFaults'>;
}

/** A service that has been put together: what it consumes, and how it begins. */
export interface Built {
  readonly consumes: readonly { readonly topic: string; readonly take: BatchHandler }[];
  readonly deadLetters: DeadLetters;
  readonly start: () => Promise<void>;
  readonly orchestrator?: Orchestrator;
  readonly creation?: UpgradeCreationRunner;
  readonly reversal?: UpgradeReversalRunner;
}

export const TABLES_OF: Readonly<
  Record<ServiceName, Readonly<Record<string, MemoryTableRules>> | undefined>
> = {
  orchestrator: { ...REGISTRY_TABLES, ...EXECUTION_TABLES },
  validator: undefined,
  'canary-monitor': undefined,
  'rollback-agent': undefined,
};

export const BUILD: Readonly<Record<ServiceName, (ground: Ground) => Built>> = {
  orchestrator: (ground) => {
    const { decided, database, storeOf, drivers, simulated } = ground;
    const store = storeOf(database);
    const parts = partsOf(ground);
    const { clock } = parts;
    const orchestrator = new Orchestrator({ ...parts, store, decided });
    const { consumer, deadLetters, runner } = orchestrator;
    const registry = new MemoryRegistryStore(database);
    const desk = new TargetsProbe(drivers, simulated, clock);
    const creation = new UpgradeCreationRunner(registry, store, runner, desk, clock);
    const reversal = new UpgradeReversalRunner(runner, creation, store, registry);
    return {
      consumes: [
        { topic: TOPICS.validatorResults, take: (messages) => consumer.validated(messages) },
        { topic: TOPICS.canaryResults, take: (messages) => consumer.watched(messages) },
        { topic: TOPICS.rollbackResults, take: (messages) => consumer.rolledBack(messages) },
      ],
      deadLetters,
      start: () => begin(parts, orchestrator),
      ...{ orchestrator, creation, reversal },
    };
  },
  validator: (ground) => {
    const { database, callSmokeTest } = ground;
    const store = new MemoryValidationStore(database);
    const parts = partsOf(ground);
    const validator = new Validator({ ...parts, store, callSmokeTest });
    const { consumer, deadLetters } = validator;
    return {
      consumes: [{ topic: TOPICS.validatorCommands, take: (messages) => consumer.take(messages) }],
      deadLetters,
      start: () => begin(parts, validator),
    };
  },
  'canary-monitor': (ground) => {
    const { database } = ground;
    const store = new MemoryWatchStore(database);
    const { prometheus } = ground;
    const parts = { ...partsOf(ground), store, prometheus, intervalMs: WATCH_INTERVAL_MS };
    const monitor = new CanaryMonitor(parts);
    const { consumer, deadLetters } = monitor;
    return {
      consumes: [{ topic: TOPICS.canaryCommands, take: (messages) => consumer.take(messages) }],
      deadLetters,
      start: () => begin(parts, monitor),
    };
  },
  'rollback-agent': (ground) => {
    const { database, watches } = ground;
    const store = new MemoryRollbackStore(database);
    const parts = partsOf(ground);
    const decided: RollbackEvents['decided'] = (input, decision) => {
      // In the very turn of the decision: its clock says what it said then.
      watches.rolledBack({ input, decision, atMs: parts.clock.nowMs() });
    };
    const agent = new RollbackAgent({ ...parts, store, decided });
    const { consumer, deadLetters } = agent;
    return {
      consumes: [{ topic: TOPICS.rollbackCommands, take: (messages) => consumer.take(messages) }],
      deadLetters,
      start: () => begin(parts, agent),
    };
  },
};

export const SERVICES: readonly ServiceName[] = [
  'orchestrator',
  'validator',
  'canary-monitor',
  'rollback-agent',
];

export function memoryStoreOf(database: MemoryServiceDatabase): ExecutionStore {
  return new MemoryExecutionStore(database);
}

function partsOf({ process, database, producer, drivers, leasesOf = asTheyAre }: Ground) {
  const clock = new DatabaseClock(process.monotonicMs, process.clock);
  const leases = leasesOf(new MemoryShardLeases(database, clock.monotonicMs, clock.heard));
  return { database, leases, producer, drivers, clock, log: silentLog };
}

function asTheyAre(leases: ShardLeases): ShardLeases {
  return leases;
}

/** As a process does before anything of it is asked: what time it is, the database says. */
async function begin(
  { clock, database }: ReturnType<typeof partsOf>,
  service: { start(): Promise<void> },
): Promise<void> {
  await clock.learnFrom(database);
  await service.start();
}
