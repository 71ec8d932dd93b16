import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { Execution } from '#core/execution/execution.js';
import { REQUEST_LIMITS } from '#core/limits.js';
import { SteppedClock } from '#runtime/stepped-clock.js';
import { aStoredExecution } from '../persistence/execution.contract.js';
import { ApiUnderTest, deploy, type Answer, type Deployed } from './api-under-test.contract.js';
import { PreviewView } from './preview-views.js';

let api: ApiUnderTest;
beforeAll(async () => {
  api = await ApiUnderTest.inMemory();
});
afterAll(() => api.close());

const PREVIEW = 'tenants/acme/upgrades/preview';

async function preview(request: object, headers: Record<string, string> = {}) {
  const { status, body, text } = await api.post(PREVIEW, request, headers);
  expect([status, text]).toEqual([200, text]);
  return PreviewView.parse(body);
}

type Shown = Awaited<ReturnType<typeof preview>>;
const codes = ({ judgement }: Shown) => judgement.blockers.map(({ code }) => code);
const outcomes = ({ checks }: Shown) =>
  Object.fromEntries(checks.map(({ check, outcome }) => [check, outcome]));
const simulated = (settings: object) => ({ target: { driver: 'simulated', settings } });
/** What of it is needed to be upgraded without backups. */
const skipBackups = { skipChecks: [{ check: 'BACKUP_VERIFICATION', reason: 'none are kept' }] };

/** One that completed; its batches took so long. */
async function completed(of: Deployed, batchWorkMs: number, over: Partial<Execution> = {}) {
  const { tenantId, componentId } = of;
  const stored = aStoredExecution({ tenantId, componentId });
  const before = { ...stored.execution, ...over } as Execution;
  const next = { ...before, status: 'COMPLETED', batchWorkMs, revision: 2 } as Execution;
  await api.parts.executions.transaction(async (tx) => {
    await tx.insert({ ...stored, execution: before });
    await tx.lock([before.id], 'wait');
    await tx.save([{ before, next, facts: [] }]);
  });
}

describe('a preview over the API', () => {
  it('shows batches in their order, room, who serves, and the checks as they come out', async () => {
    const { request } = await deploy(api, simulated({ instances: 8, backups: [] }));
    const asked = { ...request, batchSize: 2, maxUnavailablePercentage: 50, totalInstances: 5 };
    const shown = await preview({ ...asked, ...skipBackups, batchDelaySeconds: 30 });
    expect(shown.judgement).toMatchObject({ valid: true, upgradeType: 'MINOR', blockers: [] });
    expect(shown.plan).toMatchObject({
      ...{ listed: 8, total: 5, alreadyThere: 0, allowedDown: 4, batchesInAll: 3 },
      ...{ lowestServing: 6, lowestServingPercentage: 75, approvals: 0, standsStill: false },
      ...{ waitingSeconds: 60, expectedDurationSeconds: null, expectedFrom: null },
    });
    const ids = shown.plan?.batches.map(({ instances }) => instances) ?? [];
    expect(ids.map((batch) => batch?.length)).toEqual([2, 2, 1]);
    expect(ids.flat()).toEqual(ids.flat().sort());
    expect(outcomes(shown)).toEqual({
      ...{ VERSION_COMPATIBILITY: 'PASSED', RESOURCE_AVAILABILITY: 'PASSED' },
      ...{ BACKUP_VERIFICATION: 'SKIPPED', HEALTH_ENDPOINTS: 'PASSED' },
      DEPENDENCY_CHECK: 'PASSED',
    });
    const skipped = shown.checks.find(({ outcome }) => outcome === 'SKIPPED');
    expect(skipped?.summary).toBe('skipped by anonymous: none are kept');
  });

  it('stores nothing: what was previewed can be created', async () => {
    const of = await deploy(api);
    const paths = [
      `tenants/acme/components/${of.componentId}/upgrades/active`,
      `tenants/acme/deployments/${of.componentId}`,
      `components/${of.componentId}/upgrade-statistics`,
      `tenants/acme/upgrades?limit=200`,
    ];
    const seen = async () => Promise.all(paths.map(async (path) => (await api.get(path)).text));
    const before = await seen();
    await preview(of.request);
    await preview(of.request);
    expect(await seen()).toEqual(before);
    expect((await api.post('tenants/acme/upgrades', of.request)).status).toBe(201);
  });

  it('finds what would fail now, and passes nothing it has not seen', async () => {
    const down = { instance: 2, on: 'LIST', how: 'NO_DATA' };
    const { request } = await deploy(api, simulated({ instances: 8, faults: [down], backups: [] }));
    const shown = await preview(request);
    expect(outcomes(shown)).toMatchObject({
      BACKUP_VERIFICATION: 'FAILED',
      HEALTH_ENDPOINTS: 'FAILED',
    });
    expect(shown.plan?.batches[0]).toMatchObject({ size: 2, alreadyDown: 1, room: 1, serving: 6 });
  });

  it('says so when the fleet is too large to be looked at in a request', async () => {
    const { request } = await deploy(api, simulated({ instances: 10_001, volatile: true }));
    const shown = await preview(request);
    const health = shown.checks.find(({ check }) => check === 'HEALTH_ENDPOINTS');
    expect(health).toMatchObject({ outcome: 'FAILED' });
    expect(health?.summary).toContain('10000 instances at most, the upgrade itself at all');
    expect(shown.plan).toMatchObject({ listed: 10_001, alreadyThere: null, total: 10_001 });
    expect(shown.plan?.batches[0]?.instances).toBeNull();
  });
});

describe('what stands against an upgrade', () => {
  it('is what a preview is for: it says why not, and how it would go', async () => {
    const { request } = await deploy(api, { instances: 1, to: { status: 'DRAFT' } });
    const shown = await preview(request);
    expect(codes(shown)).toEqual(['TARGET_DRAFT', 'NOTHING_WOULD_SERVE']);
    expect(shown.judgement.valid).toBe(false);
    expect(shown.plan).toMatchObject({ total: 1, lowestServing: 0 });
    expect(outcomes(shown)).toMatchObject({ VERSION_COMPATIBILITY: 'FAILED' });
  });

  it('leaves no plan without a target, or when that does not answer', async () => {
    const { request } = await deploy(api, { target: null });
    const without = await preview(request);
    expect(without).toMatchObject({ plan: null, checks: [] });
    expect(codes(without)).toEqual(['NO_TARGET']);
    const away = simulated({ faults: [{ on: 'LIST', how: 'FAIL' }] });
    const silent = await deploy(api, { ...away, to: { status: 'DRAFT' } });
    expect(await preview(silent.request)).toMatchObject({ plan: null, checks: [] });
  });

  it('names another that is active, instead of 409', async () => {
    const { request } = await deploy(api);
    const { body } = await api.post('tenants/acme/upgrades', request);
    const shown = await preview(request);
    expect(codes(shown)).toEqual(['ANOTHER_IS_ACTIVE']);
    expect(shown.judgement.blockers[0]?.message).toContain(body.id);
    expect(shown.judgement.valid).toBe(false);
    expect(shown.plan).not.toBeNull();
  });

  it('may be that there is nothing left to take', async () => {
    const { request } = await deploy(api, simulated({ instances: 4, version: '1.1.0' }));
    const shown = await preview(request);
    expect(shown.plan).toBeNull();
    expect(shown.judgement.warnings).toContainEqual({
      code: 'NOTHING_TO_TAKE',
      message: expect.stringContaining('all 4'),
    });
  });
});

describe('the expected duration', () => {
  it('rests on how long batches took in earlier upgrades of this tenant', async () => {
    const of = await deploy(api, { instances: 4 });
    for (const batchWorkMs of [9_000, 1_000, 2_000]) await completed(of, batchWorkMs);
    await completed({ ...of, tenantId: 'other' }, 90_000);
    const { plan } = await preview({ ...of.request, batchDelaySeconds: 10 });
    expect(plan).toMatchObject({
      ...{ batchesInAll: 4, waitingSeconds: 30, expectedDurationSeconds: 38 },
      expectedFrom: { executions: 3, batchSeconds: 2 },
    });
    expect(plan?.batches.map((batch) => batch.startsAfterSeconds)).toEqual([0, 12, 24, 36]);
  });

  it('rests on the same strategy, if there was one', async () => {
    const of = await deploy(api, { instances: 4 });
    const { plan } = aStoredExecution({}).execution;
    await completed(of, 1_000);
    await completed(of, 60_000, { plan: { ...plan, strategy: 'RECREATE' } });
    const asked = { ...of.request, strategy: 'RECREATE' };
    expect((await preview(asked)).plan).toMatchObject({ expectedDurationSeconds: 60 });
    expect((await preview(of.request)).plan?.expectedFrom).toMatchObject({ batchSeconds: 1 });
  });
});

describe('a preview is refused', () => {
  const refused = (answer: Answer) => [answer.status, answer.body['code']];

  it('as an upgrade is: 400, 404, 422, 503', async () => {
    const { request } = await deploy(api);
    const wrong = await api.post(PREVIEW, { ...request, batchSize: 0, batches: 3 });
    expect(wrong.status).toBe(400);
    const errors = wrong.body['errors'] as { field: string }[];
    expect(errors.map(({ field }) => field).sort()).toEqual(['batchSize', 'batches']);
    const other = await api.post(PREVIEW, request, { 'x-tenant-id': 'other' });
    expect(other.status).toBe(404);
    const unknown = await api.post(PREVIEW, { ...request, toVersionId: randomUUID() });
    expect(refused(unknown)).toEqual([422, 'UNUSABLE_REFERENCE']);
    const away = await deploy(api, simulated({ faults: [{ on: 'LIST', how: 'FAIL' }] }));
    const silent = await api.post(PREVIEW, away.request);
    expect(refused(silent)).toEqual([503, 'TARGET_UNREACHABLE']);
    expect(silent.headers['retry-after']).toBe('5');
  });

  it('within its limit when the target hangs', async () => {
    const clock = new SteppedClock(Date.now());
    const still = await ApiUnderTest.inMemory({ clock });
    const hangs = await deploy(still, simulated({ faults: [{ on: 'LIST', how: 'HANG' }] }));
    const asked = still.post(PREVIEW, hangs.request);
    while (clock.sleeping < 2) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(REQUEST_LIMITS.countTimeoutMs);
    expect((await asked).status).toBe(503);
    await still.close();
  });
});
