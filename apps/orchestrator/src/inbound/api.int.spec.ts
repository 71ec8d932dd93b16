import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { createDataSource } from '#postgres/data-source.js';
import { migrate } from '#postgres/migrate.js';
import { PgServiceDatabase } from '#postgres/pg-service-database.js';
import { PgShardLeases } from '#postgres/pg-shard-leases.js';
import { PgExecutionStore } from '../persistence/execution.pg.store.js';
import { PgIdempotencyStore } from '../persistence/idempotency.pg.store.js';
import { MIGRATIONS } from '../persistence/migrations.js';
import { PgRegistryStore } from '../persistence/registry.pg.store.js';
import { PgStatisticsStore } from '../persistence/statistics.pg.store.js';
import { ApiUnderTest, deploy } from './api-under-test.contract.js';

const schema = `api_${randomUUID().replaceAll('-', '').slice(0, 12)}`;
const dataSource = createDataSource({
  url: process.env['DATABASE_URL'] ?? '',
  schema,
  migrations: MIGRATIONS,
  poolSize: 10,
});
let api: ApiUnderTest;
let database: PgServiceDatabase;
beforeAll(async () => {
  await migrate(dataSource, { schema });
  await dataSource.initialize();
  database = new PgServiceDatabase(dataSource, 'test');
  await dataSource.query('SELECT ensure_fact_partitions(now(), 1)');
  api = await ApiUnderTest.over({
    registry: new PgRegistryStore(database),
    statistics: new PgStatisticsStore(database),
    executions: new PgExecutionStore(database),
    idempotency: new PgIdempotencyStore(database),
    leases: new PgShardLeases(database, () => performance.now()),
    close: async () => {
      await dataSource.query(`DROP SCHEMA "${schema}" CASCADE`);
      await database.close();
    },
  });
});
afterAll(() => api.close());

describe('the API over Postgres', () => {
  it('takes an upgrade from its registration to its end', async () => {
    const { request, componentId } = await deploy(api);
    const { status, body } = await api.post('tenants/acme/upgrades', request);
    expect(status).toBe(201);
    expect((await api.get(`upgrades/${body.id}`)).body).toEqual(body);
    expect((await api.post(`upgrades/${body.id}/start`)).status).toBe(202);
    expect((await api.post(`upgrades/${body.id}/start`)).body).toMatchObject({
      status: 409,
      currentStatus: 'VALIDATING',
    });
    expect((await api.post(`upgrades/${body.id}/cancel`)).body).toMatchObject({
      status: 'CANCELLED',
    });
    const events = await api.get(`upgrades/${body.id}/events`);
    const items = events.body['items'] as { data: { sequence: number } }[];
    expect(items.map(({ data }) => data.sequence)).toEqual(items.map((_, at) => at + 1));
    const active = `tenants/acme/components/${componentId}/upgrades/active`;
    expect((await api.get(active)).status).toBe(404);
  });

  it('knows of no event behind the last, however far behind', async () => {
    const { request } = await deploy(api);
    const { id } = (await api.post('tenants/acme/upgrades', request)).body;
    await api.post(`upgrades/${id}/cancel`);
    const headers = { accept: 'text/event-stream', 'last-event-id': '999999999999999' };
    expect((await api.get(`upgrades/${id}/events`, headers)).status).toBe(204);
  });

  it('creates one of many at once, by the index', async () => {
    const { request } = await deploy(api);
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => api.post('tenants/acme/upgrades', request)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([
      201,
      ...Array.from({ length: 7 }, () => 409),
    ]);
  });

  it('does the same POST at once only once', async () => {
    const { request } = await deploy(api);
    const key = { 'idempotency-key': randomUUID() };
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => api.post('tenants/acme/upgrades', request, key)),
    );
    const done = answers.filter(({ status }) => status === 201);
    expect(new Set(done.map(({ text }) => text)).size).toBe(1);
    for (const { status, body } of answers) {
      if (status !== 201) expect(body['code']).toBe('IDEMPOTENCY_KEY_IN_FLIGHT');
    }
    expect((await api.post('tenants/acme/upgrades', request, key)).text).toBe(done[0]?.text);
  });

  it('of a start and a cancel at once decides one after the other', async () => {
    const { request } = await deploy(api);
    const { body } = await api.post('tenants/acme/upgrades', request);
    const answers = await Promise.all(
      ['start', 'cancel', 'start', 'cancel'].map((action) =>
        api.post(`upgrades/${body.id}/${action}`),
      ),
    );
    for (const { status } of answers) expect([202, 409]).toContain(status);
    expect((await api.get(`upgrades/${body.id}`)).body).toMatchObject({ status: 'CANCELLED' });
  });

  it('is a 409 to change a deployment that is being upgraded, and changes nothing', async () => {
    const { request, componentId, from } = await deploy(api);
    await api.post('tenants/acme/upgrades', request);
    const path = `tenants/acme/deployments/${componentId}`;
    const before = await api.get(path);
    const put = await api.put(path, { currentVersionId: from, platformVersion: '9.0.0' });
    expect(put.status).toBe(409);
    expect((await api.get(path)).body).toEqual(before.body);
  });

  it('is a 503 with Retry-After when Postgres is away', async () => {
    // Connections of its own, which are cut: as when the server goes down.
    const cut = createDataSource({ url: process.env['DATABASE_URL'] ?? '', schema, poolSize: 1 });
    await cut.initialize();
    const registry = new PgRegistryStore(new PgServiceDatabase(cut, 'cut'));
    const without = await ApiUnderTest.inMemory({ registry });
    expect((await without.get('components')).status).toBe(200);
    const { master } = cut.driver as unknown as { master: { options: Record<string, unknown> } };
    master.options['connectionString'] = 'postgres://127.0.0.1:1/nobody';
    await dataSource.query(
      `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
       WHERE application_name = $1 AND pid <> pg_backend_pid()`,
      [schema],
    );
    const answer = await without.get('components');
    expect(answer).toMatchObject({ status: 503, body: { code: 'DATABASE_UNAVAILABLE' } });
    expect(answer.headers['retry-after']).toBe('1');
    expect(answer.text).not.toContain('127.0.0.1');
    await without.close();
    await cut.destroy();
  });
});
