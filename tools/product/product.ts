/** The services as they are built, each supervised, on one Kafka and one Postgres. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { buildWhenStale } from '../dist.js';
import { choosePort, LOOPBACK } from '../stack/ports.js';
import type { Report } from '../stack/requirements.js';
import { STACK_FOLDER } from '../stack/stack.js';
import { serviceEntry, supervise, type Service, type ServiceOptions } from '../supervise.js';
import { artifactsOf } from './example-fleet.js';
import { holdLifeline, type Lifeline } from './lifeline.js';
import { RegistryApi } from './registry-api.js';

export type ServiceName =
  'orchestrator' | 'validator' | 'canary-monitor' | 'rollback-agent' | 'fleet-agent';

/** Where a newcomer looks for them first; taken by others, any free port does. */
const USUAL_PORTS: Readonly<Record<ServiceName, number>> = {
  orchestrator: 8084,
  validator: 8085,
  'canary-monitor': 8086,
  'rollback-agent': 8087,
  'fleet-agent': 8095,
};
const USUAL_TRAFFIC_PORT = 8090;
const FLEET_ANSWER_LIMIT_MS = 60_000;
/** All services start at once, on a machine that may be busy; a death is noticed by itself. */
const READY_LIMIT_MS = 90_000;

export interface ProductOptions {
  readonly stack: { readonly kafkaBrokers: string; readonly databaseUrl: string };
  /** `usual`: the ports of the documentation when free; `private`: any, for tests and demos. */
  readonly ports: 'usual' | 'private';
  /** The fleet agent keeps its fleets here, and the services their logs. */
  readonly folder?: string;
  readonly report?: Report;
  /** Has `stop` done at the end of a command, also when it ends before all is started. */
  readonly onEnd?: (cleanUp: () => Promise<void>) => void;
  /** Beside what every service needs. */
  readonly env?: Partial<Record<ServiceName, Readonly<Record<string, string>>>>;
  /** Beside what every service has: whether it comes back after a death, for one. */
  readonly supervision?: Partial<ServiceOptions>;
  /** How many of each service; one when left out. There is one fleet agent in any case. */
  readonly replicas?: number;
}

/** One process of a service. */
export interface Replica {
  readonly of: ServiceName;
  readonly service: Service;
  readonly url: string;
}

export interface Fleet {
  readonly name: string;
  readonly instanceIds: readonly string[];
  /** Where the edge proxy takes its traffic. */
  readonly trafficUrl: string;
}

export interface Product {
  /** The first replica of each. */
  readonly services: Readonly<Record<ServiceName, Service>>;
  /** All of them. */
  readonly replicas: readonly Replica[];
  readonly urls: Readonly<Record<ServiceName, string>>;
  /** `http://…/api/v1/registry` */
  readonly apiUrl: string;
  readonly kafkaBrokers: string;
  readonly logFolder: string;
  /** The REST API as somebody of that name. */
  api(actor: string): RegistryApi;
  /**
   * The fleet as it stands when there is one of that name, else one that begins so; of the example
   * when `artifacts` do not say what it runs.
   */
  ensureFleet(
    name: string,
    version: string,
    instances: number,
    artifacts?: Readonly<Record<string, string>>,
  ): Promise<Fleet>;
  /** Ends the services, the edge proxy and every instance; nothing is left listening. */
  stop(): Promise<void>;
}

interface FleetAnswer {
  readonly name: string;
  readonly trafficPort: number;
  readonly instances: readonly { readonly id: string }[];
}

/** Builds what is not built, starts the services and the fleet agent; returns when all are ready. */
export async function startProduct(options: ProductOptions): Promise<Product> {
  const report = options.report ?? (() => undefined);
  await buildWhenStale(report);
  const folder = options.folder ?? STACK_FOLDER;
  const logFolder = join(folder, 'logs');
  mkdirSync(logFolder, { recursive: true });
  const began = performance.now();
  const places = await choosePlaces(options);
  const home = join(folder, 'fleet-agent');
  const lifeline = await holdLifeline(home);
  const started: Service[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(started.map((service) => service.stop()));
    await lifeline.letGo();
  };
  options.onEnd?.(stop);
  const start = async ({ of, name, port }: Place): Promise<Replica> => {
    const url = urlOf(port);
    const service = await supervise({
      name,
      entry: serviceEntry(of),
      env: { ...envOf(of, port, { options, home, lifeline }) },
      readyUrl: `${url}/readyz`,
      readyLimitMs: READY_LIMIT_MS,
      logFolder,
      onDeath: (how) => {
        report(`${name} ended (${how}) and is started again`);
      },
      ...options.supervision,
    });
    started.push(service);
    return { of, service, url };
  };
  try {
    // Together: each waits for what it needs by itself, whoever comes first.
    const replicas = await settled(places.map(start));
    const names = places.map(({ name }) => name).join(', ');
    report(`${names} are ready (${((performance.now() - began) / 1_000).toFixed(1)} s)`);
    return describe(options, logFolder, stop, replicas);
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Where a replica is to run. */
interface Place {
  readonly of: ServiceName;
  /** Unique: it names the log file too. */
  readonly name: string;
  readonly port: number;
}

/** All of them, or the first failure once none is still starting: nothing may start after it. */
async function settled<Of>(starts: readonly Promise<Of>[]): Promise<Of[]> {
  const results = await Promise.allSettled(starts);
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}

/** The first of each has the port of the documentation when it may and that is free. */
async function choosePlaces({ ports, replicas = 1 }: ProductOptions): Promise<Place[]> {
  const places: Place[] = [];
  for (const [of, usual] of Object.entries(USUAL_PORTS) as [ServiceName, number][]) {
    const wanted = of === 'fleet-agent' ? 1 : replicas;
    for (let number = 1; number <= wanted; number += 1) {
      const preferred = ports === 'usual' && number === 1 ? usual : undefined;
      const port = await choosePort(
        preferred,
        places.map((place) => place.port),
      );
      places.push({ of, name: number === 1 ? of : `${of}-${String(number)}`, port });
    }
  }
  return places;
}

function envOf(
  name: ServiceName,
  port: number,
  { options, home, lifeline }: { options: ProductOptions; home: string; lifeline: Lifeline },
): Readonly<Record<string, string>> {
  const { kafkaBrokers, databaseUrl } = options.stack;
  const servers = { KAFKA_BROKERS: kafkaBrokers, DATABASE_URL: databaseUrl };
  const agent = { FLEET_AGENT_HOME: home, WATCHDOG_PID: String(lifeline.pid) };
  return {
    PORT: String(port),
    HOST: LOOPBACK,
    ...(name === 'fleet-agent' ? agent : servers),
    ...options.env?.[name],
  };
}

function describe(
  options: ProductOptions,
  logFolder: string,
  stop: () => Promise<void>,
  replicas: readonly Replica[],
): Product {
  // Of several the last entry counts: the first replica is to be it.
  const lastFirst = replicas.toReversed();
  const services = Object.fromEntries(
    lastFirst.map(({ of, service }) => [of, service]),
  ) as Product['services'];
  const urls = Object.fromEntries(lastFirst.map(({ of, url }) => [of, url])) as Product['urls'];
  const apiUrl = `${urls.orchestrator}/api/v1/registry`;
  return {
    services,
    replicas,
    urls,
    apiUrl,
    kafkaBrokers: options.stack.kafkaBrokers,
    logFolder,
    api: (actor) => new RegistryApi(apiUrl, actor),
    ensureFleet: (name, version, instances, artifacts = artifactsOf(version)) =>
      ensureFleet(urls['fleet-agent'], options.ports, { name, version, instances, artifacts }),
    stop,
  };
}

interface FleetToDeclare {
  readonly name: string;
  readonly version: string;
  readonly instances: number;
  readonly artifacts: Readonly<Record<string, string>>;
}

async function ensureFleet(
  agentUrl: string,
  ports: ProductOptions['ports'],
  { name, ...declared }: FleetToDeclare,
): Promise<Fleet> {
  const url = `${agentUrl}/fleets/${name}`;
  const found = await fetch(url, { signal: AbortSignal.timeout(FLEET_ANSWER_LIMIT_MS) });
  if (found.ok) return fleetOf((await found.json()) as FleetAnswer);
  const trafficPort = await choosePort(ports === 'usual' ? USUAL_TRAFFIC_PORT : undefined);
  const answer = await fetch(url, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...declared, trafficPort }),
    signal: AbortSignal.timeout(FLEET_ANSWER_LIMIT_MS),
  });
  const text = await answer.text();
  if (!answer.ok) {
    throw new Error(`the fleet agent did not take fleet ${name}: ${String(answer.status)} ${text}`);
  }
  return fleetOf(JSON.parse(text) as FleetAnswer);
}

function fleetOf({ name, trafficPort, instances }: FleetAnswer): Fleet {
  return { name, trafficUrl: urlOf(trafficPort), instanceIds: instances.map(({ id }) => id) };
}

function urlOf(port: number): string {
  return `http://${LOOPBACK}:${String(port)}`;
}
