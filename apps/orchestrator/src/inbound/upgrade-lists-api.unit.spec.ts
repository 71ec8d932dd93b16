import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApiUnderTest, deploy, type Answer } from './api-under-test.contract.js';

let api: ApiUnderTest;
let [first, second, third] = ['', '', ''];
const components: string[] = [];

/** Two of one tenant, the first of them cancelled, and one of another. */
beforeAll(async () => {
  api = await ApiUnderTest.inMemory();
  const created = [];
  for (const tenantId of ['acme', 'acme', 'other']) {
    const { request, componentId } = await deploy(api, { tenantId });
    const { body } = await api.post(`tenants/${tenantId}/upgrades`, request);
    created.push(body.id);
    components.push(componentId);
  }
  [first = '', second = '', third = ''] = created;
  await api.post(`upgrades/${first}/cancel`);
});
afterAll(() => api.close());

const ids = ({ body }: Answer) => (body['items'] as { id: string }[]).map(({ id }) => id).sort();
const sorted = (...of: string[]) => of.sort();

describe('a list of upgrades', () => {
  it.each([
    ['', () => [first, second]],
    ['active=true', () => [second]],
    ['active=false', () => [first]],
    ['status=PENDING,FAILED', () => [second]],
    ['strategy=ROLLING&kind=UPGRADE', () => [first, second]],
    ['strategy=CANARY', () => []],
    ['kind=REVERT', () => []],
    ['createdAfter=2020-01-01T00:00:00Z', () => [first, second]],
    ['createdBefore=2020-01-01T02:00:00%2B02:00', () => []],
  ])('filtered by "%s"', async (query, expected) => {
    expect(ids(await api.get(`tenants/acme/upgrades?${query}`))).toEqual(sorted(...expected()));
  });

  it('of one component', async () => {
    const of = await api.get(`tenants/acme/upgrades?componentId=${components[1] ?? ''}`);
    expect(ids(of)).toEqual([second]);
  });

  it('refuses what it does not know, each by name', async () => {
    const wrong =
      'active=yes&strategy=X&kind=Y&componentId=1&createdAfter=now&createdBefore=&of=me';
    const { status, body } = await api.get(`tenants/acme/upgrades?${wrong}`);
    expect(status).toBe(400);
    const fields = (body['errors'] as { field: string }[]).map(({ field }) => field);
    expect(fields.sort()).toEqual(
      ['active', 'componentId', 'createdAfter', 'createdBefore', 'kind', 'of', 'strategy'].sort(),
    );
    expect((await api.get('tenants/acme/upgrades?tenantId=acme')).status).toBe(400);
  });
});

describe('the list over all tenants', () => {
  it('holds those of every tenant, page by page', async () => {
    const all = await api.get('upgrades');
    expect(ids(all)).toEqual(sorted(first, second, third));
    expect(ids(await api.get('upgrades?active=true'))).toEqual(sorted(second, third));
    const page = await api.get('upgrades?limit=2');
    const rest = await api.get(`upgrades?limit=2&cursor=${String(page.body['nextCursor'])}`);
    expect([...ids(page), ...ids(rest)].sort()).toEqual(ids(all));
  });

  it('holds nothing of another tenant when one is claimed', async () => {
    const other = { 'x-tenant-id': 'other' };
    expect(ids(await api.get('upgrades', other))).toEqual([third]);
    expect(ids(await api.get('upgrades?tenantId=other', other))).toEqual([third]);
    expect((await api.get('upgrades?tenantId=acme', other)).status).toBe(404);
    expect(ids(await api.get('upgrades?tenantId=acme'))).toEqual(sorted(first, second));
  });
});
