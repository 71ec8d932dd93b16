import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApiUnderTest, deploy, type Deployed } from './api-under-test.contract.js';

const ACME = { 'x-tenant-id': 'acme' };
const OTHER = { 'x-tenant-id': 'other' };

let api: ApiUnderTest;
let deployed: Deployed;
let id: string;
beforeAll(async () => {
  api = await ApiUnderTest.inMemory();
  deployed = await deploy(api);
  id = (await api.post('tenants/acme/upgrades', deployed.request)).body.id;
});
afterAll(() => api.close());

type Ask = (headers: Record<string, string>) => Promise<{ status: number }>;

/** Every route that names a tenant, or something of one. */
const READS: readonly (readonly [string, Ask])[] = [
  ['its upgrades', (as) => api.get('tenants/acme/upgrades', as)],
  ['all upgrades of a tenant', (as) => api.get('upgrades?tenantId=acme', as)],
  [
    'the active upgrade',
    (as) => api.get(`tenants/acme/components/${deployed.componentId}/upgrades/active`, as),
  ],
  ['an upgrade', (as) => api.get(`upgrades/${id}`, as)],
  ['its instances', (as) => api.get(`upgrades/${id}/instances`, as)],
  ['its events', (as) => api.get(`upgrades/${id}/events`, as)],
  [
    'its stream of events',
    async (as) => {
      if (as === ACME) return { status: 200 };
      return api.get(`upgrades/${id}/events`, { accept: 'text/event-stream', ...as });
    },
  ],
  ['a deployment', (as) => api.get(`tenants/acme/deployments/${deployed.componentId}`, as)],
  [
    'whether a path is possible',
    (as) => {
      const { from, to } = deployed;
      const versions = `fromVersionId=${from}&toVersionId=${to}`;
      return api.get(`upgrade-paths/validate?${versions}&tenantId=acme`, as);
    },
  ],
  ['a preview', (as) => api.post('tenants/acme/upgrades/preview', deployed.request, as)],
];

describe('who names a tenant in X-Tenant-Id', () => {
  it.each(READS)('is told %s of that tenant, and of no other', async (_, ask) => {
    expect((await ask(ACME)).status).toBe(200);
    expect((await ask(OTHER)).status).toBe(404);
  });

  it('changes nothing of another', async () => {
    const { componentId, from, request } = deployed;
    const put = `tenants/acme/deployments/${componentId}`;
    const target = { driver: 'simulated', settings: { instances: 3 } };
    const before = await api.get(put);
    const answers = [
      await api.put(put, { target, currentVersionId: from }, OTHER),
      await api.put(`${put}/faults`, { faults: [] }, OTHER),
      await api.post('tenants/acme/upgrades', request, OTHER),
    ];
    for (const action of ['start', 'pause', 'resume', 'cancel', 'approve', 'rollback', 'revert']) {
      answers.push(await api.post(`upgrades/${id}/${action}`, {}, OTHER));
    }
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 404));
    expect((await api.get(put)).body).toEqual(before.body);
    expect((await api.get(`upgrades/${id}`)).body).toMatchObject({ status: 'PENDING' });
  });

  it('is listed nothing of another', async () => {
    expect((await api.get('upgrades', ACME)).body).toMatchObject({ items: [{ id }] });
    expect((await api.get('upgrades', OTHER)).body).toMatchObject({ items: [] });
  });
});
