import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { z } from 'zod';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { Health } from '#observability/health.js';
import { MetricRegistry } from '#observability/metric-registry.js';
import { ObservabilityModule } from '#observability/observability.module.js';
import { SystemClock } from '#runtime/clock.js';
import { createHttpAdapter } from './http.config.js';
import { ApiUnderTest } from './api-under-test.contract.js';
import { openApiOf } from './openapi.js';
import { PROBLEM_EXAMPLES } from './problem-examples.js';
import { Problem } from './problem.js';
import {
  ComponentRequest,
  DeploymentRequest,
  FaultsRequest,
  UpgradePathRequest,
  VersionChange,
  VersionRequest,
} from './registry-requests.js';
import {
  ComponentView,
  DeploymentView,
  UpgradePathView,
  ValidationView,
  VersionView,
} from './registry-views.js';
import { PreviewView } from './preview-views.js';
import { StatisticsView } from './statistics-views.js';
import { ActionRequest, UpgradeRequest } from './upgrade-requests.js';
import { EventPage, InstanceView, UpgradePage, UpgradeView } from './upgrade-views.js';

interface Schema {
  $ref?: string;
  example?: unknown;
}
interface Media {
  schema?: Schema;
  example?: unknown;
  examples?: object;
}
interface Operation {
  operationId: string;
  summary?: string;
  parameters?: { name: string; in: string; schema?: Schema }[];
  requestBody?: { required?: boolean; content: Record<string, Media> };
  responses: Record<string, { content?: Record<string, Media>; headers?: object }>;
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
      'POST /tenants/{tenantId}/upgrades/preview',
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
      const refusals = ['400', '500', '503'];
      if (name.startsWith('POST')) refusals.push('413', '415', '422');
      if (name.startsWith('POST') && !name.endsWith('/preview')) refusals.push('409');
      expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(refusals));
    }
  });

  it('names each operation, once', () => {
    const ids = operations().map(([, { operationId }]) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[a-z]+([A-Z][a-z]+)+$/);
    expect(ids).toEqual(expect.arrayContaining(['createUpgrade', 'startUpgrade', 'getVersion']));
  });

  describe('has examples', () => {
    const schemaOf = ({ schema }: Media): Schema => {
      const name = /^#\/components\/schemas\/(.+)$/.exec(schema?.$ref ?? '')?.[1] ?? '';
      return document.components?.schemas?.[name] ?? schema ?? {};
    };

    it('of each request, answer and refusal', () => {
      for (const [name, { requestBody, responses }] of operations()) {
        const answers = Object.entries(responses).map(([status, one]) => [status, one] as const);
        for (const [where, one] of [['request', requestBody] as const, ...answers]) {
          for (const [type, media] of Object.entries(one?.content ?? {})) {
            const example = media.example ?? media.examples ?? schemaOf(media).example;
            expect([name, where, type, example]).not.toEqual([name, where, type, undefined]);
          }
        }
      }
    });

    it('of each parameter', () => {
      for (const [name, { parameters = [] }] of operations()) {
        for (const { name: of, schema } of parameters) {
          expect([name, of, schema?.example]).not.toEqual([name, of, undefined]);
        }
      }
    });

    it.each([
      ComponentRequest,
      VersionRequest,
      VersionChange,
      UpgradePathRequest,
      DeploymentRequest,
      FaultsRequest,
      UpgradeRequest,
      ActionRequest,
      ComponentView,
      VersionView,
      UpgradePathView,
      ValidationView,
      DeploymentView,
      UpgradeView,
      UpgradePage,
      InstanceView,
      EventPage,
      StatisticsView,
      PreviewView,
    ])('that its own schema lets through (%#)', (schema: z.ZodType) => {
      const examples = (schema.meta()?.examples ?? []) as unknown[];
      expect(examples).not.toEqual([]);
      for (const example of examples) expect(() => schema.parse(example)).not.toThrow();
    });

    it('of problems, as they are answered', () => {
      for (const [status, examples] of Object.entries(PROBLEM_EXAMPLES)) {
        for (const example of examples) {
          expect(Problem.parse(example)).toMatchObject({ status: Number(status) });
        }
      }
    });
  });

  it('knows that a stream is no page, and that an action needs no body', () => {
    const events = named(`GET ${BASE}/upgrades/{id}/events`);
    const stream = events.responses['200']?.content?.['text/event-stream'];
    expect(stream?.schema).toEqual({ type: 'string' });
    expect(stream?.example).toMatch(/^: open\n\nid: \d+\nevent: .+\ndata: \{.+\}\n\n$/);
    expect(events.parameters?.map((one) => one.name)).toContain('Last-Event-ID');
    expect(named(`POST ${BASE}/upgrades/{id}/start`).requestBody?.required).toBe(false);
    expect(named(`POST ${BASE}/components`).requestBody?.required).toBe(true);
  });

  it('says of the headers of an answer what they are', () => {
    const of = (name: string, status: string) =>
      Object.keys(named(name).responses[status]?.headers ?? {}).sort();
    const created = `POST ${BASE}/tenants/{tenantId}/upgrades`;
    expect(of(created, '201')).toEqual(['ETag', 'Idempotency-Replayed', 'Location']);
    expect(of(created, '503')).toEqual(['Retry-After']);
    expect(of(`GET ${BASE}/upgrades/{id}`, '200')).toEqual(['ETag']);
  });

  it('says of a preview that it is shown who asks, and that no key is looked at', () => {
    const { parameters = [], responses } = named(
      `POST ${BASE}/tenants/{tenantId}/upgrades/preview`,
    );
    const headers = parameters.filter((one) => one.in === 'header').map((one) => one.name);
    expect(headers.sort()).toEqual(['X-Actor', 'X-Tenant-Id']);
    expect(responses['200']?.headers).toEqual({});
    expect(responses).not.toHaveProperty('409');
  });

  it('says of each list of upgrades that a foreign tenant is not there', () => {
    for (const list of [`GET ${BASE}/upgrades`, `GET ${BASE}/tenants/{tenantId}/upgrades`]) {
      expect(named(list).responses).toHaveProperty('404');
    }
  });

  it('says that the probes of a service may answer 503', async () => {
    const health = new Health(new SystemClock());
    const imports = [ObservabilityModule.of(health, new MetricRegistry('orchestrator'))];
    const module = await Test.createTestingModule({ imports }).compile();
    const app = module.createNestApplication<NestFastifyApplication>(createHttpAdapter());
    const { paths } = openApiOf(await app.init());
    for (const probe of ['/livez', '/readyz']) {
      expect(Object.keys(paths[probe]?.get?.responses ?? {})).toEqual(['200', '503']);
    }
    await app.close();
  });

  it('says where it is served, and what members a problem may have', () => {
    expect(document.servers).toEqual([expect.objectContaining({ url: '/' })]);
    const { properties } = document.components?.schemas?.['Problem'] as { properties: object };
    expect(Object.keys(properties)).toEqual(
      expect.arrayContaining(['steps', 'blockers', 'warnings', 'laterExecutionId']),
    );
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
