import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { REQUEST_LIMITS } from '#core/limits.js';
import { ApiUnderTest, deploy } from './api-under-test.contract.js';

let api: ApiUnderTest;
beforeAll(async () => {
  api = await ApiUnderTest.inMemory();
});
afterAll(() => api.close());

/** Field, the least and the most that may be asked, as the specification has them. */
const BOUNDS = [
  ['canaryPercentage', 1, 100],
  ['batchSize', 1, 10_000],
  ['batchDelaySeconds', 0, 86_400],
  ['healthCheckIntervalSeconds', 0, 3_600],
  ['healthCheckTimeoutSeconds', 1, 86_400],
  ['maxUnavailablePercentage', 1, 100],
  ['totalInstances', 1, 1_000_000],
  ['failureThreshold', 1, 1_000_000],
  ['canaryDurationSeconds', 60, 604_800],
  ['blueGreenRetentionSeconds', 0, 86_400],
] as const;
const LONG_NAME = 'x'.repeat(200);

describe('a request to create an upgrade', () => {
  it.each(['least', 'most'])('may ask for the %s of everything', async (which) => {
    const { request } = await deploy(api);
    const values = BOUNDS.map(([field, least, most]) => [field, which === 'least' ? least : most]);
    const asked = { ...request, ...Object.fromEntries(values), initiatedBy: LONG_NAME } as object;
    const answer = await api.post('tenants/acme/upgrades', asked, { 'x-actor': LONG_NAME });
    // More instances than there are is a question of the target, not of the request.
    if (which === 'least') expect(answer.status).toBe(201);
    else expect(answer.body['code']).not.toBe('INVALID_REQUEST');
  });

  it.each(BOUNDS)(
    'is refused one below and one above the bounds of %s',
    async (field, min, max) => {
      const { request } = await deploy(api);
      for (const value of [min - 1, max + 1]) {
        const answer = await api.post('tenants/acme/upgrades', { ...request, [field]: value });
        expect(answer.status).toBe(400);
        expect(answer.body['errors']).toEqual([expect.objectContaining({ field })]);
      }
    },
  );
});

it('a name that cannot be stored is refused where it stands', async () => {
  const { componentId } = await deploy(api);
  const artifacts = { 'a\u0000b': 'x' };
  const answer = await api.post(`components/${componentId}/versions`, {
    ...{ version: '3.0.0', artifacts },
  });
  expect(answer.status).toBe(400);
});

it('an answer is given again for 24 hours, and a try is taken for lost after one minute', () => {
  const { idempotencyKeptMs, idempotencyLeaseMs } = REQUEST_LIMITS;
  expect([idempotencyKeptMs, idempotencyLeaseMs]).toEqual([86_400_000, 60_000]);
});
