/**
 * A program of somebody who has nothing but the OpenAPI document: `api.d.ts` is generated from it
 * when the test runs, so this file is compiled there, and by nobody else.
 */
import createClient from 'openapi-fetch';
import type { components, operations, paths } from './api.js';

type Upgrade = components['schemas']['Upgrade'];
/** An operation that is not used is missing here, and the program does not compile. */
type Statuses = Record<keyof operations, number>;

const tenant = { tenantId: 'acme' };

/** Uses every operation once, and answers with the status of each. */
export async function useEverything(fetch: (request: Request) => Promise<Response>) {
  const api = createClient<paths>({ baseUrl: 'http://orchestrator.example', fetch });
  const registered = await register(api);
  const { componentId, fromVersionId, toVersionId } = registered;
  const upgrades = '/api/v1/registry/tenants/{tenantId}/upgrades' as const;
  const header = { 'X-Actor': 'ann', 'X-Tenant-Id': 'acme', 'Idempotency-Key': 'k-1' };
  const created = await api.POST(upgrades, {
    params: { path: tenant, header },
    body: { componentId, fromVersionId, toVersionId, strategy: 'CANARY', canaryPercentage: 25 },
  });
  const upgrade = wanted(created.data);
  const preview = await api.POST('/api/v1/registry/tenants/{tenantId}/upgrades/preview', {
    params: { path: tenant },
    body: { componentId, fromVersionId, toVersionId, batchSize: 3 },
  });
  const { plan, judgement } = wanted(preview.data);
  const isActive = judgement.blockers.some(({ code }) => code === 'ANOTHER_IS_ACTIVE');
  const isShown = isActive && (plan?.batches.length ?? 0) > 0;
  const shown = await show(api, upgrade);
  const acted = await act(api, upgrade);
  const read = await follow(api, upgrade);
  const statuses: Statuses = {
    ...{ ...registered.statuses, ...shown, ...acted, ...read },
    createUpgrade: created.response.status,
    previewUpgrade: isShown ? preview.response.status : 0,
  };
  return { statuses, upgrade };
}

type Api = ReturnType<typeof createClient<paths>>;

async function register(api: Api) {
  const component = await api.POST('/api/v1/registry/components', {
    body: { name: 'payments-api', displayName: 'Payments API', kind: 'API', stateless: true },
  });
  const { id } = wanted(component.data);
  const all = await api.GET('/api/v1/registry/components', { params: { query: { limit: 10 } } });
  const one = await api.GET('/api/v1/registry/components/{id}', { params: { path: { id } } });
  const versions = '/api/v1/registry/components/{id}/versions' as const;
  const first = await api.POST(versions, { params: { path: { id } }, body: { version: '1.0.0' } });
  const second = await api.POST(versions, {
    params: { path: { id } },
    body: {
      version: '1.1.0',
      artifacts: { image: 'payments:1.1.0' },
      smokeTests: [{ path: '/orders', body: { anything: ['goes'] } }],
      canaryMetrics: [
        { name: 'errors', source: 'TARGET', query: 'errors', bound: 1, direction: 'BELOW' },
      ],
    },
  });
  const [fromVersionId, toVersionId] = [wanted(first.data).id, wanted(second.data).id];
  const listed = await api.GET(versions, {
    params: { path: { id }, query: { status: ['RELEASED', 'DEPRECATED'] } },
  });
  const path = { id, versionId: toVersionId };
  const version = await api.GET('/api/v1/registry/components/{id}/versions/{versionId}', {
    params: { path },
  });
  const changed = await api.PATCH('/api/v1/registry/components/{id}/versions/{versionId}', {
    params: { path },
    body: { recommended: true },
  });
  const statuses = {
    registerComponent: component.response.status,
    listComponents: all.response.status,
    getComponent: one.response.status,
    registerVersion: second.response.status,
    listVersions: listed.response.status,
    getVersion: version.response.status,
    changeVersion: changed.response.status,
    ...(await connect(api, { componentId: id, fromVersionId, toVersionId })),
  };
  return { componentId: id, fromVersionId, toVersionId, statuses };
}

async function connect(
  api: Api,
  body: { componentId: string; fromVersionId: string; toVersionId: string },
) {
  const { componentId, fromVersionId, toVersionId } = body;
  const path = await api.POST('/api/v1/registry/upgrade-paths', { body });
  const paths = await api.GET('/api/v1/registry/upgrade-paths', {
    params: { query: { componentId } },
  });
  const valid = await api.GET('/api/v1/registry/upgrade-paths/validate', {
    params: { query: { fromVersionId, toVersionId } },
  });
  const deployment = '/api/v1/registry/tenants/{tenantId}/deployments/{componentId}' as const;
  const where = { path: { ...tenant, componentId } };
  const put = await api.PUT(deployment, {
    params: where,
    body: {
      target: { driver: 'simulated', settings: { instances: 8 } },
      currentVersionId: fromVersionId,
    },
  });
  const got = await api.GET(deployment, { params: where });
  const faults = await api.PUT(`${deployment}/faults`, { params: where, body: { faults: [] } });
  return {
    registerUpgradePath: path.response.status,
    listUpgradePaths: paths.response.status,
    validateUpgradePath: valid.data?.valid === true ? valid.response.status : 0,
    putDeployment: put.response.status,
    getDeployment: got.data?.standbySet === null ? got.response.status : 0,
    putDeploymentFaults: faults.response.status,
  };
}

async function show(api: Api, { id, componentId }: Upgrade) {
  const one = await api.GET('/api/v1/registry/upgrades/{id}', { params: { path: { id } } });
  const ofTenant = await api.GET('/api/v1/registry/tenants/{tenantId}/upgrades', {
    params: {
      path: tenant,
      query: { active: 'true', strategy: 'CANARY', createdAfter: '2020-01-01T00:00:00Z' },
    },
  });
  const ofAll = await api.GET('/api/v1/registry/upgrades', {
    params: { query: { status: ['PENDING'] }, header: { 'X-Tenant-Id': 'acme' } },
  });
  const active = await api.GET(
    '/api/v1/registry/tenants/{tenantId}/components/{componentId}/upgrades/active',
    { params: { path: { ...tenant, componentId } } },
  );
  const statistics = await api.GET('/api/v1/registry/components/{componentId}/upgrade-statistics', {
    params: { path: { componentId }, query: { tenantId: 'acme' } },
  });
  const rate: number = statistics.data?.successRate ?? -1;
  return {
    getUpgrade: one.response.status,
    listTenantUpgrades: ofTenant.data?.items[0]?.id === id ? ofTenant.response.status : 0,
    listUpgrades: ofAll.data?.items.length === 1 ? ofAll.response.status : 0,
    getActiveUpgrade: active.response.status,
    getUpgradeStatistics: rate === 0 ? statistics.response.status : 0,
  };
}

async function act(api: Api, { id, revision }: Upgrade) {
  const base = '/api/v1/registry/upgrades/{id}' as const;
  const params = { path: { id }, header: { 'X-Actor': 'ann' } };
  const start = await api.POST(`${base}/start`, {
    params: { ...params, header: { 'If-Match': `"${String(revision)}"` } },
  });
  const pause = await api.POST(`${base}/pause`, { params, body: { reason: 'lunch' } });
  const resume = await api.POST(`${base}/resume`, { params });
  const approve = await api.POST(`${base}/approve`, { params });
  const promote = await api.POST(`${base}/promote-canary`, {
    params,
    body: { force: true, reason: 'it is fine' },
  });
  const rollback = await api.POST(`${base}/rollback`, {
    params: { ...params, query: { reason: 'errors' } },
  });
  const allowed: string[] = rollback.error?.allowedActions ?? [];
  const cancel = await api.POST(`${base}/cancel`, { params });
  const revert = await api.POST(`${base}/revert`, { params });
  return {
    startUpgrade: start.response.status,
    pauseUpgrade: pause.response.status,
    resumeUpgrade: resume.response.status,
    approveUpgrade: approve.response.status,
    promoteCanary: promote.response.status,
    rollbackUpgrade: allowed.includes('CANCEL') ? rollback.response.status : 0,
    cancelUpgrade: cancel.response.status,
    revertUpgrade: revert.response.status,
  };
}

async function follow(api: Api, { id }: Upgrade) {
  const instances = await api.GET('/api/v1/registry/upgrades/{id}/instances', {
    params: { path: { id }, query: { status: ['FAILED'], limit: 5 } },
  });
  const events = '/api/v1/registry/upgrades/{id}/events' as const;
  const page = await api.GET(events, { params: { path: { id } } });
  const shown = wanted(page.data);
  if (typeof shown === 'string') throw new Error('it was asked for as JSON');
  const seen = shown.items.map((event) => {
    // The type tells which event it is, and so what is in it.
    if (event.type === 'upgrade-orchestrator.instance.status-changed.v1') {
      return event.data.instanceStatus;
    }
    return event.data.executionStatus;
  });
  const stream = await api.GET(events, {
    params: { path: { id }, header: { 'Last-Event-ID': '1' } },
    headers: { accept: 'text/event-stream' },
    parseAs: 'text',
  });
  const isStream = String(stream.data).includes('event: ');
  return {
    listUpgradeInstances: instances.response.status,
    listUpgradeEvents: seen.includes('CANCELLED') && isStream ? page.response.status : 0,
  };
}

function wanted<Of>(data: Of | undefined): Of {
  if (data === undefined) throw new Error('it was refused');
  return data;
}
