/** The simulated world past every fault: what is committed, and what really is. */
import { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import type { Execution } from '#core/execution/execution.js';
import type {
  StoredExecution,
  StoredInstance,
} from '../../apps/orchestrator/src/persistence/execution.store.js';
import type { Deployment } from '../../apps/orchestrator/src/registry.js';
import type { FleetTruth } from './fleet-truth.js';
import type { WorldView } from './invariants/invariant.js';
import type { PlantedPorts } from './planted-bugs/planted-bug.js';
import { deploymentKey } from './registered.js';
import { TABLES_OF } from './services.js';
import type { ServiceName } from './simulated-process.js';
import { upgradeAsStored, type Upgrade } from './upgrades.js';

export type Databases = Readonly<Record<ServiceName, MemoryServiceDatabase>>;

export class SimulatedView implements WorldView {
  readonly upgrades: Upgrade[] = [];
  /** How many answers no service has sent. */
  answersMadeUp = 0;
  readonly #judged = new Map<string, number>();

  constructor(
    private readonly databases: Databases,
    readonly truth: FleetTruth,
    readonly nowMs: () => number,
    readonly lag: (service: ServiceName) => number,
  ) {}

  /** Between two events nobody is writing: what is committed is all there is. */
  execution(id: string): Execution | null {
    const row = this.#table('executions').get(id) as StoredExecution | undefined;
    return row?.execution ?? null;
  }

  instances(executionId: string): readonly StoredInstance[] {
    return (this.#table('instances').get(executionId) ?? []) as readonly StoredInstance[];
  }

  database(service: ServiceName): MemoryServiceDatabase {
    return this.databases[service];
  }

  deployment(upgrade: Upgrade): Deployment {
    return this.#table('deployments').get(deploymentKey(upgrade)) as Deployment;
  }

  upgradeOf(executionId: string): Upgrade | null {
    this.adopt();
    const upgrade = this.upgrades.find(({ create }) => create.id === executionId);
    const listed = this.execution(executionId)?.listed ?? 0;
    if (upgrade === undefined) return null;
    return { ...upgrade, instances: listed > 0 ? listed : upgrade.instances };
  }

  /** Any of a fleet; undefined: it is not one of the simulated ones. */
  ofFleet(fleet: string): Upgrade | undefined {
    return this.upgrades.find((upgrade) => upgrade.fleet === fleet);
  }

  /** Those that were created by the orchestrator itself, for fleets that are known, count as well. */
  adopt(): void {
    for (const [id, row] of this.#table('executions')) {
      if (this.upgrades.some(({ create }) => create.id === id)) continue;
      const stored = row as StoredExecution;
      const of = this.upgrades.find(({ create }) => {
        const { tenantId, componentId } = stored.execution;
        return create.tenantId === tenantId && create.componentId === componentId;
      });
      if (of !== undefined) this.upgrades.push(upgradeAsStored(stored, of));
    }
  }

  judged(executionId: string): void {
    this.#judged.set(executionId, this.answersJudged(executionId) + 1);
  }

  answersJudged(executionId: string): number {
    return this.#judged.get(executionId) ?? 0;
  }

  get hasMadeUpAnswers(): boolean {
    return this.answersMadeUp > 0;
  }

  #table(name: string): ReadonlyMap<string, unknown> {
    return this.databases.orchestrator.store.table(name).rows;
  }
}

/** Empty ones, for every service, on one clock. */
export function databasesOf(
  nowMs: () => number,
  alter: PlantedPorts['tables'] = (tables) => tables,
): Databases {
  const databaseOf = (service: ServiceName): MemoryServiceDatabase => {
    const tables = TABLES_OF[service];
    const rules = tables && { tables: alter(tables) };
    return new MemoryServiceDatabase({ nowMs, ...rules }, `${service}-0`);
  };
  return {
    orchestrator: databaseOf('orchestrator'),
    validator: databaseOf('validator'),
    'canary-monitor': databaseOf('canary-monitor'),
    'rollback-agent': databaseOf('rollback-agent'),
  };
}
