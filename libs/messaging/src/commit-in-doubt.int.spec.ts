import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createDataSource } from '#postgres/data-source.js';
import { FaultyLine } from '#postgres/faulty-line.js';
import { migrate } from '#postgres/migrate.js';
import { PgServiceDatabase } from '#postgres/pg-service-database.js';
import { Plumbing1700000000000 } from '#postgres/plumbing-migration.js';
import { SystemClock } from '#runtime/clock.js';
import { silentLog } from '#runtime/log.js';
import { BatchDelivery, isTransientFault } from './batch-delivery.js';
import { DeadLetters } from './dead-letters.js';
import { inboxKeyOf, type IncomingMessage } from './incoming-message.js';
import { noMeter } from './messaging-meter.js';

const url = process.env['DATABASE_URL'] ?? '';
const schema = `doubt_${randomUUID().slice(0, 8)}`;
const clock = new SystemClock();

class KeptLetters extends DeadLetters {
  readonly reasons: string[] = [];

  override bury(_message: IncomingMessage, reason: string): Promise<void> {
    this.reasons.push(reason);
    return Promise.resolve();
  }
}

let line: FaultyLine;
let database: PgServiceDatabase;
let observer: PgServiceDatabase;

beforeAll(async () => {
  line = await FaultyLine.before(url);
  const settings = { schema, migrations: [Plumbing1700000000000] };
  await migrate(createDataSource({ ...settings, url }), { schema });
  const open = async (at: string, owner: string): Promise<PgServiceDatabase> =>
    new PgServiceDatabase(await createDataSource({ ...settings, url: at }).initialize(), owner);
  database = await open(line.url, 'in doubt');
  observer = await open(url, 'observer');
});

afterAll(async () => {
  await database.close();
  await observer.statement('', `DROP SCHEMA ${schema} CASCADE`, []);
  await observer.close();
  await line.close();
});

it('a commit whose answer is lost is in doubt; tried again, its effects are there once', async () => {
  const outcomes: string[] = [];
  const letters = new KeptLetters();
  const delivery = new BatchDelivery({
    ...{ clock, log: silentLog, meter: noMeter, random: () => 0.5 },
    deadLetters: letters,
    isTransient: (error) => {
      outcomes.push((error as { outcome?: string }).outcome ?? '');
      return isTransientFault(error);
    },
  });
  const messages: IncomingMessage[] = Array.from({ length: 20 }, (_, at) => ({
    ...{ topic: 'questions', partition: 0, offset: String(at), key: 'k', headers: {} },
    value: Buffer.from(String(at)),
  }));
  const settled: string[] = [];
  line.loseCommitAnswers(3);
  await delivery.deliver(
    messages,
    (batch) =>
      database.transaction(async (tx) => {
        const fresh = await tx.admit(batch.map((message) => inboxKeyOf(message)));
        const taken = batch.filter((message) => fresh.has(inboxKeyOf(message)));
        await tx.send(
          taken.map(({ offset }) => ({ shard: 0, topic: 'answers', key: 'k', value: offset })),
        );
      }),
    {
      mayGoOn: () => undefined,
      settled: ({ offset }) => settled.push(offset),
      signal: new AbortController().signal,
    },
  );
  expect(outcomes).toEqual(['unknown', 'unknown', 'unknown']);
  const written = await observer.takeOutbox([0], 100);
  expect(written.map(({ message }) => message?.value)).toEqual(
    messages.map(({ offset }) => offset),
  );
  expect([settled, letters.reasons]).toEqual([['19'], []]);
});
