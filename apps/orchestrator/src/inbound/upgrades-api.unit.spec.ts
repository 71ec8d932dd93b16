import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { REQUEST_LIMITS } from '#core/limits.js';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { ApiUnderTest, deploy, type Answer } from './api-under-test.contract.js';

let api: ApiUnderTest;
beforeAll(async () => {
  api = await ApiUnderTest.inMemory();
});
afterAll(() => api.close());

const codes = ({ body }: Answer) =>
  ((body['blockers'] ?? []) as { code: string }[]).map(({ code }) => code);
const create = (request: object, headers: Record<string, string> = {}) =>
  api.post('tenants/acme/upgrades', request, headers);

describe('creating an upgrade', () => {
  it('answers the request with all defaults, PENDING, and says where it is', async () => {
    const { request, componentId } = await deploy(api);
    const { status, body, headers } = await create(request);
    expect(status).toBe(201);
    expect(body).toMatchObject({
      ...request,
      strategy: 'ROLLING',
      canaryPercentage: 10,
      batchSize: 5,
      batchDelaySeconds: 60,
      healthCheckIntervalSeconds: 30,
      healthCheckTimeoutSeconds: 300,
      maxUnavailablePercentage: 25,
      totalInstances: null,
      autoRollbackEnabled: false,
      failureThreshold: 3,
      initiatedBy: null,
      skipChecks: [],
      allowDowntime: false,
      tenantId: 'acme',
      kind: 'UPGRADE',
      status: 'PENDING',
      stopping: null,
      waitingFor: { kind: 'START', who: 'operator' },
      pausedFrom: null,
      pauseReason: null,
      progress: { total: 0, completed: 0, failed: 0, rolledBack: 0, percentage: 0 },
      validationResults: [],
      canary: null,
      startedAt: null,
      completedAt: null,
      revision: 1,
      allowedActions: ['START', 'CANCEL'],
    });
    expect(body['rollbackInfo']).toMatchObject({
      failureThreshold: 3,
      currentFailures: 0,
      rolledBackInstances: [],
      rolledBackInstancesCount: 0,
    });
    expect(headers['location']).toBe(`/api/v1/registry/upgrades/${body.id}`);
    expect(headers['etag']).toBe('"1"');
    const read = await api.get(`upgrades/${body.id}`);
    expect(read.body).toEqual(body);
    expect(read.headers['etag']).toBe('"1"');
    const active = await api.get(`tenants/acme/components/${componentId}/upgrades/active`);
    expect(active.body).toEqual(body);
  });

  it('warns of a threshold the room never lets it reach', async () => {
    const { request } = await deploy(api);
    const { body } = await create({ ...request, failureThreshold: 3 });
    expect(body['warnings']).toEqual([expect.stringContaining('THRESHOLD_OUT_OF_REACH')]);
  });

  it('is refused while another is active: 409 names it', async () => {
    const { request } = await deploy(api);
    const first = await create(request);
    expect(await create(request)).toMatchObject({
      status: 409,
      body: { code: 'ACTIVE_EXECUTION', activeExecutionId: first.body.id },
    });
  });

  it('is created once by many at once', async () => {
    const { request } = await deploy(api);
    const answers = await Promise.all(Array.from({ length: 6 }, () => create(request)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409, 409]);
  });

  it('takes every strategy', async () => {
    for (const strategy of ['ROLLING', 'CANARY', 'BLUE_GREEN', 'RECREATE', 'STAGED']) {
      const { request } = await deploy(api);
      const answer = await create({ ...request, strategy, initiatedBy: 'ann' });
      expect(answer).toMatchObject({ status: 201, body: { strategy } });
    }
  });

  it('advises another strategy where nothing would be left serving', async () => {
    const { request } = await deploy(api, { instances: 1 });
    const answer = await create({ ...request, strategy: 'CANARY' });
    expect(codes(answer)).toEqual(['NOTHING_WOULD_SERVE']);
    expect(answer.body['detail']).toMatch(/BLUE_GREEN or RECREATE/);
    const allowed = await create({ ...request, strategy: 'CANARY', allowDowntime: true });
    expect(allowed.status).toBe(201);
  });

  it('lists all blockers at once', async () => {
    const to = { status: 'DRAFT', version: '0.9.0', requires: { kafka: '>=3' } };
    const { request } = await deploy(api, { to, instances: 1 });
    const staged = { totalInstances: 2, strategy: 'STAGED', initiatedBy: 'ann' };
    const answer = await create({ ...request, ...staged });
    expect(answer.status).toBe(422);
    expect(codes(answer)).toEqual([
      'DOWNGRADE',
      'TARGET_DRAFT',
      'REQUIREMENT_MISSING',
      'TOO_MANY_INSTANCES',
      'NOTHING_WOULD_SERVE',
    ]);
  });

  it('takes the version the deployment is on, and names both when it is another', async () => {
    const { request, from, to } = await deploy(api);
    const answer = await create({ ...request, fromVersionId: to, toVersionId: from });
    expect(answer.status).toBe(422);
    expect(codes(answer)).toContain('NOT_THE_CURRENT_VERSION');
    expect(answer.body['detail']).toContain(from);
    expect(answer.body['detail']).toContain(to);
  });

  it('takes one step, and names them all where there are several', async () => {
    const { request, componentId } = await deploy(api);
    const versions = `components/${componentId}/versions`;
    const toVersionId = (await api.post(versions, { version: '1.2.0' })).body.id;
    const answer = await create({ ...request, toVersionId });
    expect(answer.status).toBe(422);
    expect(codes(answer)).toEqual(['SEVERAL_STEPS']);
    expect(answer.body['steps']).toMatchObject([{ toVersion: '1.1.0' }, { toVersion: '1.2.0' }]);
  });

  it('names what is not registered, and needs a deployment with a target', async () => {
    const { request } = await deploy(api);
    expect(await create({ ...request, toVersionId: randomUUID() })).toMatchObject({
      status: 422,
      body: { errors: [{ field: 'toVersionId' }] },
    });
    const elsewhere = await api.post('tenants/nobody/upgrades', request);
    expect(elsewhere.status).toBe(422);
    expect(codes(elsewhere)).toContain('NO_TARGET');
    const { request: aimless } = await deploy(api, { target: null });
    expect(codes(await create(aimless))).toEqual(['NO_TARGET']);
  });

  it('would leave nothing serving: 422 advises, unless downtime is allowed', async () => {
    const { request } = await deploy(api, { instances: 1 });
    const refused = await create(request);
    expect(codes(refused)).toEqual(['NOTHING_WOULD_SERVE']);
    expect(refused.body['detail']).toMatch(/BLUE_GREEN or RECREATE/);
    expect((await create({ ...request, allowDowntime: true })).status).toBe(201);
  });

  it('goes past what a skipped check would find, and says so', async () => {
    const { request } = await deploy(api, { to: { requires: { kafka: '>=3' } } });
    expect(codes(await create(request))).toEqual(['REQUIREMENT_MISSING']);
    const skipChecks = [{ check: 'DEPENDENCY_CHECK', reason: 'kafka is managed elsewhere' }];
    const { status, body } = await create({ ...request, failureThreshold: 1, skipChecks });
    expect(status).toBe(201);
    expect(body['warnings']).toEqual([expect.stringContaining('CHECK_SKIPPED')]);
  });

  it('says 503 with Retry-After when the target does not answer, and stores nothing', async () => {
    const faults = [{ on: 'LIST', how: 'FAIL' }];
    const target = { driver: 'simulated', settings: { instances: 4, faults } };
    const { request, componentId } = await deploy(api, { target });
    const answer = await create(request);
    expect(answer).toMatchObject({
      status: 503,
      body: { code: 'TARGET_UNREACHABLE', title: expect.stringMatching(/cannot be reached, or/) },
    });
    expect(answer.headers['retry-after']).toBe('5');
    const active = await api.get(`tenants/acme/components/${componentId}/upgrades/active`);
    expect(active.status).toBe(404);
  });

  it('says what is impossible even when the target does not answer', async () => {
    const faults = [{ on: 'LIST', how: 'FAIL' }];
    const target = { driver: 'simulated', settings: { instances: 4, faults } };
    const { request } = await deploy(api, { target, to: { status: 'DRAFT' } });
    const answer = await create(request);
    expect(answer.status).toBe(422);
    expect(codes(answer)).toEqual(['TARGET_DRAFT']);
  });

  it('says 503 within its limit when the target hangs', async () => {
    const clock = new SteppedClock(Date.now());
    const still = await ApiUnderTest.inMemory({ clock });
    const faults = [{ on: 'LIST', how: 'HANG' }];
    const target = { driver: 'simulated', settings: { instances: 4, faults } };
    const { request } = await deploy(still, { target });
    const asked = still.post('tenants/acme/upgrades', request);
    while (clock.sleeping < 2) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(REQUEST_LIMITS.countTimeoutMs);
    expect(await asked).toMatchObject({ status: 503, body: { code: 'TARGET_UNREACHABLE' } });
    await still.close();
  });
});

describe('actions', () => {
  it('are decided and answered with 202 and the new revision', async () => {
    const { request } = await deploy(api);
    const { body } = await create(request);
    const started = await api.post(`upgrades/${body.id}/start`);
    expect(started).toMatchObject({ status: 202, body: { status: 'VALIDATING', revision: 2 } });
    expect(started.headers['etag']).toBe('"2"');
    expect(started.body['startedAt']).not.toBeNull();
    const cancelled = await api.post(`upgrades/${body.id}/cancel`, { reason: 'changed our mind' });
    expect(cancelled).toMatchObject({ status: 202, body: { status: 'CANCELLED' } });
    expect(cancelled.body['completedAt']).not.toBeNull();
  });

  it('that the status does not allow, or that are not available yet, are 409 by name', async () => {
    const { request } = await deploy(api);
    const { body } = await create(request);
    const names = ['pause', 'resume', 'approve', 'promote-canary', 'revert', 'rollback'];
    for (const name of names) {
      const answer = await api.post(`upgrades/${body.id}/${name}`, {});
      expect(answer).toMatchObject({
        status: 409,
        body: { currentStatus: 'PENDING', allowedActions: ['START', 'CANCEL'] },
      });
      expect(answer.body['title']).toContain(name.toUpperCase().replace('-', '_'));
    }
    expect((await api.get(`upgrades/${body.id}`)).body).toEqual(body);
  });

  it('insist on a revision when If-Match says so', async () => {
    const { request } = await deploy(api);
    const { body } = await create(request);
    const path = `upgrades/${body.id}/start`;
    expect(await api.post(path, {}, { 'if-match': '"7"' })).toMatchObject({
      status: 412,
      body: { currentRevision: 1 },
    });
    expect((await api.post(path, {}, { 'if-match': 'W/"1"' })).status).toBe(400);
    expect((await api.get(`upgrades/${body.id}`)).body).toMatchObject({ status: 'PENDING' });
    expect((await api.post(path, {}, { 'if-match': '"1"' })).status).toBe(202);
  });

  it('take the reason of a rollback from the body or from the query', async () => {
    const { request } = await deploy(api);
    const { body } = await create(request);
    const path = `upgrades/${body.id}/rollback`;
    expect((await api.post(`${path}?reason=Manual+rollback`)).status).toBe(409);
    expect((await api.post(`${path}?because=x`)).status).toBe(400);
    expect((await api.post(path, { reason: 'x'.repeat(501) })).status).toBe(400);
    expect((await api.post(`upgrades/${body.id}/start?reason=x`)).status).toBe(400);
  });

  it('go by the reason in the body where the query has another', async () => {
    const { request } = await deploy(api);
    const path = `upgrades/${(await create(request)).body.id}/rollback`;
    const reasons: (string | null)[] = [];
    const { upgrades } = api;
    const act = upgrades.act.bind(upgrades);
    upgrades.act = (id, action, strict) => {
      reasons.push(action.reason);
      return act(id, action, strict);
    };
    await api.post(`${path}?reason=query`, { reason: 'body' });
    await api.post(`${path}?reason=query`);
    upgrades.act = act;
    expect(reasons).toEqual(['body', 'query']);
  });
});

describe('reading', () => {
  it("lists a tenant's own, by status and page, without the ids of instances", async () => {
    const tenantId = 'lists';
    for (let at = 0; at < 3; at += 1) {
      const { request } = await deploy(api, { tenantId });
      await api.post(`tenants/${tenantId}/upgrades`, request);
    }
    const all = await api.get(`tenants/${tenantId}/upgrades`);
    const items = all.body['items'] as { id: string; createdAt: string; rollbackInfo: object }[];
    expect(items).toHaveLength(3);
    expect([...items].sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1))).toEqual(items);
    expect(items[0]?.rollbackInfo).not.toHaveProperty('rolledBackInstances');
    const first = await api.get(`tenants/${tenantId}/upgrades?limit=2`);
    const rest = await api.get(
      `tenants/${tenantId}/upgrades?limit=2&cursor=${String(first.body['nextCursor'])}`,
    );
    expect([...(first.body['items'] as object[]), ...(rest.body['items'] as object[])]).toEqual(
      items,
    );
    expect(rest.body['nextCursor']).toBeNull();
    const none = await api.get(`tenants/${tenantId}/upgrades?status=FAILED&status=COMPLETED`);
    expect(none.body['items']).toEqual([]);
    expect((await api.get('tenants/unheard-of/upgrades')).body['items']).toEqual([]);
  });

  it("does not show another tenant's, nor act on it", async () => {
    const { request } = await deploy(api);
    const { body } = await create(request);
    const other = { 'x-tenant-id': 'other' };
    for (const path of ['', '/instances', '/events']) {
      expect((await api.get(`upgrades/${body.id}${path}`, other)).status).toBe(404);
      expect((await api.get(`upgrades/${body.id}${path}`, { 'x-tenant-id': 'acme' })).status).toBe(
        200,
      );
    }
    expect((await api.post(`upgrades/${body.id}/start`, {}, other)).status).toBe(404);
    expect((await api.get('tenants/acme/upgrades', other)).status).toBe(404);
    expect((await create(request, other)).status).toBe(404);
    expect((await api.get(`upgrades/${body.id}`)).body).toEqual(body);
  });

  it('pages events, the oldest first, and streams them until the end', async () => {
    const { request } = await deploy(api);
    const { body } = await create(request);
    await api.post(`upgrades/${body.id}/start`);
    await api.post(`upgrades/${body.id}/cancel`);
    const path = `upgrades/${body.id}/events`;
    const page = (await api.get(`${path}?limit=2`)).body as unknown as {
      items: { id: string; data: { sequence: number } }[];
      nextCursor: string;
    };
    expect(page.items.map(({ data }) => data.sequence)).toEqual([1, 2]);
    expect(page.items[0]?.id).toBe(`${body.id}/1`);
    const rest = await api.get(`${path}?cursor=${page.nextCursor}`);
    const items = rest.body['items'] as { data: { sequence: number } }[];
    expect(items[0]?.data.sequence).toBe(3);
    const accept = { accept: 'text/event-stream' };
    const stream = await api.get(path, { ...accept, 'last-event-id': '1' });
    expect(stream.headers['content-type']).toBe('text/event-stream');
    const ids = [...stream.text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
    expect(ids[0]).toBe(2);
    expect(ids.at(-1)).toBe(items.at(-1)?.data.sequence);
    const over = await api.get(path, { ...accept, 'last-event-id': String(ids.at(-1)) });
    expect(over.status).toBe(204);
    expect((await api.get(path, { ...accept, 'last-event-id': 'x' })).status).toBe(400);
  });

  it('pages instances by index, and has none before they are listed', async () => {
    const { request } = await deploy(api);
    const { body } = await create(request);
    expect((await api.get(`upgrades/${body.id}/instances`)).body).toEqual({
      items: [],
      nextCursor: null,
    });
    const nowMs = Date.now();
    await api.parts.executions.transaction((tx) =>
      tx.addInstances(
        body.id,
        ['a', 'b', 'c'].map((instanceId, index) => ({ index, instanceId, fromVersion: '1.0.0' })),
        nowMs,
      ),
    );
    const first = await api.get(`upgrades/${body.id}/instances?limit=2`);
    expect(first.body['items']).toMatchObject([
      { index: 0, instanceId: 'a', status: 'PENDING', fromVersion: '1.0.0' },
      { index: 1, instanceId: 'b' },
    ]);
    const cursor = String(first.body['nextCursor']);
    const rest = await api.get(`upgrades/${body.id}/instances?limit=2&cursor=${cursor}`);
    expect(rest.body).toMatchObject({ items: [{ instanceId: 'c' }], nextCursor: null });
    const failed = await api.get(`upgrades/${body.id}/instances?status=FAILED`);
    expect(failed.body['items']).toEqual([]);
  });
});
