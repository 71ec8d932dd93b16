import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApiUnderTest } from './api-under-test.contract.js';
import { openApiOf } from './http.config.js';

interface Media {
  schema?: object;
}
interface Operation {
  summary?: string;
  parameters?: { name: string; in: string }[];
  requestBody?: { content: Record<string, Media> };
  responses: Record<string, { content?: Record<string, Media> }>;
}

let api: ApiUnderTest;
let document: ReturnType<typeof openApiOf>;
beforeAll(async () => {
  api = await ApiUnderTest.inMemory();
  document = openApiOf(api.app);
});
afterAll(() => api.close());

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, Operation>).map(
      ([method, operation]) => [`${method.toUpperCase()} ${path}`, operation] as const,
    ),
  );
const named = (name: string): Operation => {
  const found = operations().find(([one]) => one === name);
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found[1];
};
const BASE = '/api/v1/registry';

describe('the OpenAPI document', () => {
  it('knows every route there is', () => {
    expect(operations().map(([name]) => name.replace(BASE, ''))).toEqual([
      'POST /components',
      'GET /components',
      'GET /components/{id}',
      'POST /components/{id}/versions',
      'GET /components/{id}/versions',
      'GET /components/{id}/versions/{versionId}',
      'PATCH /components/{id}/versions/{versionId}',
      'POST /upgrade-paths',
      'GET /upgrade-paths',
      'GET /upgrade-paths/validate',
      'PUT /tenants/{tenantId}/deployments/{componentId}',
      'GET /tenants/{tenantId}/deployments/{componentId}',
      'PUT /tenants/{tenantId}/deployments/{componentId}/faults',
      'POST /tenants/{tenantId}/upgrades',
      'GET /tenants/{tenantId}/upgrades',
      'GET /upgrades',
      'GET /tenants/{tenantId}/components/{componentId}/upgrades/active',
      'GET /upgrades/{id}',
      'GET /upgrades/{id}/instances',
      'POST /upgrades/{id}/start',
      'POST /upgrades/{id}/pause',
      'POST /upgrades/{id}/resume',
      'POST /upgrades/{id}/cancel',
      'POST /upgrades/{id}/approve',
      'POST /upgrades/{id}/promote-canary',
      'POST /upgrades/{id}/revert',
      'POST /upgrades/{id}/rollback',
      'GET /upgrades/{id}/events',
      'GET /components/{componentId}/upgrade-statistics',
    ]);
  });

  it('says of each what it is, what it answers, and how it refuses', () => {
    for (const [name, operation] of operations()) {
      expect([name, operation.summary]).toEqual([name, expect.stringMatching(/.+/)]);
      for (const [status, { content }] of Object.entries(operation.responses)) {
        if (status === '204') continue;
        const type = Number(status) < 400 ? 'application/json' : 'application/problem+json';
        expect([name, status, content?.[type]?.schema]).toEqual([
          name,
          status,
          { $ref: expect.stringMatching(/^#\/components\/schemas\/[A-Z]/) },
        ]);
      }
      expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['400', '503']));
    }
  });

  it('holds every schema it points at, and only such', () => {
    const text = JSON.stringify(document);
    const pointed = [...text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)];
    const schemas = document.components?.schemas ?? {};
    for (const [, name = ''] of pointed) expect(schemas).toHaveProperty(name);
    expect(text).not.toContain('$defs');
  });

  it('describes the request of an upgrade with bounds, defaults and an example', () => {
    const { requestBody, parameters = [] } = named(`POST ${BASE}/tenants/{tenantId}/upgrades`);
    expect(requestBody?.content['application/json']?.schema).toEqual({
      $ref: '#/components/schemas/UpgradeRequest',
    });
    const schema = document.components?.schemas?.['UpgradeRequest'] as unknown as {
      properties: Record<string, object>;
      required: string[];
      additionalProperties: boolean;
      example: object;
    };
    expect(schema.properties['batchSize']).toMatchObject({
      minimum: 1,
      maximum: 10_000,
      default: 5,
    });
    expect(schema.required).toEqual(['componentId', 'fromVersionId', 'toVersionId']);
    expect(schema.additionalProperties).toBe(false);
    expect(schema.example).toMatchObject({ strategy: 'ROLLING' });
    expect(parameters.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['tenantId', 'X-Actor', 'X-Tenant-Id', 'Idempotency-Key']),
    );
  });

  it('names the queries and headers a route heeds', () => {
    const of = (name: string) => (named(name).parameters ?? []).map((one) => one.name);
    expect(of(`GET ${BASE}/tenants/{tenantId}/upgrades`)).toEqual(
      expect.arrayContaining(['limit', 'cursor', 'status']),
    );
    expect(of(`POST ${BASE}/upgrades/{id}/rollback`)).toEqual(
      expect.arrayContaining(['reason', 'If-Match']),
    );
  });

  it('is served at /docs', async () => {
    const page = await api.ask('GET', '//docs');
    expect(page.status).toBe(200);
    expect(page.text).toContain('swagger');
    const json = await api.ask('GET', '//docs-json');
    expect(json.body['openapi']).toMatch(/^3\./);
  });
});
