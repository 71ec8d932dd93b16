import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { ApiUnderTest, deploy, type Deployed } from './api-under-test.contract.js';
import { StatisticsView } from './statistics-views.js';

let api: ApiUnderTest;
beforeAll(async () => {
  api = await ApiUnderTest.inMemory();
});
afterAll(() => api.close());

/** Creates an upgrade; `ended`: and cancels it. */
async function upgrade({ tenantId, request }: Deployed, ended: boolean): Promise<void> {
  const { body } = await api.post(`tenants/${tenantId}/upgrades`, request);
  if (ended) await api.post(`upgrades/${body.id}/cancel`);
}

describe('statistics', () => {
  it('of a component nobody upgraded are zero', async () => {
    const { componentId } = await deploy(api);
    const { status, body } = await api.get(`components/${componentId}/upgrade-statistics`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      ...{ componentId, totalExecutions: 0, successfulExecutions: 0, failedExecutions: 0 },
      ...{ successRate: 0, averageDurationSeconds: 0, durationSeconds: null },
      ...{ tenantId: null, since: null, isComplete: true },
    });
    expect(() => StatisticsView.parse(body)).not.toThrow();
  });

  it('count what has ended and what has not', async () => {
    const deployed = await deploy(api);
    await upgrade(deployed, true);
    await upgrade(deployed, true);
    await upgrade(deployed, false);
    const path = `components/${deployed.componentId}/upgrade-statistics`;
    const { body } = await api.get(path);
    expect(body).toMatchObject({
      ...{ totalExecutions: 3, finishedExecutions: 2, cancelledExecutions: 2, activeExecutions: 1 },
      byStrategy: [{ strategy: 'ROLLING', finishedExecutions: 2 }],
      byKind: [{ kind: 'UPGRADE', cancelledExecutions: 2 }],
      byVersion: [{ toVersion: '1.1.0', finishedExecutions: 2 }],
      failuresByCause: [],
    });
    expect(() => StatisticsView.parse(body)).not.toThrow();
    const since = new Date(Date.now() + 60_000).toISOString();
    const later = await api.get(`${path}?since=${since}`);
    expect(later.body).toMatchObject({ totalExecutions: 0, since });
  });

  it('of one tenant hold nothing of another', async () => {
    const deployed = await deploy(api);
    await upgrade(deployed, true);
    const path = `components/${deployed.componentId}/upgrade-statistics`;
    const other = { 'x-tenant-id': 'other' };
    const none = await api.get(path, other);
    expect(none.body).toMatchObject({ totalExecutions: 0, tenantId: 'other', byVersion: [] });
    expect((await api.get(`${path}?tenantId=acme`, other)).status).toBe(404);
    const own = await api.get(`${path}?tenantId=acme`, { 'x-tenant-id': 'acme' });
    expect(own.body).toMatchObject({ totalExecutions: 1, tenantId: 'acme' });
  });

  it('are 404 of a component that is not there, and 400 for what is not asked so', async () => {
    expect((await api.get(`components/${randomUUID()}/upgrade-statistics`)).status).toBe(404);
    const { componentId } = await deploy(api);
    const path = `components/${componentId}/upgrade-statistics`;
    const { status, body } = await api.get(`${path}?since=yesterday&tenantId=A&of=all`);
    expect(status).toBe(400);
    const errors = body['errors'] as { field: string }[];
    expect(errors.map(({ field }) => field).sort()).toEqual(['of', 'since', 'tenantId']);
  });
});
