import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { REQUEST_LIMITS } from '#core/limits.js';
import { TransientDatabaseError } from '#postgres/service-database.js';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { ApiUnderTest, deploy } from './api-under-test.contract.js';

const clock = new SteppedClock(Date.UTC(2026, 0, 2));
let api: ApiUnderTest;
beforeAll(async () => {
  api = await ApiUnderTest.inMemory({ clock });
});
afterAll(() => api.close());

const keyed = () => ({ 'idempotency-key': randomUUID() });

describe('a POST with an Idempotency-Key', () => {
  it('is answered the same again, Location and all, and done once', async () => {
    const { request } = await deploy(api);
    const key = keyed();
    const first = await api.post('tenants/acme/upgrades', request, key);
    const reordered = Object.fromEntries(Object.entries(request).reverse());
    const again = await api.post('tenants/acme/upgrades', reordered, key);
    expect(first.status).toBe(201);
    expect(again.status).toBe(201);
    expect(again.text).toBe(first.text);
    expect(again.headers['location']).toBe(first.headers['location']);
    expect(again.headers['etag']).toBe(first.headers['etag']);
    expect(again.headers['content-type']).toBe(first.headers['content-type']);
    expect(again.headers['idempotency-replayed']).toBe('true');
  });

  it('is not given to whoever claims to be another tenant', async () => {
    const { request } = await deploy(api);
    const key = keyed();
    await api.post('tenants/acme/upgrades', request, key);
    const foreign = { ...key, 'x-tenant-id': 'globex' };
    expect((await api.post('tenants/acme/upgrades', request, foreign)).status).toBe(404);
  });

  it('nor where the path names no tenant: the key is of the tenant that is claimed', async () => {
    const { request } = await deploy(api);
    const { body } = await api.post('tenants/acme/upgrades', request);
    const key = keyed();
    const start = (tenant: string) =>
      api.post(`upgrades/${body.id}/start`, undefined, { ...key, 'x-tenant-id': tenant });
    expect((await start('acme')).status).toBe(202);
    expect((await start('globex')).status).toBe(404);
  });

  it('is not kept for a path that is not there', async () => {
    const key = keyed();
    await api.post('no-such-path', {}, key);
    const again = await api.post('no-such-path', {}, key);
    expect(again.status).toBe(404);
    expect(again.headers['idempotency-replayed']).toBeUndefined();
  });

  it('makes an action that was done once more no refusal', async () => {
    const { request } = await deploy(api);
    const { body } = await api.post('tenants/acme/upgrades', request);
    const key = keyed();
    const first = await api.post(`upgrades/${body.id}/start`, undefined, key);
    const again = await api.post(`upgrades/${body.id}/start`, undefined, key);
    expect([first.status, again.status]).toEqual([202, 202]);
    expect(again.text).toBe(first.text);
    expect((await api.post(`upgrades/${body.id}/start`)).status).toBe(409);
  });

  it('keeps refusals too, as problems', async () => {
    const key = keyed();
    const first = await api.post('components', { name: 'No' }, key);
    const again = await api.post('components', { name: 'No' }, key);
    expect([first.status, again.status]).toEqual([400, 400]);
    expect(again.text).toBe(first.text);
    expect(again.headers['content-type']).toBe('application/problem+json; charset=utf-8');
  });

  it('is a 422 for another body or query, and means nothing on another route', async () => {
    const key = keyed();
    const asked = { name: 'keyed', displayName: 'x', kind: 'API' };
    expect((await api.post('components', asked, key)).status).toBe(201);
    expect(await api.post('components', { ...asked, kind: 'DATA' }, key)).toMatchObject({
      status: 422,
      body: { code: 'IDEMPOTENCY_KEY_REUSED' },
    });
    const { body } = await api.post('components', { ...asked, name: 'keyed-2' }, keyed());
    const versions = `components/${body.id}/versions`;
    expect((await api.post(versions, { version: '1.0.0' }, key)).status).toBe(201);
  });

  it('is a 409 while the first is in flight, and the first is answered', async () => {
    const key = keyed();
    const name = 'in-flight';
    const asked = { name, displayName: 'x', kind: 'API' };
    const answers = await Promise.all([1, 2, 3].map(() => api.post('components', asked, key)));
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses[0]).toBe(201);
    // Those that came while it was in flight; one that came after it is given its answer.
    for (const status of statuses.slice(1)) expect([201, 409]).toContain(status);
    expect(
      new Set(answers.filter(({ status }) => status === 201).map(({ text }) => text)).size,
    ).toBe(1);
  });

  it('is free again after a fault of ours', async () => {
    const key = keyed();
    const asked = { name: 'after-a-fault', displayName: 'x', kind: 'API' };
    const { registry } = api.parts;
    const insert = registry.insertComponent.bind(registry);
    registry.insertComponent = () => Promise.reject(new TransientDatabaseError('away'));
    expect((await api.post('components', asked, key)).status).toBe(503);
    registry.insertComponent = insert;
    const again = await api.post('components', asked, key);
    expect(again.status).toBe(201);
    expect(again.headers['idempotency-replayed']).toBeUndefined();
  });

  it('finds what was created by a try whose answer was lost', async () => {
    const { request } = await deploy(api);
    const key = keyed();
    const { idempotency } = api.parts;
    const keep = idempotency.keep.bind(idempotency);
    idempotency.keep = () => Promise.reject(new TransientDatabaseError('gone in mid-answer'));
    const lost = await api.post('tenants/acme/upgrades', request, key);
    idempotency.keep = keep;
    expect(lost.status).toBe(201);
    expect((await api.post('tenants/acme/upgrades', request, key)).status).toBe(409);
    await clock.advance(REQUEST_LIMITS.idempotencyLeaseMs);
    const found = await api.post('tenants/acme/upgrades', request, key);
    expect(found.status).toBe(201);
    expect(found.body.id).toBe(lost.body.id);
  });

  it('is forgotten after a day', async () => {
    const key = keyed();
    const asked = { name: 'forgotten', displayName: 'x', kind: 'API' };
    expect((await api.post('components', asked, key)).status).toBe(201);
    await clock.advance(REQUEST_LIMITS.idempotencyKeptMs);
    expect((await api.post('components', asked, key)).status).toBe(409);
  });

  it('is heeded on POST alone', async () => {
    const key = keyed();
    const first = await api.get('components?limit=1', key);
    await api.post('components', { name: 'newer', displayName: 'x', kind: 'API' });
    expect((await api.get('components?limit=1', key)).text).not.toBe(first.text);
  });

  it('means nothing to a preview: it is of now, and stores nothing', async () => {
    const { request, componentId } = await deploy(api);
    const key = keyed();
    const preview = () => api.post('tenants/acme/upgrades/preview', request, key);
    expect((await preview()).body['plan']).toMatchObject({ listed: 8 });
    await api.put(`tenants/acme/deployments/${componentId}`, {
      target: { driver: 'simulated', settings: { instances: 5 } },
      currentVersionId: request['fromVersionId'],
    });
    const again = await preview();
    expect(again.body['plan']).toMatchObject({ listed: 5 });
    expect(again.headers['idempotency-replayed']).toBeUndefined();
    const other = await api.post(
      'tenants/acme/upgrades/preview',
      { ...request, batchSize: 1 },
      key,
    );
    expect(other.status).toBe(200);
  });
});
