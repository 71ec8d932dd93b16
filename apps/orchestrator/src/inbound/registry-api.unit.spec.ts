import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { ApiUnderTest, deploy, type Answer } from './api-under-test.contract.js';

let api: ApiUnderTest;
beforeAll(async () => {
  api = await ApiUnderTest.inMemory();
});
afterAll(() => api.close());

const aComponent = async (name: string) =>
  (await api.post('components', { name, displayName: name, kind: 'API' })).body.id;

describe('components', () => {
  it('are registered with their defaults, and found where Location says', async () => {
    const asked = { name: 'payments', displayName: 'Payments', kind: 'API' };
    const { status, body, headers } = await api.post('components', asked);
    expect(status).toBe(201);
    expect(body).toEqual({
      ...asked,
      id: expect.any(String),
      stateless: false,
      description: null,
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      updatedAt: body['createdAt'],
    });
    expect(headers['location']).toBe(`/api/v1/registry/components/${body.id}`);
    expect((await api.get(`/${headers['location'] ?? ''}`)).body).toEqual(body);
  });

  it('are unique by name: 409', async () => {
    await aComponent('twice');
    const again = await api.post('components', { name: 'twice', displayName: 'x', kind: 'OTHER' });
    expect(again).toMatchObject({ status: 409, body: { code: 'ALREADY_REGISTERED' } });
  });

  it('are paged, the newest first, and a page knows whether another follows', async () => {
    const one = await ApiUnderTest.inMemory();
    for (const name of ['a', 'b', 'c']) {
      await one.post('components', { name, displayName: name, kind: 'API' });
    }
    const seen: string[] = [];
    let cursor = '';
    for (let pages = 0; pages < 5; pages += 1) {
      const { body } = await one.get(`components?limit=2${cursor}`);
      const page = body as unknown as { items: { name: string }[]; nextCursor: string | null };
      seen.push(...page.items.map(({ name }) => name));
      if (page.nextCursor === null) break;
      cursor = `&cursor=${page.nextCursor}`;
    }
    expect([...seen].sort()).toEqual(['a', 'b', 'c']);
    expect(seen).toHaveLength(3);
    expect((await one.get('components?limit=3')).body['nextCursor']).toBeNull();
    await one.close();
  });
});

describe('versions', () => {
  it('carry their defaults, and change where they are told to', async () => {
    const versions = `components/${await aComponent('versioned')}/versions`;
    const { status, body } = await api.post(versions, { version: '1.2.3' });
    expect(status).toBe(201);
    expect(body).toMatchObject({ status: 'RELEASED', drainTimeoutSeconds: 30, requires: {} });
    const path = `${versions}/${body.id}`;
    const changed = await api.ask('PATCH', path, { body: { status: 'DEPRECATED', lts: true } });
    expect(changed.status).toBe(200);
    expect(changed.body).toMatchObject({ version: '1.2.3', status: 'DEPRECATED', lts: true });
    expect((await api.get(path)).body).toEqual(changed.body);
    const refused = await api.ask('PATCH', path, { body: { version: '9.9.9' } });
    expect(refused).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'version', expected: 'no such field' }] },
    });
  });

  it('must be semver, and ranges must be ranges', async () => {
    const versions = `components/${await aComponent('strict')}/versions`;
    const asked = { version: 'v1', requires: { kafka: 'newest' }, minPlatformVersion: 'x' };
    const { status, body } = await api.post(versions, asked);
    expect(status).toBe(400);
    const fields = (body['errors'] as { field: string }[]).map(({ field }) => field);
    expect(fields).toEqual(['version', 'minPlatformVersion', 'requires.kafka']);
  });

  it.each(['', '  ', '>=3 || '])('require a range that says something, not "%s"', async (kafka) => {
    const versions = `components/${await aComponent(`blank-${String(kafka.length)}`)}/versions`;
    const blank = await api.post(versions, { version: '1.0.0', requires: { kafka } });
    expect(blank).toMatchObject({ status: 400, body: { errors: [{ field: 'requires.kafka' }] } });
    const any = await api.post(versions, { version: '1.0.0', requires: { kafka: '*' } });
    expect(any.status).toBe(201);
  });

  it('are listed by status, and belong to their component', async () => {
    const id = await aComponent('listed');
    await api.post(`components/${id}/versions`, { version: '1.0.0' });
    await api.post(`components/${id}/versions`, { version: '1.1.0', status: 'DRAFT' });
    const drafts = await api.get(`components/${id}/versions?status=DRAFT,END_OF_LIFE`);
    expect(drafts.body['items']).toMatchObject([{ version: '1.1.0' }]);
    expect((await api.get(`components/${id}/versions?status=OLD`)).status).toBe(400);
    expect((await api.get(`components/${randomUUID()}/versions`)).status).toBe(404);
    const other = await aComponent('other-listed');
    const version = (drafts.body['items'] as { id: string }[])[0]?.id ?? '';
    expect((await api.get(`components/${other}/versions/${version}`)).status).toBe(404);
  });
});

describe('what a version is held against', () => {
  const metric = { name: 'errors', source: 'TARGET', query: 'q', bound: 1, direction: 'BELOW' };
  let versions: string;
  let number = 0;
  beforeAll(async () => {
    versions = `components/${await aComponent('checked')}/versions`;
  });
  const register = (more: object) => {
    number += 1;
    return api.post(versions, { version: `1.${String(number)}.0`, ...more });
  };
  const at = ({ body }: Answer) =>
    (body['errors'] as { field: string }[]).map(({ field }) => field);

  it('is filled in and answered as it will be sent', async () => {
    const asked = { smokeTests: [{ path: '/orders' }], canaryMetrics: [metric] };
    const { status, body } = await register(asked);
    expect(status).toBe(201);
    const filledIn = { method: 'GET', expectedStatus: 200, body: null, timeoutSeconds: 10 };
    expect(body['smokeTests']).toEqual([{ path: '/orders', ...filledIn }]);
    expect(body['canaryMetrics']).toEqual([{ ...metric, initialDelaySeconds: 0 }]);
  });

  it.each([
    ['a path of another host', { smokeTests: [{ path: '//evil/x' }] }, 'smokeTests.0.path'],
    ['the same by a backslash', { smokeTests: [{ path: '/\\evil' }] }, 'smokeTests.0.path'],
    ['a path without a slash', { smokeTests: [{ path: 'orders' }] }, 'smokeTests.0.path'],
    ['a path with a line in it', { smokeTests: [{ path: '/a\r\nb' }] }, 'smokeTests.0.path'],
    ['no method', { smokeTests: [{ path: '/', method: 'BREW' }] }, 'smokeTests.0.method'],
    [
      'a status that is none',
      { smokeTests: [{ path: '/', expectedStatus: 600 }] },
      'smokeTests.0.expectedStatus',
    ],
    [
      'a large body',
      { smokeTests: [{ path: '/', body: 'x'.repeat(16_384) }] },
      'smokeTests.0.body',
    ],
    ['a name twice', { canaryMetrics: [metric, metric] }, 'canaryMetrics'],
    [
      'a source nobody knows',
      { canaryMetrics: [{ ...metric, source: 'prometheus' }] },
      'canaryMetrics.0.source',
    ],
    [
      'a side that is none',
      { canaryMetrics: [{ ...metric, direction: 'LEFT' }] },
      'canaryMetrics.0.direction',
    ],
    [
      'a delay of a day and a second',
      { canaryMetrics: [{ ...metric, initialDelaySeconds: 86_401 }] },
      'canaryMetrics.0.initialDelaySeconds',
    ],
  ])('with %s is a 400 that names the field', async (_, asked, field) => {
    const answer = await register(asked);
    expect([answer.status, at(answer)]).toEqual([400, [field]]);
  });

  it('fits a message: both lists together, also when one of them is changed later', async () => {
    const smokeTests = Array.from({ length: 8 }, () => {
      return { path: '/', body: 'x'.repeat(15_000) };
    });
    const canaryMetrics = [1, 2, 3].map((n) => {
      return { ...metric, name: String(n), query: 'q'.repeat(4_000) };
    });
    const both = await register({ smokeTests, canaryMetrics });
    expect([both.status, at(both)]).toEqual([400, ['smokeTests', 'canaryMetrics']]);
    const { body } = await register({ smokeTests });
    const path = `${versions}/${body.id}`;
    const refused = await api.ask('PATCH', path, { body: { canaryMetrics } });
    expect([refused.status, at(refused)]).toEqual([400, ['smokeTests', 'canaryMetrics']]);
    const swapped = await api.ask('PATCH', path, { body: { smokeTests: [], canaryMetrics } });
    expect(swapped.status).toBe(200);
  });
});

describe('upgrade paths', () => {
  it('make a major reachable, for validate too', async () => {
    const id = await aComponent('major');
    const add = async (version: string) =>
      (await api.post(`components/${id}/versions`, { version })).body.id;
    const [from, to] = [await add('1.0.0'), await add('2.0.0')];
    const validate = `upgrade-paths/validate?fromVersionId=${from}&toVersionId=${to}`;
    const before = await api.get(validate);
    expect(before).toMatchObject({ status: 200, body: { valid: false, upgradeType: 'MAJOR' } });
    expect(before.body['blockers']).toMatchObject([{ code: 'NO_PATH' }]);
    const asked = { componentId: id, fromVersionId: from, toVersionId: to, tested: true };
    expect((await api.post('upgrade-paths', asked)).status).toBe(201);
    expect((await api.post('upgrade-paths', asked)).status).toBe(409);
    expect((await api.get(validate)).body).toMatchObject({
      valid: true,
      riskLevel: 'HIGH',
      steps: [{ fromVersion: '1.0.0', toVersion: '2.0.0', registered: true, tested: true }],
    });
    const listed = await api.get(`upgrade-paths?componentId=${id}`);
    expect(listed.body['items']).toHaveLength(1);
  });

  it('lead upwards between versions of their component: 422 names what does not', async () => {
    const { componentId, from, to } = await deploy(api);
    const other = await aComponent('elsewhere');
    const paths = [
      [{ componentId, fromVersionId: to, toVersionId: from }, ['toVersionId']],
      [
        { componentId: other, fromVersionId: from, toVersionId: to },
        ['fromVersionId', 'toVersionId'],
      ],
      [
        { componentId: randomUUID(), fromVersionId: randomUUID(), toVersionId: to },
        ['componentId', 'fromVersionId'],
      ],
    ] as const;
    for (const [asked, fields] of paths) {
      const { status, body } = await api.post('upgrade-paths', asked);
      expect(status).toBe(422);
      expect((body['errors'] as { field: string }[]).map(({ field }) => field)).toEqual(fields);
    }
  });

  it('are validated for a tenant by what runs around it', async () => {
    const to = { requires: { kafka: '>=3' }, minPlatformVersion: '2.0.0' };
    const { from, to: toId, tenantId } = await deploy(api, { to });
    const query = `upgrade-paths/validate?fromVersionId=${from}&toVersionId=${toId}`;
    expect((await api.get(query)).body).toMatchObject({ valid: true });
    const { body } = await api.get(`${query}&tenantId=${tenantId}`);
    expect(body['blockers']).toMatchObject([
      { code: 'PLATFORM_VERSION_UNKNOWN' },
      { code: 'REQUIREMENT_MISSING' },
    ]);
    expect((await api.get(`${query}&tenantId=nobody`)).status).toBe(404);
  });
});

describe('deployments', () => {
  it('fill in what a simulated fleet needs, once created and then replaced', async () => {
    const { componentId, from, to } = await deploy(api);
    const path = `tenants/acme/deployments/${componentId}`;
    const created = await api.get(path);
    expect(created.body).toMatchObject({
      tenantId: 'acme',
      currentVersionId: from,
      observedVersions: {},
      standbySet: null,
      target: {
        driver: 'simulated',
        settings: { instances: 8, fleet: `acme/${componentId}`, version: '1.0.0' },
      },
    });
    const replaced = await api.put(path, { currentVersionId: to, platformVersion: '2.1' });
    expect(replaced.status).toBe(200);
    expect(replaced.headers['location']).toBeUndefined();
    expect(replaced.body).toMatchObject({ id: created.body.id, target: null });
  });

  it('set a simulated fleet up anew', async () => {
    const { componentId, from, request } = await deploy(api, { instances: 8 });
    const target = { driver: 'simulated', settings: { instances: 2 } };
    const path = `tenants/acme/deployments/${componentId}`;
    const asked = { ...request, maxUnavailablePercentage: 50, totalInstances: 9 };
    const before = await api.post('tenants/acme/upgrades', asked);
    expect(before.body['detail']).toBe('totalInstances is 9, the target has 8');
    expect((await api.put(path, { target, currentVersionId: from })).status).toBe(200);
    const after = await api.post('tenants/acme/upgrades', asked);
    expect(after.body['detail']).toBe('totalInstances is 9, the target has 2');
  });

  it('name the settings a driver does not take', async () => {
    const { componentId, from: currentVersionId } = await deploy(api);
    const path = `tenants/acme/deployments/${componentId}`;
    const target = { driver: 'simulated', settings: { instances: 0, speed: 'warp' } };
    const { status, body } = await api.put(path, { target, currentVersionId });
    expect(status).toBe(400);
    const fields = (body['errors'] as { field: string }[]).map(({ field }) => field);
    expect(fields).toEqual(['target.settings.instances', 'target.settings.speed']);
    const unknown = { driver: 'kubernetes', settings: {} };
    expect(await api.put(path, { target: unknown, currentVersionId })).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'target.driver' }] },
    });
  });

  it('refuse a version of another component, and a component that is not there', async () => {
    const { componentId } = await deploy(api);
    const { from: foreign } = await deploy(api);
    const path = `tenants/acme/deployments/${componentId}`;
    expect(await api.put(path, { currentVersionId: foreign })).toMatchObject({
      status: 422,
      body: { errors: [{ field: 'currentVersionId' }] },
    });
    const nowhere = `tenants/acme/deployments/${randomUUID()}`;
    expect((await api.put(nowhere, { currentVersionId: foreign })).status).toBe(404);
  });

  it('stay as they are while an upgrade is active, but their faults may change', async () => {
    const { componentId, from, request } = await deploy(api);
    const created = await api.post('tenants/acme/upgrades', request);
    const path = `tenants/acme/deployments/${componentId}`;
    expect(await api.put(path, { currentVersionId: from })).toMatchObject({
      status: 409,
      body: { code: 'ACTIVE_EXECUTION', activeExecutionId: created.body.id },
    });
    const faults = [{ on: 'BRING', how: 'FAIL', times: 1 }];
    const put = await api.put(`${path}/faults`, { faults });
    expect(put.status).toBe(200);
    expect(put.body).toMatchObject({ target: { settings: { faults } } });
    expect(await api.put(`${path}/faults`, { faults: [{ on: 'NOON' }] })).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'faults.0.on' }, { field: 'faults.0.how' }] },
    });
  });

  it('have faults only where they are simulated', async () => {
    const { componentId } = await deploy(api, { target: null });
    const path = `tenants/acme/deployments/${componentId}/faults`;
    expect(await api.put(path, { faults: [] })).toMatchObject({
      status: 422,
      body: { code: 'NOT_SIMULATED' },
    });
  });
});
