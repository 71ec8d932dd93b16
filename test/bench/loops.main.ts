/**
 * The arms with no product in them, each a process of its own. `limit` is what the machine gives:
 * one guarded UPDATE, one compact outbox row and one batched produce for a batch and stage.
 * `naive` is what comes to mind first: a transaction, an outbox row and a send for each transition.
 */
import { randomUUID } from 'node:crypto';
import { Kafka, logLevel, Partitioners, type Producer } from 'kafkajs';
import pg from 'pg';
import { eventOf, STAGES, type ArmResult, type Job } from './arm.js';

const MOVE = `UPDATE bench_instances SET status = $2, moved_at = $3
  WHERE execution = $1 AND index >= $4 AND index < $5 AND status = $6 RETURNING index`;
const FACT = `INSERT INTO bench_outbox (execution, sequence, first, count, status)
  VALUES ($1, $2, $3, $4, $5)`;

async function prepare(client: pg.Client, execution: string, instances: number): Promise<void> {
  await client.query(`CREATE TABLE IF NOT EXISTS bench_instances (
    execution uuid, index int, status smallint, moved_at bigint, id text,
    PRIMARY KEY (execution, index)) WITH (fillfactor = 50)`);
  await client.query(`CREATE TABLE IF NOT EXISTS bench_outbox (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, execution uuid, sequence bigint,
    first int, count int, status smallint, payload text)`);
  await client.query(
    `INSERT INTO bench_instances SELECT $1, n, 0, 0, 'instance-' || n
     FROM generate_series(0, $2::int - 1) n`,
    [execution, instances],
  );
}

async function limit(client: pg.Client, producer: Producer, job: Job, execution: string) {
  const { topic, instances, batchSize } = job;
  let sequence = 1;
  let produced: Promise<unknown> = Promise.resolve();
  const run = (name: string, text: string, values: unknown[]) =>
    client.query({ name, text, values });
  for (let first = 0; first < instances; first += batchSize) {
    const end = Math.min(instances, first + batchSize);
    for (const [stage, status] of STAGES.entries()) {
      await client.query('BEGIN');
      const moved = await run('move', MOVE, [execution, stage + 1, Date.now(), first, end, stage]);
      await run('fact', FACT, [execution, sequence, first, end - first, stage + 1]);
      await client.query('COMMIT');
      const messages = moved.rows.map(({ index }: { index: number }, at) => {
        return { key: execution, value: eventOf(execution, sequence + at, index, status) };
      });
      sequence += messages.length;
      // Producing overlaps the next commit; the order of a key is kept by one send at a time.
      await produced;
      produced = producer.sendBatch({ topicMessages: [{ topic, messages }] });
    }
  }
  await produced;
  await client.query('DELETE FROM bench_outbox WHERE execution = $1', [execution]);
}

async function naive(client: pg.Client, producer: Producer, job: Job, execution: string) {
  const { topic, instances } = job;
  let sequence = 1;
  for (let index = 0; index < instances; index += 1) {
    for (const [stage, status] of STAGES.entries()) {
      const value = eventOf(execution, sequence, index, status);
      await client.query('BEGIN');
      await client.query(MOVE, [execution, stage + 1, Date.now(), index, index + 1, stage]);
      await client.query(
        'INSERT INTO bench_outbox (execution, sequence, payload) VALUES ($1, $2, $3)',
        [execution, sequence, value],
      );
      await client.query('COMMIT');
      await producer.send({ topic, acks: -1, messages: [{ key: execution, value }] });
      await client.query('DELETE FROM bench_outbox WHERE execution = $1 AND sequence = $2', [
        execution,
        sequence,
      ]);
      sequence += 1;
    }
  }
}

const [arm = '', asked = '{}'] = process.argv.slice(2);
const job = JSON.parse(asked) as Job;
const client = new pg.Client({ connectionString: job.databaseUrl });
await client.connect();
const producer = new Kafka({
  brokers: job.kafkaBrokers.split(','),
  logLevel: logLevel.ERROR,
}).producer({
  idempotent: true,
  maxInFlightRequests: 1,
  createPartitioner: Partitioners.DefaultPartitioner,
});
await producer.connect();
const execution = randomUUID();
await prepare(client, execution, job.instances);
const startedAtMs = Date.now();
await (arm === 'naive' ? naive : limit)(client, producer, job, execution);
process.send?.({ startedAtMs } satisfies ArmResult);
await producer.disconnect();
await client.end();
