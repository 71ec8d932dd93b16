import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RawReport } from '../upgrade-asked.runner.js';
import { checks, settled } from '#testing/inputs.js';
import { ApiUnderTest, deploy, type Answer } from './api-under-test.contract.js';

let api: ApiUnderTest;
beforeAll(async () => {
  api = await ApiUnderTest.inMemory();
});
afterAll(() => api.close());

/** What targets and services would say, asked under the hand-over that the execution has. */
async function report(executionId: string, ...inputs: RawReport[]): Promise<void> {
  for (const said of inputs) {
    const handOver = (await api.parts.executions.get(executionId))?.execution.handOver ?? 0;
    const input = 'handOver' in said ? { ...said, handOver } : said;
    const answer = await api.upgrades.report({ executionId, input });
    if (answer.kind !== 'COMMITTED') throw new Error(`${input.type} was ${answer.kind}`);
  }
}

const page = (instances: number, version = '1.0.0'): RawReport => ({
  ...{ type: 'PAGE_READ', cursor: null, nextCursor: null },
  instances: Array.from({ length: instances }, (_, at) => ({ id: `i-${String(at)}`, version })),
});
const passed: RawReport = { type: 'PRE_CHECKS_ENDED', handOver: 1, checks: checks('PASSED') };
const room = (): RawReport => ({
  ...{ type: 'ROOM_COUNTED' },
  room: { othersDown: 0, downPending: [], countedAtMs: Date.now() },
});

async function started(request: object): Promise<string> {
  const { body } = await api.post('tenants/acme/upgrades', request, { 'x-actor': 'ann' });
  await api.post(`upgrades/${body.id}/start`);
  return body.id;
}

/** Two of eight instances are on the new version when it is cancelled. */
async function cancelledHalfway(): Promise<{ id: string; from: string; to: string }> {
  const { request, from, to } = await deploy(api);
  const id = await started({ ...request, batchSize: 2 });
  await report(id, page(8), passed, room());
  await report(id, settled('DRAINING', [0, 1]), settled('UPGRADING', [0, 1]));
  await api.post(`upgrades/${id}/cancel`);
  await report(id, settled('HEALTH_CHECKING', [0, 1]));
  return { id, from, to };
}

const revert = (id: string): Promise<Answer> =>
  api.post(`upgrades/${id}/revert`, { reason: 'errors' }, { 'x-actor': 'olga' });

describe('reverting an upgrade', () => {
  it('creates a new one that takes back what moved, and leaves the old one as it ended', async () => {
    const { id, from, to } = await cancelledHalfway();
    const before = await api.get(`upgrades/${id}`);
    expect(before.body).toMatchObject({ status: 'CANCELLED', allowedActions: ['REVERT'] });
    const { status, headers, body } = await revert(id);
    expect(status).toBe(202);
    expect(headers['location']).toBe(`/api/v1/registry/upgrades/${body.id}`);
    expect(body).toMatchObject({
      ...{ kind: 'REVERT', status: 'PENDING', fromVersionId: to, toVersionId: from },
      ...{ strategy: 'ROLLING', batchSize: 2, initiatedBy: 'olga' },
    });
    expect((await api.get(`upgrades/${id}`)).body).toEqual(before.body);
  });

  it('takes only the instances that the other one has moved', async () => {
    const { id } = await cancelledHalfway();
    const { body } = await revert(id);
    await api.post(`upgrades/${body.id}/start`);
    const mixed = Array.from({ length: 8 }, (_, at) => {
      return { id: `i-${String(at)}`, version: at < 2 ? '1.1.0' : '1.0.0' };
    });
    await report(body.id, {
      ...{ type: 'PAGE_READ', cursor: null, nextCursor: null },
      instances: mixed,
    });
    const { items } = (await api.get(`upgrades/${body.id}/instances`)).body as unknown as {
      items: { instanceId: string }[];
    };
    expect(items.map(({ instanceId }) => instanceId)).toEqual(['i-0', 'i-1']);
  });

  it('is possible while instances are down: the checks that would forbid it are skipped', async () => {
    const { id } = await cancelledHalfway();
    const { body } = await revert(id);
    const skipped = (body['skipChecks'] as { check: string; reason: string }[]).map(
      ({ check }) => check,
    );
    expect(skipped).toEqual(['HEALTH_ENDPOINTS', 'RESOURCE_AVAILABILITY']);
  });

  it('is refused while the upgrade runs, while another is active, and when nothing moved', async () => {
    const { request } = await deploy(api);
    const running = await started(request);
    expect(await revert(running)).toMatchObject({ status: 409, body: { code: 'NOT_ALLOWED' } });
    await api.post(`upgrades/${running}/cancel`);
    expect(await revert(running)).toMatchObject({ status: 422, body: { code: 'NOTHING_MOVED' } });
    const { id } = await cancelledHalfway();
    expect((await revert(id)).status).toBe(202);
    expect(await revert(id)).toMatchObject({
      status: 409,
      body: { code: 'ACTIVE_EXECUTION', currentStatus: 'CANCELLED', allowedActions: ['REVERT'] },
    });
  });

  it('is refused to who has seen another revision', async () => {
    const { id } = await cancelledHalfway();
    const stale = await api.post(`upgrades/${id}/revert`, {}, { 'if-match': '"1"' });
    expect(stale).toMatchObject({ status: 412, body: { code: 'REVISION_MISMATCH' } });
    const { body } = await api.get(`upgrades/${id}`);
    expect(stale.body).toMatchObject({ currentRevision: body['revision'] });
  });

  it('takes no query', async () => {
    const { id } = await cancelledHalfway();
    const { status, text } = await api.post(`upgrades/${id}/revert?foo=1`);
    expect([status, text]).toEqual([400, expect.stringContaining('foo')]);
  });
});

/** All of them at once, from where the page says they are. */
async function completed(id: string, version: string): Promise<void> {
  await api.post(`upgrades/${id}/start`);
  await report(id, page(4, version), passed);
  await report(id, settled('DRAINING', [0, 1, 2, 3]), settled('UPGRADING', [0, 1, 2, 3]));
  await report(id, settled('HEALTH_CHECKING', [0, 1, 2, 3]));
  await report(id, { type: 'POST_CHECKS_ENDED', handOver: 1, checks: checks('PASSED') });
}

describe('an upgrade that another one has come after', () => {
  it('is reverted only once that one is: else what came later would be taken down', async () => {
    const { request, componentId, to } = await deploy(api, { instances: 4 });
    const atOnce = { ...request, strategy: 'RECREATE', allowDowntime: true };
    const create = (over: object) =>
      api.post('tenants/acme/upgrades', { ...atOnce, ...over }, { 'x-actor': 'ann' });
    const versions = `components/${componentId}/versions`;
    const newest = (await api.post(versions, { version: '1.2.0' })).body.id;
    const first = (await create({})).body.id;
    await completed(first, '1.0.0');
    const second = (await create({ fromVersionId: to, toVersionId: newest })).body.id;
    await completed(second, '1.1.0');
    expect((await api.get(`upgrades/${second}`)).body['status']).toBe('COMPLETED');
    const refused = await revert(first);
    expect(refused).toMatchObject({
      status: 422,
      body: { code: 'SUPERSEDED', laterExecutionId: second, currentStatus: 'COMPLETED' },
    });
    expect(refused.body['title']).toContain(second);
    const back = await revert(second);
    expect(back.status).toBe(202);
    await completed(back.body.id, '1.2.0');
    expect(await revert(second)).toMatchObject({
      status: 422,
      body: { code: 'SUPERSEDED', laterExecutionId: back.body.id },
    });
    expect((await revert(first)).status).toBe(202);
  });

  it('can be reverted again when its revert was cut short', async () => {
    const { id } = await cancelledHalfway();
    const { body } = await revert(id);
    await api.post(`upgrades/${body.id}/start`);
    await report(body.id, page(2, '1.1.0'), passed, room());
    await api.post(`upgrades/${body.id}/cancel`);
    await report(body.id, settled('DRAINING', [0]), settled('UPGRADING', [0]));
    await report(body.id, settled('HEALTH_CHECKING', [0]));
    expect((await api.get(`upgrades/${body.id}`)).body['status']).toBe('CANCELLED');
    expect((await revert(id)).status).toBe(202);
  });
});

describe('approving a stage', () => {
  it('is for a named person who has not initiated the upgrade', async () => {
    const { request } = await deploy(api);
    const staged = { ...request, strategy: 'STAGED', batchSize: 2 };
    const nobody = await api.post('tenants/acme/upgrades', staged);
    expect(nobody).toMatchObject({ status: 400 });
    expect(nobody.text).toContain('initiatedBy');
    const id = await started({ ...staged, initiatedBy: 'Ann' });
    await report(id, page(8), passed, room());
    await report(id, settled('DRAINING', [0, 1]), settled('UPGRADING', [0, 1]));
    await report(id, settled('HEALTH_CHECKING', [0, 1]));
    expect((await api.get(`upgrades/${id}`)).body).toMatchObject({
      ...{ status: 'PAUSED', pauseReason: 'STAGE_APPROVAL' },
      waitingFor: { kind: 'APPROVAL', who: 'anybody but Ann' },
    });
    const approve = (by: string) => api.post(`upgrades/${id}/approve`, {}, { 'x-actor': by });
    expect(await approve('ann')).toMatchObject({
      status: 403,
      body: { code: 'FORBIDDEN', currentStatus: 'PAUSED' },
    });
    expect(await api.post(`upgrades/${id}/approve`)).toMatchObject({ status: 403 });
    expect(await api.post(`upgrades/${id}/resume`)).toMatchObject({
      status: 409,
      body: { detail: expect.stringMatching(/approved/) },
    });
    expect(await approve('olga')).toMatchObject({ status: 202, body: { status: 'IN_PROGRESS' } });
  });
});
