import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import type { ShardLeases } from '#postgres/shard-leases.js';
import { MemoryServiceDatabase } from '#postgres/memory-service-database.js';
import { MemoryShardLeases } from '#postgres/memory-shard-leases.js';
import { Clock, SystemClock } from '#runtime/clock.js';
import { silentLog, type Log } from '#runtime/log.js';
import { InMemoryFleetStore } from '#targets/in-memory-fleet.store.js';
import { SimulatedTargets } from '#targets/simulated-targets.js';
import { RegisteredDrivers } from '#targets/target-drivers.js';
import { IdempotencyRunner } from '../idempotency.runner.js';
import type { ExecutionStore } from '../persistence/execution.store.js';
import { EXECUTION_TABLES, MemoryExecutionStore } from '../persistence/execution.memory.store.js';
import type { IdempotencyStore } from '../persistence/idempotency.store.js';
import { MemoryIdempotencyStore } from '../persistence/idempotency.memory.store.js';
import type { RegistryStore } from '../persistence/registry.store.js';
import { MemoryRegistryStore, REGISTRY_TABLES } from '../persistence/registry.memory.store.js';
import { MemoryStatisticsStore } from '../persistence/statistics.memory.store.js';
import type { StatisticsStore } from '../persistence/statistics.store.js';
import { RegistryRunner } from '../registry.runner.js';
import { StatisticsRunner } from '../statistics.runner.js';
import { UpgradeCreationRunner } from '../upgrade-creation.runner.js';
import { UpgradePreviewRunner } from '../upgrade-preview.runner.js';
import { UpgradeReadsRunner } from '../upgrade-reads.runner.js';
import { UpgradeReversalRunner } from '../upgrade-reversal.runner.js';
import { UpgradeRunner } from '../upgrade.runner.js';
import {
  configureHttp,
  createHttpAdapter,
  HTTP_CONTROLLERS,
  type ArrivalLimits,
} from './http.config.js';
import { TargetsProbe } from './targets.probe.js';
import { STREAMS_MAX } from './upgrade-events.controller.js';
import { BASE_PATH } from './upgrade-views.js';

/** The stores an API stands on, real or twins. */
export interface ApiParts {
  readonly registry: RegistryStore;
  readonly statistics: StatisticsStore;
  readonly executions: ExecutionStore;
  readonly idempotency: IdempotencyStore;
  readonly leases: ShardLeases;
  readonly clock?: Clock;
  readonly log?: Log;
  readonly streamsMax?: number;
  readonly arrival?: ArrivalLimits;
  close(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed when it is JSON of any kind, else the text. */
  readonly body: Record<string, unknown> & { readonly id: string };
  readonly text: string;
}

interface Asked {
  readonly headers?: Record<string, string>;
  /** As it goes over the wire; an object is sent as JSON. */
  readonly body?: object | string;
}

/** The whole API in one process: real controllers, runners and rules; a simulated target. */
export class ApiUnderTest {
  private constructor(
    readonly app: NestFastifyApplication,
    readonly parts: ApiParts,
    readonly upgrades: UpgradeRunner,
  ) {}

  static async over(parts: ApiParts): Promise<ApiUnderTest> {
    const { clock = new SystemClock(), log = silentLog, streamsMax } = parts;
    const upgrades = new UpgradeRunner(parts.executions, parts.leases, clock, {
      committed: () => undefined,
      decided: () => undefined,
    });
    const simulated = new SimulatedTargets(new InMemoryFleetStore(clock), clock);
    const desk = new TargetsProbe(
      new RegisteredDrivers({ simulated, agent: simulated }),
      simulated,
      clock,
    );
    const registry = new RegistryRunner(parts.registry, desk, clock);
    const { registry: registered, executions } = parts;
    const creation = new UpgradeCreationRunner(registered, executions, upgrades, desk, clock);
    const reversal = new UpgradeReversalRunner(upgrades, creation, executions, registered);
    const statistics = new StatisticsRunner(parts.registry, parts.statistics);
    const previews = [registered, executions, parts.statistics, desk, clock] as const;
    const module = await Test.createTestingModule({
      controllers: HTTP_CONTROLLERS,
      providers: [
        { provide: RegistryRunner, useValue: registry },
        { provide: UpgradeCreationRunner, useValue: creation },
        { provide: UpgradeReversalRunner, useValue: reversal },
        { provide: UpgradePreviewRunner, useValue: new UpgradePreviewRunner(...previews) },
        { provide: UpgradeReadsRunner, useValue: new UpgradeReadsRunner(parts.executions) },
        { provide: UpgradeRunner, useValue: upgrades },
        { provide: StatisticsRunner, useValue: statistics },
        { provide: Clock, useValue: clock },
        ...(streamsMax === undefined ? [] : [{ provide: STREAMS_MAX, useValue: streamsMax }]),
      ],
    }).compile();
    module.useLogger(false);
    const app = module.createNestApplication<NestFastifyApplication>(
      createHttpAdapter(parts.arrival),
    );
    const idempotency = new IdempotencyRunner(parts.idempotency, clock);
    configureHttp(app, { idempotency, log });
    await app.init();
    await app.getHttpAdapter().getInstance().ready();
    return new ApiUnderTest(app, parts, upgrades);
  }

  static inMemory(more: Partial<ApiParts> = {}): Promise<ApiUnderTest> {
    const database = new MemoryServiceDatabase({
      nowMs: () => Date.now(),
      tables: { ...REGISTRY_TABLES, ...EXECUTION_TABLES },
    });
    return ApiUnderTest.over({
      registry: new MemoryRegistryStore(database),
      statistics: new MemoryStatisticsStore(database),
      executions: new MemoryExecutionStore(database),
      idempotency: new MemoryIdempotencyStore(database),
      leases: new MemoryShardLeases(database, () => Date.now()),
      close: () => database.close(),
      ...more,
    });
  }

  async close(): Promise<void> {
    await this.app.close();
    await this.parts.close();
  }

  /** @param path below the base path, or from the root when it begins with `//` */
  async ask(method: string, path: string, asked: Asked = {}): Promise<Answer> {
    const { body, headers = {} } = asked;
    const url = path.startsWith('//') ? path.slice(1) : `${BASE_PATH}/${path}`;
    const sent =
      body === undefined
        ? { headers }
        : {
            headers: { 'content-type': 'application/json', ...headers },
            payload: typeof body === 'string' ? body : JSON.stringify(body),
          };
    const response = await this.app.inject({ method: method as 'GET', url, ...sent });
    const { payload: text, statusCode: status } = response;
    const isJson = String(response.headers['content-type']).includes('json');
    const parsed = (isJson && text !== '' ? JSON.parse(text) : {}) as Answer['body'];
    return { status, headers: response.headers as Record<string, string>, body: parsed, text };
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.ask('GET', path, { headers });
  }

  post(path: string, body?: object | string, headers: Record<string, string> = {}) {
    return this.ask('POST', path, { headers, ...(body === undefined ? {} : { body }) });
  }

  put(path: string, body: object | string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.ask('PUT', path, { headers, body });
  }
}

/** A component of two versions, deployed for a tenant on a simulated fleet. */
export interface Deployed {
  readonly tenantId: string;
  readonly componentId: string;
  readonly from: string;
  readonly to: string;
  /** The least that creates an upgrade. */
  readonly request: Record<string, unknown>;
}

let components = 0;

export async function deploy(
  api: ApiUnderTest,
  more: { instances?: number; tenantId?: string; to?: object; target?: object | null } = {},
): Promise<Deployed> {
  const { instances = 8, tenantId = 'acme' } = more;
  components += 1;
  const name = `service-${String(components)}`;
  const component = await api.post('components', { name, displayName: name, kind: 'API' });
  const componentId = component.body.id;
  const versions = `components/${componentId}/versions`;
  const from = (await api.post(versions, { version: '1.0.0' })).body.id;
  const to = (await api.post(versions, { version: '1.1.0', ...more.to })).body.id;
  const target =
    more.target === undefined ? { driver: 'simulated', settings: { instances } } : more.target;
  const put = await api.put(`tenants/${tenantId}/deployments/${componentId}`, {
    target,
    currentVersionId: from,
  });
  if (put.status !== 201) throw new Error(`not deployed: ${put.text}`);
  const request = { componentId, fromVersionId: from, toVersionId: to };
  return { tenantId, componentId, from, to, request };
}
