import { randomUUID } from 'node:crypto';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createDataSource } from '#postgres/data-source.js';
import { migrate } from '#postgres/migrate.js';
import { PgServiceDatabase } from '#postgres/pg-service-database.js';
import { Plumbing1700000000000 } from '#postgres/plumbing-migration.js';
import { SystemClock } from '#runtime/clock.js';
import { silentLog } from '#runtime/log.js';
import { BatchDelivery, isTransientFault } from './batch-delivery.js';
import { DeadLetters } from './dead-letters.js';
import { inboxKeyOf, type IncomingMessage } from './incoming-message.js';
import { noMeter } from './messaging-meter.js';

const url = new URL(process.env['DATABASE_URL'] ?? '');
const schema = `doubt_${randomUUID().slice(0, 8)}`;
const clock = new SystemClock();

/** Lets everything through but, when told so, the answer to a COMMIT: then the line is cut. */
class LineToPostgres {
  #answersToSwallow = 0;
  swallowed = 0;

  private constructor(private readonly proxy: Server) {}

  static async open(): Promise<LineToPostgres> {
    const proxy = createServer({ noDelay: true });
    const line = new LineToPostgres(proxy);
    proxy.on('connection', (client) => {
      line.#link(client, connect({ host: url.hostname, port: Number(url.port), noDelay: true }));
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    return line;
  }

  get url(): string {
    const through = new URL(url);
    through.hostname = '127.0.0.1';
    through.port = String((this.proxy.address() as AddressInfo).port);
    return through.href;
  }

  swallowCommitAnswers(count: number): void {
    this.#answersToSwallow = count;
  }

  close(): void {
    this.proxy.close();
  }

  #link(client: Socket, server: Socket): void {
    let isCommitting = false;
    const end = (): void => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) socket.on('error', end).on('close', end);
    client.on('data', (sent: Buffer) => {
      isCommitting = this.#answersToSwallow > 0 && sent.includes('COMMIT');
      server.write(sent);
    });
    server.on('data', (answer: Buffer) => {
      if (!isCommitting) {
        client.write(answer);
        return;
      }
      // It has answered, so it has committed; nobody on this side will hear of it.
      this.#answersToSwallow -= 1;
      this.swallowed += 1;
      client.resetAndDestroy();
      server.destroy();
    });
  }
}

class KeptLetters extends DeadLetters {
  readonly reasons: string[] = [];

  override bury(_message: IncomingMessage, reason: string): Promise<void> {
    this.reasons.push(reason);
    return Promise.resolve();
  }
}

let line: LineToPostgres;
let database: PgServiceDatabase;
let observer: PgServiceDatabase;

beforeAll(async () => {
  line = await LineToPostgres.open();
  const settings = { schema, migrations: [Plumbing1700000000000] };
  await migrate(createDataSource({ ...settings, url: url.href }), { schema });
  const open = async (at: string, owner: string): Promise<PgServiceDatabase> =>
    new PgServiceDatabase(await createDataSource({ ...settings, url: at }).initialize(), owner);
  database = await open(line.url, 'in doubt');
  observer = await open(url.href, 'observer');
});

afterAll(async () => {
  await database.close();
  await observer.statement('', `DROP SCHEMA ${schema} CASCADE`, []);
  await observer.close();
  line.close();
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
  line.swallowCommitAnswers(3);
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
  expect(line.swallowed).toBe(3);
  expect(outcomes).toEqual(['unknown', 'unknown', 'unknown']);
  const written = await observer.takeOutbox([0], 100);
  expect(written.map(({ message }) => message?.value)).toEqual(
    messages.map(({ offset }) => offset),
  );
  expect([settled, letters.reasons]).toEqual([['19'], []]);
});
