import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { anExecution } from '#testing/an-execution.js';
import { OverloadedError } from '#runtime/coalescer.js';
import { TransientDatabaseError } from '#postgres/service-database.js';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { REQUEST_LIMITS } from '#core/limits.js';
import { aStoredExecution } from '../persistence/execution.contract.js';
import { ApiUnderTest, deploy } from './api-under-test.contract.js';

const clock = new SteppedClock(Date.UTC(2026, 0, 2));
let api: ApiUnderTest;
beforeAll(async () => {
  api = await ApiUnderTest.inMemory({ clock });
});
afterAll(() => api.close());

describe('an upgrade as the services get it', () => {
  it('has its times in ms, and says how it takes instances', async () => {
    const to = { drainTimeoutSeconds: 45, smokeTests: [{ path: '/ready' }] };
    const { request } = await deploy(api, { to });
    const { body } = await api.post('tenants/acme/upgrades', {
      ...{ ...request, healthCheckIntervalSeconds: 7, healthCheckTimeoutSeconds: 90 },
      ...{ batchSize: 3, maxUnavailablePercentage: 40, canaryDurationSeconds: 120 },
    });
    const stored = await api.parts.executions.get(body.id);
    expect(stored?.snapshot).toMatchObject({
      ...{ drainTimeoutMs: 45_000, healthCheckIntervalMs: 7_000, healthCheckTimeoutMs: 90_000 },
      ...{ batchSize: 3, maxUnavailablePercentage: 40, strategy: 'ROLLING' },
      ...{ from: { version: '1.0.0' }, to: { version: '1.1.0' } },
    });
    expect(stored?.smokeTests).toMatchObject([{ path: '/ready' }]);
    expect(stored?.execution.plan).toMatchObject({ drainTimeoutSeconds: 45, batchSize: 3 });
  });

  it('takes what is installed beside it from the deployments, unless the request says', async () => {
    const beside = await deploy(api, { tenantId: 'neighbours' });
    const { body: component } = await api.get(`components/${beside.componentId}`);
    const name = String(component['name']);
    const { request } = await deploy(api, { tenantId: 'neighbours' });
    const create = 'tenants/neighbours/upgrades';
    const first = (await api.post(create, request)).body.id;
    const installed = async (id: string) =>
      (await api.parts.executions.get(id))?.installedComponents;
    expect(await installed(first)).toEqual({ [name]: '1.0.0' });
    await api.post(`upgrades/${first}/cancel`);
    const installedComponents = { [name]: '9.9.9' };
    const { body } = await api.post(create, { ...request, installedComponents });
    expect(await installed(body.id)).toEqual({ [name]: '9.9.9' });
  });
});

it.each([
  ['the query', '?reason=from+the+query', {}, 'from the query'],
  ['the body, whatever the query says', '?reason=no', { reason: 'yes' }, 'yes'],
])('a rollback is recorded with the reason of %s', async (_, query, body, reason) => {
  const [id, componentId] = [randomUUID(), randomUUID()];
  const running = anExecution().inProgress().withCounters({ COMPLETED: 1, PENDING: 1 }).build();
  const execution = { ...running, id, componentId };
  await api.parts.executions.transaction((tx) => tx.insert({ ...aStoredExecution(), execution }));
  const answer = await api.post(`upgrades/${id}/rollback${query}`, body, { 'x-actor': 'bob' });
  expect(answer.status).toBe(202);
  const stored = await api.parts.executions.get(id);
  expect(stored?.execution.rollback).toMatchObject({ reason, initiatedBy: 'bob' });
});

describe('a POST with an Idempotency-Key', () => {
  it('is a 422 for another query', async () => {
    const { request } = await deploy(api);
    const { body } = await api.post('tenants/acme/upgrades', request);
    const key = { 'idempotency-key': randomUUID() };
    const path = `upgrades/${body.id}/rollback`;
    expect((await api.post(`${path}?reason=one`, undefined, key)).status).toBe(409);
    expect((await api.post(`${path}?reason=two`, undefined, key)).status).toBe(422);
  });

  it('registers a component and a version once, also when the first answer was lost', async () => {
    const { idempotency } = api.parts;
    const keep = idempotency.keep.bind(idempotency);
    const twice = async (path: string, asked: object) => {
      const key = { 'idempotency-key': randomUUID() };
      idempotency.keep = () => Promise.reject(new TransientDatabaseError('gone in mid-answer'));
      const lost = await api.post(path, asked, key);
      idempotency.keep = keep;
      await clock.advance(REQUEST_LIMITS.idempotencyLeaseMs);
      const again = await api.post(path, asked, key);
      expect([lost.status, again.status]).toEqual([201, 201]);
      expect(again.body.id).toBe(lost.body.id);
      return lost.body.id;
    };
    const id = await twice('components', { name: 'told-twice', displayName: 'x', kind: 'API' });
    await twice(`components/${id}/versions`, { version: '1.0.0' });
  });
});

it('more than can be done just now is a 503 that says when to ask again', async () => {
  const { registry } = api.parts;
  const insert = registry.insertComponent.bind(registry);
  registry.insertComponent = () => Promise.reject(new OverloadedError('full'));
  const asked = { name: 'too-much', displayName: 'x', kind: 'API' };
  const answer = await api.post('components', asked);
  registry.insertComponent = insert;
  expect(answer).toMatchObject({ status: 503, body: { code: 'OVERLOADED' } });
  expect(answer.headers['retry-after']).toBe('1');
});

it('a deployment that may not be replaced leaves the simulated fleet as it is', async () => {
  const { request, componentId, from } = await deploy(api, { instances: 6 });
  await api.post('tenants/acme/upgrades', request);
  const put = `tenants/acme/deployments/${componentId}`;
  const target = { driver: 'simulated', settings: { instances: 2 } };
  expect((await api.put(put, { target, currentVersionId: from })).status).toBe(409);
  const { body } = await api.post('tenants/acme/upgrades/preview', request);
  expect(body['plan']).toMatchObject({ listed: 6 });
});
