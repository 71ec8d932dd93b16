import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { REQUEST_LIMITS } from '#core/limits.js';
import { TransientDatabaseError } from '#postgres/service-database.js';
import type { LogLine } from '#runtime/log.js';
import { silentLog } from '#runtime/log.js';
import { ApiUnderTest, deploy, type Answer, type Deployed } from './api-under-test.contract.js';

let api: ApiUnderTest;
let deployed: Deployed;
beforeAll(async () => {
  api = await ApiUnderTest.inMemory();
});
beforeEach(async () => {
  deployed = await deploy(api);
});
afterAll(() => api.close());

const fields = ({ body }: Answer) =>
  ((body['errors'] ?? []) as { field: string }[]).map(({ field }) => field);

function expectProblem(answer: Answer, status: number): void {
  expect(answer.status).toBe(status);
  expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
  expect(answer.body).toMatchObject({
    status,
    type: expect.stringMatching(/^urn:upgrade-orchestrator:problem:[a-z-]+$/),
    title: expect.any(String),
    code: expect.stringMatching(/^[A-Z_]+$/),
    instance: expect.stringMatching(/^\//),
  });
}

async function expectNothingStored(): Promise<void> {
  const { componentId } = deployed;
  const active = await api.get(`tenants/acme/components/${componentId}/upgrades/active`);
  expect(active.status).toBe(404);
}

describe('a request to create an upgrade', () => {
  const create = (body: object | string, headers: Record<string, string> = {}) =>
    api.post('tenants/acme/upgrades', body, headers);

  it.each([
    ['an unknown field', { colour: 'red' }, ['colour']],
    ['a wrong type', { batchSize: '5' }, ['batchSize']],
    ['a fraction', { batchSize: 1.5 }, ['batchSize']],
    ['null where a number belongs', { failureThreshold: null }, ['failureThreshold']],
    ['a percentage of 0', { maxUnavailablePercentage: 0 }, ['maxUnavailablePercentage']],
    ['a percentage of 101', { canaryPercentage: 101 }, ['canaryPercentage']],
    ['a batch of 10,001', { batchSize: 10_001 }, ['batchSize']],
    ['a delay of a day and a second', { batchDelaySeconds: 86_401 }, ['batchDelaySeconds']],
    ['an interval below 0', { healthCheckIntervalSeconds: -1 }, ['healthCheckIntervalSeconds']],
    ['a timeout of 0', { healthCheckTimeoutSeconds: 0 }, ['healthCheckTimeoutSeconds']],
    ['a million and one', { totalInstances: 1_000_001 }, ['totalInstances']],
    ['a long name', { initiatedBy: 'x'.repeat(201) }, ['initiatedBy']],
    ['a strategy nobody knows', { strategy: 'YOLO' }, ['strategy']],
    ['an id that is none', { toVersionId: 'abc' }, ['toVersionId']],
    [
      'a check nobody knows',
      { skipChecks: [{ check: 'LUCK', reason: 'x' }] },
      ['skipChecks.0.check'],
    ],
    [
      'a check without a reason',
      { skipChecks: [{ check: 'SMOKE_TESTS' }] },
      ['skipChecks.0.reason'],
    ],
    [
      'a reason of blanks',
      { skipChecks: [{ check: 'SMOKE_TESTS', reason: ' \t' }] },
      ['skipChecks.0.reason'],
    ],
    [
      'an empty reason, named once',
      { skipChecks: [{ check: 'SMOKE_TESTS', reason: '' }] },
      ['skipChecks.0.reason'],
    ],
    [
      'a check skipped twice',
      {
        skipChecks: [
          { check: 'SMOKE_TESTS', reason: 'x' },
          { check: 'SMOKE_TESTS', reason: 'y' },
        ],
      },
      ['skipChecks'],
    ],
    ['a text where a list belongs, named once', { skipChecks: 'SMOKE_TESTS' }, ['skipChecks']],
    ['short canaries', { canaryDurationSeconds: 59 }, ['canaryDurationSeconds']],
    ['text that no database keeps', { initiatedBy: 'a\0b' }, ['initiatedBy']],
    [
      'half a character',
      { installedComponents: { kafka: '3\ud800' } },
      ['installedComponents.kafka'],
    ],
    ['two at once', { batchSize: 0, autoPromote: 'yes' }, ['batchSize', 'autoPromote']],
  ])('with %s is a 400 that names the field', async (_, wrong, named) => {
    const answer = await create({ ...deployed.request, ...wrong });
    expectProblem(answer, 400);
    expect(fields(answer)).toEqual(named);
    await expectNothingStored();
  });

  it('with more installed components than may be is a 400', async () => {
    const names = Array.from({ length: 201 }, (_, at) => [`c${String(at)}`, '1.0.0']);
    const installedComponents: unknown = Object.fromEntries(names);
    const answer = await create({ ...deployed.request, installedComponents });
    expectProblem(answer, 400);
    expect(fields(answer)).toEqual(['installedComponents']);
  });

  it.each([
    ['no body', '', ['body']],
    ['an array', '[]', ['body']],
    ['a text', '"x"', ['body']],
    ['broken JSON', '{"componentId": ', ['body']],
    ['no JSON at all', 'componentId=1', ['body']],
  ])('that is %s is a 400', async (_, text, named) => {
    const answer = await create(text);
    expectProblem(answer, 400);
    expect(fields(answer)).toEqual(named);
  });

  it('that reaches for a prototype is a 400, and no prototype is reached', async () => {
    const base = JSON.stringify(deployed.request).slice(0, -1);
    for (const [name, inside] of [
      ['__proto__', `${base}, "__proto__": {"polluted": true}}`],
      ['constructor', `${base}, "constructor": {"prototype": {"polluted": true}}}`],
      ['installedComponents.__proto__', `${base}, "installedComponents": {"__proto__": "1.0.0"}}`],
    ] as const) {
      const answer = await create(inside);
      expectProblem(answer, 400);
      expect(fields(answer)).toEqual([name]);
    }
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    await expectNothingStored();
  });

  it('that nests without end is a 400, however deep', async () => {
    for (const depth of [REQUEST_LIMITS.bodyDepthMax + 1, 100_000]) {
      const answer = await create(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`);
      expectProblem(answer, 400);
    }
    const { componentId, from: currentVersionId } = deployed;
    const levels = REQUEST_LIMITS.bodyDepthMax;
    // Where a field takes anything, the depth alone speaks against it.
    const deep = `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
    const body = `{"currentVersionId":"${currentVersionId}","target":{"driver":"simulated","settings":${deep}}}`;
    const put = await api.put(`tenants/acme/deployments/${componentId}`, body);
    expectProblem(put, 400);
    expect(fields(put)).toEqual(['body']);
    const lists = await create(`${'['.repeat(400_000)}${']'.repeat(400_000)}`);
    expectProblem(lists, 400);
  });

  it('of 10 MB is a 413', async () => {
    expectProblem(await create(JSON.stringify({ x: 'x'.repeat(10_000_000) })), 413);
    await expectNothingStored();
  });

  it('that is no JSON by its type is a 415', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/xml']) {
      expectProblem(await create('a=b', { 'content-type': type }), 415);
    }
  });

  it('names a tenant that can be one', async () => {
    const answer = await api.post('tenants/No_Tenant/upgrades', deployed.request);
    expectProblem(answer, 400);
    expect(fields(answer)).toEqual(['tenantId']);
  });

  it('bounds what its headers say', async () => {
    const long = await create(deployed.request, { 'x-actor': 'x'.repeat(201) });
    expectProblem(long, 400);
    expect(fields(long)).toEqual(['X-Actor']);
    const key = await create(deployed.request, { 'idempotency-key': 'x'.repeat(201) });
    expectProblem(key, 400);
    expect(fields(key)).toEqual(['Idempotency-Key']);
    await expectNothingStored();
  });
});

describe('what is not there', () => {
  it('is a 404, also where there is no such route', async () => {
    expectProblem(await api.get(`upgrades/${randomUUID()}`), 404);
    expectProblem(await api.post(`upgrades/${randomUUID()}/start`), 404);
    expectProblem(await api.get(`components/${randomUUID()}`), 404);
    expectProblem(await api.get(`tenants/acme/deployments/${randomUUID()}`), 404);
    expectProblem(await api.get('nothing/of/the/kind'), 404);
    expectProblem(await api.get('//elsewhere'), 404);
  });

  it('is a 405 with Allow where only the method is wrong', async () => {
    const answer = await api.ask('DELETE', `upgrades/${randomUUID()}`);
    expectProblem(answer, 405);
    expect(answer.headers['allow']).toContain('GET');
    expectProblem(await api.ask('PATCH', 'components'), 405);
  });

  it('is a 400 where the path cannot be read', async () => {
    expectProblem(await api.get('upgrades/%E0%A4%A'), 400);
    const answer = await api.get('upgrades/1');
    expectProblem(answer, 400);
    expect(fields(answer)).toEqual(['id']);
  });
});

const cursorOf = (key: unknown): string => Buffer.from(JSON.stringify(key)).toString('base64url');

describe('a query', () => {
  it.each([
    ['limit=0', 'limit'],
    ['limit=201', 'limit'],
    ['limit=ten', 'limit'],
    ['cursor=%00', 'cursor'],
    ['cursor=WzFd', 'cursor'],
    [`cursor=${cursorOf([9_000_000_000_000_000, randomUUID()])}`, 'cursor'],
    ['status=LOST', 'status.0'],
    ['page=2', 'page'],
    ['__proto__=1', '__proto__'],
  ])('of %s is a 400 that names it', async (query, field) => {
    const answer = await api.get(`tenants/acme/upgrades?${query}`);
    expectProblem(answer, 400);
    expect(fields(answer)).toEqual([field]);
  });
});

describe('a query of one upgrade', () => {
  it('goes no further than there can be anything', async () => {
    const { id } = (await api.post('tenants/acme/upgrades', deployed.request)).body;
    const far = `cursor=${cursorOf([9_000_000_000])}`;
    for (const list of ['events', 'instances']) {
      const answer = await api.get(`upgrades/${id}/${list}?${far}`);
      expectProblem(answer, 400);
      expect(fields(answer)).toEqual(['cursor']);
    }
    expectProblem(await api.post(`upgrades/${id}/rollback?reason=%00`), 400);
    expectProblem(await api.post(`upgrades/${id}/rollback?reason=%20%20`), 400);
    const blank = await api.post(`upgrades/${id}/cancel`, { reason: '  ' });
    expectProblem(blank, 400);
    expect(fields(blank)).toEqual(['reason']);
  });
});

describe('a fault of ours', () => {
  it('is a 500 that tells nothing, and is logged with its cause', async () => {
    const logged: unknown[] = [];
    const error: LogLine = (fields) => logged.push(fields['err']);
    const secret = new Error('password=hunter2 at 10.0.0.7');
    const broken = await ApiUnderTest.inMemory({ log: { ...silentLog, error } });
    broken.parts.registry.components = () => Promise.reject(secret);
    const answer = await broken.get('components');
    expectProblem(answer, 500);
    expect(answer.text).not.toMatch(/hunter2|10\.0|at /);
    expect(logged).toEqual([secret]);
    await broken.close();
  });

  it('of the database that may pass is a 503 with Retry-After', async () => {
    const away = await ApiUnderTest.inMemory();
    away.parts.registry.components = () =>
      Promise.reject(new TransientDatabaseError('connect ECONNREFUSED 10.0.0.7'));
    const answer = await away.get('components');
    expectProblem(answer, 503);
    expect(answer.headers['retry-after']).toBe('1');
    expect(answer.text).not.toContain('10.0.0.7');
    await away.close();
  });
});
