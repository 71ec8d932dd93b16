/**
 * What must hold (I1–I15), looked at in the very turn of whatever could break it: each in a file of
 * its own, called by what it says. A look costs what has changed and no more.
 */
import type { Lease, OutboxRow } from '#postgres/service-database.js';
import type { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import type { MemoryRowChange } from '#postgres/memory-observer.js';
import type { SimulatedAct, SimulatedInstance } from '#targets/simulated-instance.js';
import type {
  Fence,
  InstanceOperation,
  ObservedInstance,
  OperationState,
} from '#targets/target.driver.js';
import type { Execution } from '#core/execution/execution.js';
import type { Fact } from '#core/execution/execution-facts.js';
import type { RollbackDecision, RollbackInput } from '#core/rollback/rollback-inputs.js';
import type { StoredInstance } from '../../../apps/orchestrator/src/persistence/execution.store.js';
import type { Deployment } from '../../../apps/orchestrator/src/registry.js';
import type { FleetTruth } from '../fleet-truth.js';
import type { ServiceName } from '../simulated-process.js';
import type { Upgrade } from '../upgrades.js';

/** Anything after which something may no longer hold; who wants to know of it answers to it. */
export interface Watch {
  /** A service's database has a new state. */
  committed?(commit: SeenCommit): void;
  /** Rows of an outbox are gone, because the relay has sent them. */
  dropped?(service: ServiceName, rows: readonly OutboxRow[]): void;
  /** A topic has one message more. */
  appended?(message: SeenMessage): void;
  /** A target has begun, or cut short, an operation on an instance, or ended one on its sets. */
  acted?(fleet: string, act: SimulatedAct): void;
  /** A target has answered to operations. */
  submitted?(submitted: SeenSubmit): void;
  /** A target is about to be handed operations; what comes back is called when it has taken them. */
  submitting?(submitting: Omit<SeenSubmit, 'states'>): Promise<() => Promise<void>>;
  /** A target has said how instances of it, or its sets, are: with how they really were then. */
  looked?(look: SeenLook): void;
  /** A target has answered, and nobody may have altered that yet. */
  answered?(answer: SeenAnswer): void;
  /** A process has taken itself for an owner by leases that have been over for so long, in ms. */
  believed?(owner: string, overForMs: number): void;
  /** A process has decided by rows that were others by then; null: they were what it took them for. */
  overtaken?(owner: string, found: string | null): void;
  /** A rollback agent has decided; whether that is committed is open. */
  rolledBack?(judged: JudgedRollback): void;
  /** An operator was told that an action was accepted. */
  accepted?(executionId: string, action: string): void;
  /** An operator got an answer that was no acceptance: its text. */
  refused?(tenantId: string, text: string): void;
  /** All is over. */
  ended?(): void | Promise<void>;
}

export interface Invariant {
  /** `I7` */
  readonly id: string;
  readonly says: string;
  readonly watch: (ground: Ground) => Watch;
}

/** What a watch stands on. */
export interface Ground {
  /** Counts a look, and reports once what does not hold. */
  readonly must: (holds: boolean, otherwise: () => string) => void;
  readonly world: WorldView;
}

/** The world past every fault: what is committed, and what really is. */
export interface WorldView {
  nowMs(): number;
  readonly upgrades: readonly Upgrade[];
  /** Null: there is none (yet). */
  execution(id: string): Execution | null;
  /** Its rows, by index. */
  instances(executionId: string): readonly StoredInstance[];
  database(service: ServiceName): MemoryServiceDatabase;
  /** With as many instances as it has listed; null: no fleet of the simulation is meant. */
  upgradeOf(executionId: string): Upgrade | null;
  readonly truth: FleetTruth;
  /** How many messages a service has not acknowledged yet. */
  lag(service: ServiceName): number;
  /** What the registry says of where the upgrade runs. */
  deployment(upgrade: Upgrade): Deployment;
  /** Whether somebody put an answer of a service in by hand, past the bus. */
  readonly hasMadeUpAnswers: boolean;
  /** How many answers of services were judged. */
  answersJudged(executionId: string): number;
}

/** An execution that a commit has changed, or created. */
export interface SeenExecution {
  readonly id: string;
  /** Null: it was created. */
  readonly before: Execution | null;
  readonly after: Execution;
  /** Decided in this commit, in their order; every move names its instances. */
  readonly facts: readonly Fact[];
  readonly instancesBefore: readonly StoredInstance[];
  readonly instancesAfter: readonly StoredInstance[];
}

export interface SeenCommit {
  readonly service: ServiceName;
  readonly owner: string;
  readonly changes: readonly MemoryRowChange[];
  readonly outbox: readonly OutboxRow[];
  readonly leases: readonly Lease[];
  /** Of the orchestrator's; of other services none. */
  readonly executions: readonly SeenExecution[];
}

export interface SeenMessage {
  readonly topic: string;
  readonly key: string;
  readonly text: string;
  /** The message's envelope; its `data` as the topic has it. */
  readonly event: { readonly id: string; readonly data: Readonly<Record<string, unknown>> };
}

export interface SeenSubmit {
  readonly service: ServiceName;
  readonly owner: string;
  readonly fleet: string;
  readonly operations: readonly Pick<InstanceOperation, 'id' | 'instanceId'>[];
  readonly fence: Fence;
  readonly states: readonly OperationState[];
}

export interface SeenLook {
  readonly service: ServiceName;
  readonly fleet: string;
  /** Instances that were well then: up, and no fault of their version makes them unwell. */
  readonly well: readonly Pick<SimulatedInstance, 'id' | 'runs' | 'admitted'>[];
  /** Which set was live; null: that was not asked. */
  readonly liveSet: string | null;
}

export interface JudgedRollback {
  readonly input: RollbackInput;
  readonly decision: RollbackDecision;
  /** By the clock that was decided by. */
  readonly atMs: number;
}

/** What a target has told a service. */
export type SeenAnswer = { readonly service: ServiceName; readonly fleet: string } & (
  | { readonly to: 'LIST'; readonly instances: readonly ObservedInstance[] }
  | { readonly to: 'OPERATIONS'; readonly states: readonly OperationState[] }
  | { readonly to: 'METRIC'; readonly value: number | null }
  /** To a smoke test. */
  | { readonly to: 'CALL'; readonly path: string; readonly status: number }
  /** Without those that were named. */
  | { readonly to: 'ROOM'; readonly down: number }
);

/** The execution an operation's id speaks of. */
export function executionOf(operationId: string): string {
  return operationId.slice(0, UUID_CHARS);
}

const UUID_CHARS = 36;
