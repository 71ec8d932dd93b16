/** Our arm: the built services, asked over the public REST API. */
import { setTimeout as sleep } from 'node:timers/promises';
import { serviceEntry, supervise, type Service } from '../../tools/supervise.js';

/** How long the deadlines of a request may be away before the bench gives up. */
const ANSWER_LIMIT_MS = 30_000;
const EVERY_CHECK = [
  'VERSION_COMPATIBILITY',
  'RESOURCE_AVAILABILITY',
  'BACKUP_VERIFICATION',
  'HEALTH_ENDPOINTS',
  'DEPENDENCY_CHECK',
  'POST_UPGRADE_STATE',
  'SMOKE_TESTS',
];

export interface Servers {
  readonly kafkaBrokers: string;
  readonly databaseUrl: string;
}

export interface Product {
  readonly api: string;
  readonly services: readonly Service[];
  stop(): Promise<void>;
}

export async function startProduct(
  servers: Servers,
  ports: readonly [number, number],
): Promise<Product> {
  const [orchestrator, validator] = ports;
  const services: Service[] = [];
  for (const [name, port] of [
    ['orchestrator', orchestrator],
    ['validator', validator],
  ] as const) {
    const env = {
      KAFKA_BROKERS: servers.kafkaBrokers,
      DATABASE_URL: servers.databaseUrl,
      PORT: String(port),
      LOG_LEVEL: 'warn',
    };
    const readyUrl = `http://127.0.0.1:${String(port)}/readyz`;
    services.push(
      await supervise({ name: `bench-${name}`, entry: serviceEntry(name), env, readyUrl }),
    );
  }
  const stop = async (): Promise<void> => {
    await Promise.all(services.map((service) => service.stop()));
  };
  return { api: `http://127.0.0.1:${String(orchestrator)}/api/v1/registry`, services, stop };
}

async function call<T>(method: string, url: string, body?: unknown): Promise<T> {
  const answer = await fetch(url, {
    method,
    headers: { 'content-type': 'application/json' },
    signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${url}: ${String(answer.status)} ${text}`);
  return JSON.parse(text) as T;
}

export interface Fleet {
  readonly tenantId: string;
  readonly componentId: string;
  readonly fromVersionId: string;
  readonly toVersionId: string;
}

/** A component with two versions, and a rehearsal fleet of it for a tenant of its own. */
export async function registerFleet(api: string, name: string, instances: number): Promise<Fleet> {
  const component = await call<{ id: string }>('POST', `${api}/components`, {
    name,
    displayName: name,
    kind: 'API',
    stateless: true,
  });
  const versions = `${api}/components/${component.id}/versions`;
  const from = await call<{ id: string }>('POST', versions, { version: '1.0.0', artifacts: {} });
  const to = await call<{ id: string }>('POST', versions, { version: '1.1.0', artifacts: {} });
  await call('PUT', `${api}/tenants/${name}/deployments/${component.id}`, {
    currentVersionId: from.id,
    target: { driver: 'simulated', settings: { instances, volatile: true } },
  });
  return {
    tenantId: name,
    componentId: component.id,
    fromVersionId: from.id,
    toVersionId: to.id,
  };
}

/** Creates and starts an upgrade; answers when the first byte of the request went out. */
export async function upgrade(
  api: string,
  { tenantId, ...fleet }: Fleet,
  batchSize: number,
): Promise<{ id: string; startedAtMs: number }> {
  const startedAtMs = Date.now();
  const { id } = await call<{ id: string }>('POST', `${api}/tenants/${tenantId}/upgrades`, {
    ...fleet,
    strategy: 'ROLLING',
    batchSize,
    batchDelaySeconds: 0,
    healthCheckIntervalSeconds: 0,
    maxUnavailablePercentage: 50,
    skipChecks: EVERY_CHECK.map((check) => ({ check, reason: 'the fleet is a rehearsal' })),
  });
  await call('POST', `${api}/upgrades/${id}/start`, {});
  return { id, startedAtMs };
}

/** Resolves when nothing is left to relay; the reading of a bench ends only then. */
export async function untilEnded(api: string, id: string): Promise<string> {
  const endMs = Date.now() + ANSWER_LIMIT_MS;
  for (;;) {
    const { status } = await call<{ status: string }>('GET', `${api}/upgrades/${id}`);
    if (['COMPLETED', 'FAILED', 'CANCELLED', 'ROLLED_BACK'].includes(status)) return status;
    if (Date.now() > endMs) throw new Error(`the upgrade is still ${status}`);
    await sleep(20);
  }
}
