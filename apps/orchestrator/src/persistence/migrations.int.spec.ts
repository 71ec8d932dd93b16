import { randomUUID } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { createDataSource } from '#postgres/data-source.js';
import { EmptiedSchema } from '#postgres/emptied-schema.contract.js';
import { migrate } from '#postgres/migrate.js';
import { MIGRATIONS } from './migrations.js';
import { Statistics1763800000000 } from './statistics.migration.js';

/** As they were before there were statistics. */
const BEFORE = MIGRATIONS.slice(0, MIGRATIONS.indexOf(Statistics1763800000000));
const schema = new EmptiedSchema(BEFORE);

const EXECUTION = `
  INSERT INTO ${schema.name}.executions (id, shard, active, revision, sequence, last_progress_at,
    counters, failed_once, status, detail, tenant_id, component_id, created_at)
  VALUES ($1, 0, $2, 1, 1, 0, '{}', 0, $3, $4, 'acme', $5, 7)`;
const BRIEF = `INSERT INTO ${schema.name}.execution_briefs VALUES ($1, $2, '{}')`;

it('what was stored by an older release is counted, and has what it cannot know as unknown', async () => {
  const { operator } = schema;
  await schema.empty();
  const componentId = randomUUID();
  const store = async (active: boolean, status: string, detail: object): Promise<string> => {
    const id = randomUUID();
    await operator.query(EXECUTION, [id, active, status, detail, componentId]);
    await operator.query(BRIEF, [id, { to: { version: '1.1.0' } }]);
    return id;
  };
  const times = { startedAtMs: 10, completedAtMs: 40 };
  const completed = await store(false, 'COMPLETED', times);
  const failed = await store(false, 'FAILED', times);
  const running = await store(true, 'IN_PROGRESS', { startedAtMs: 10, roomWanted: 1 });
  const now = createDataSource({ ...schema.settings, migrations: MIGRATIONS });
  await migrate(now, { schema: schema.name });
  const rows = async (text: string): Promise<unknown[]> =>
    (await operator.query<Record<string, unknown>>(text)).rows;
  const outcomes = await rows(
    `SELECT id, duration_ms::int AS ms, status, kind, strategy, to_version AS to, failure_cause AS cause
     FROM ${schema.name}.execution_outcomes ORDER BY status`,
  );
  const rest = { ms: 30, kind: 'UPGRADE', strategy: 'ROLLING', to: '1.1.0' };
  expect(outcomes).toEqual([
    { id: completed, status: 'COMPLETED', cause: null, ...rest },
    { id: failed, status: 'FAILED', cause: 'OTHER', ...rest },
  ]);
  const details = await rows(
    `SELECT id, detail FROM ${schema.name}.executions ORDER BY active, status`,
  );
  expect(details).toEqual([
    { id: completed, detail: { ...times, batchWorkMs: null } },
    { id: failed, detail: { ...times, batchWorkMs: null } },
    {
      id: running,
      detail: { startedAtMs: 10, roomWanted: 1, batchWorkMs: null, workSinceMs: null },
    },
  ]);
});

it.each([
  ['a lease without an end', `UPDATE # shard_leases SET owner = 'x'`, 'owned_or_free'],
  [
    'an outbox row without a message',
    'INSERT INTO # outbox (shard) VALUES (0)',
    'message_or_pointer',
  ],
  [
    'an outbox row that is both',
    `INSERT INTO # outbox (shard, topic, message_key, value, subject, position)
     VALUES (0, 't', 'k', 'v', gen_random_uuid(), 1)`,
    'message_or_pointer',
  ],
])('%s is refused by the schema itself', async (_, text, constraint) => {
  await schema.empty();
  const refused = schema.operator.query(text.replace('# ', `${schema.name}.`));
  await expect(refused).rejects.toMatchObject({ code: '23514', constraint });
});
