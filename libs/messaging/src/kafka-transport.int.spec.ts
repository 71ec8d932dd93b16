import 'reflect-metadata';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  Controller,
  Inject,
  Logger,
  Module,
  type DynamicModule,
  type OnModuleInit,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern } from '@nestjs/microservices';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { from, type Observable } from 'rxjs';
import { SystemClock } from '#runtime/clock.js';
import { silentLog } from '#runtime/log.js';
import { DeadLetters } from './dead-letters.js';
import { eventually } from './eventually.js';
import { FaultyNetwork } from './faulty-network.js';
import type { IncomingMessage } from './incoming-message.js';
import { patientKafka } from './kafka-client.js';
import { KafkaProducer } from './kafka-producer.js';
import { connectTransport, KafkaTransport } from './kafka-transport.js';
import { withAdmin } from './loose-reader.js';
import { createTopics } from './topics.js';

const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',');
const clock = new SystemClock();
const LIMIT_MS = 30_000;
/** Part of every name, so that no other run's leftovers are met. */
const RUN = `${String(process.pid)}-${String(Date.now())}`;
const PROMISED = `transport-promised-${RUN}`;
const OBSERVED = `transport-observed-${RUN}`;

/** What the controller does with a call, set by each test. */
class Work {
  promised: (messages: IncomingMessage[]) => Promise<void> = () => Promise.resolve();
  observed: (messages: IncomingMessage[]) => Promise<void> = () => Promise.resolve();
  initCalls = 0;
}

/* eslint-disable @typescript-eslint/no-unnecessary-type-arguments --
   left out, the type is inferred from the pattern and the decorator fits no method (TS1241) */
@Controller()
class TestConsumer implements OnModuleInit {
  constructor(@Inject(Work) private readonly work: Work) {}

  onModuleInit(): void {
    this.work.initCalls += 1;
  }

  @EventPattern<string>(PROMISED)
  async promised(messages: IncomingMessage[]): Promise<void> {
    await this.work.promised(messages);
  }

  @EventPattern<string>(OBSERVED)
  observed(messages: IncomingMessage[]): Observable<unknown> {
    return from(this.work.observed(messages));
  }
}

@Module({})
class TestModule {
  static of(work: Work): DynamicModule {
    return {
      module: TestModule,
      controllers: [TestConsumer],
      providers: [{ provide: Work, useValue: work }],
    };
  }
}

class KeptLetters extends DeadLetters {
  readonly reasons: string[] = [];

  override bury(_message: IncomingMessage, reason: string): Promise<void> {
    this.reasons.push(reason);
    return Promise.resolve();
  }
}

interface Scene {
  readonly app: NestFastifyApplication;
  readonly transport: KafkaTransport;
  readonly work: Work;
  readonly letters: KeptLetters;
  readonly deaths: Error[];
}

let producer: KafkaProducer;
let network: FaultyNetwork;
const open: NestFastifyApplication[] = [];

beforeEach(async () => {
  Logger.overrideLogger(false);
  const access = { brokers, clientId: 'test', log: silentLog, clock };
  network = await FaultyNetwork.before(brokers[0] ?? '');
  producer = new KafkaProducer(access);
  await producer.start();
  const topics = [PROMISED, OBSERVED].map((topic) => ({ topic, numPartitions: 2 }));
  await withAdmin(patientKafka(access), (admin) => createTopics(admin, topics, clock));
});

afterEach(async () => {
  network.mend();
  for (const app of open.splice(0)) await app.close();
  await producer.close();
  network.close();
}, LIMIT_MS);

async function startService(group: string, attach = connectTransport): Promise<Scene> {
  const work = new Work();
  const letters = new KeptLetters();
  const deaths: Error[] = [];
  const app = await NestFactory.create<NestFastifyApplication>(
    TestModule.of(work),
    new FastifyAdapter(),
  );
  const transport = new KafkaTransport({
    brokers,
    clientId: 'test',
    log: silentLog,
    clock,
    group: `${group}-${RUN}`,
    deadLetters: letters,
    onDead: (error) => deaths.push(error),
    socketFactory: network.socketFactory,
    sessionTimeoutMs: 6_000,
  });
  open.push(app);
  attach(app, transport);
  await app.init();
  await app.startAllMicroservices();
  return { app, transport, work, letters, deaths };
}

function publish(topic: string, values: readonly string[]): Promise<void> {
  return producer.publish(values.map((value) => ({ topic, key: 'k', value })));
}

function passingFault(): Error {
  return Object.assign(new Error('connection lost'), { name: 'TransientDatabaseError' });
}

const isOf = (word: string) => (message: IncomingMessage) =>
  message.value?.toString().startsWith(word) === true;

describe('the Kafka transport in a Nest application', () => {
  it(
    'calls decorated methods with batches, and their own errors decide what happens',
    async () => {
      const { work, letters, transport, deaths } = await startService('errors');
      const seen: string[] = [];
      let faults = 3;
      const handle = (messages: IncomingMessage[]): Promise<void> => {
        const fresh = messages.filter(isOf('errors'));
        if (fresh.some(isOf('errors-bad'))) return Promise.reject(new RangeError('no such thing'));
        faults -= 1;
        if (faults >= 0) return Promise.reject(passingFault());
        seen.push(...fresh.map(({ value }) => String(value)));
        return Promise.resolve();
      };
      work.promised = handle;
      work.observed = handle;
      await publish(PROMISED, ['errors-1', 'errors-bad', 'errors-2']);
      await publish(OBSERVED, ['errors-3', 'errors-bad', 'errors-4']);
      await eventually(
        'all are settled',
        () => seen.length + letters.reasons.length === 6,
        LIMIT_MS,
      );
      expect(seen.toSorted()).toEqual(['errors-1', 'errors-2', 'errors-3', 'errors-4']);
      expect(letters.reasons).toEqual(['RangeError: no such thing', 'RangeError: no such thing']);
      expect(work.initCalls).toBe(1);
      expect(transport.health()).toEqual({ live: true, ready: true });
      expect(deaths).toEqual([]);
    },
    LIMIT_MS,
  );

  it(
    'ends the process, and buries nothing, when the wiring swallows the errors of handlers',
    async () => {
      const attachByHand: typeof connectTransport = (app, strategy) =>
        app.connectMicroservice({ strategy });
      const { work, letters, deaths } = await startService('wiring', attachByHand);
      work.promised = () => Promise.reject(passingFault());
      await publish(PROMISED, ['wiring-1']);
      await eventually('it says so', () => deaths.length > 0, LIMIT_MS);
      expect(deaths[0]?.name).toBe('ErrorsLostOnTheWay');
      expect(letters.reasons).toEqual([]);
    },
    LIMIT_MS,
  );

  it(
    'keeps its membership while a handler takes longer than the session',
    async () => {
      const { work, transport } = await startService('slow');
      const calls: string[] = [];
      work.promised = async (messages) => {
        if (!messages.some(isOf('slow'))) return;
        calls.push(...messages.filter(isOf('slow')).map(({ value }) => String(value)));
        if (calls.length === 1) await clock.sleep(7_000);
      };
      const statuses: string[] = [];
      transport.on('status', (status) => statuses.push(status));
      await publish(PROMISED, ['slow-1']);
      await eventually('it was called', () => calls.length === 1, LIMIT_MS);
      await publish(PROMISED, ['slow-2']);
      await eventually('it went on', () => calls.length >= 2, LIMIT_MS);
      expect(calls).toEqual(['slow-1', 'slow-2']);
      expect(statuses).toEqual(['joined']);
    },
    LIMIT_MS,
  );

  it(
    'is not ready while the broker is away, and goes on by itself when it is back',
    async () => {
      const { work, transport, deaths } = await startService('outage');
      const seen: string[] = [];
      work.promised = (messages) => {
        seen.push(...messages.filter(isOf('outage')).map(({ value }) => String(value)));
        return Promise.resolve();
      };
      await publish(PROMISED, ['outage-1']);
      await eventually('the first is seen', () => seen.length === 1, LIMIT_MS);
      network.cut();
      await eventually('it is not ready', () => !transport.health().ready, LIMIT_MS);
      expect(transport.health()).toMatchObject({ live: true, ready: false });
      await publish(PROMISED, ['outage-2']);
      network.mend();
      await eventually('the second is seen', () => seen.includes('outage-2'), LIMIT_MS);
      await eventually('it is ready', () => transport.health().ready, LIMIT_MS);
      expect(deaths).toEqual([]);
    },
    2 * LIMIT_MS,
  );

  it(
    'says that it is dead when the consumer is gone for good',
    async () => {
      const { transport, deaths } = await startService('death');
      const consumer = transport.unwrap();
      await consumer.disconnect();
      await eventually('it is dead', () => deaths.length > 0, LIMIT_MS);
      expect(transport.health().live).toBe(false);
    },
    LIMIT_MS,
  );

  it(
    'ends after the call under way, commits it, and leaves the rest to the next member',
    async () => {
      const { work, app, transport } = await startService('end');
      const gate = Promise.withResolvers<undefined>();
      const first: string[] = [];
      work.promised = async (messages) => {
        const own = messages.filter(isOf('end'));
        first.push(...own.map(({ value }) => String(value)));
        if (own.length > 0) await gate.promise;
      };
      const values = Array.from({ length: 1_200 }, (_, index) => `end-${String(index)}`);
      await publish(PROMISED, values);
      await eventually('it is at work', () => first.length > 0, LIMIT_MS);
      const stopped = transport.stopTaking();
      let isStopped = false;
      void stopped.then(() => (isStopped = true));
      await new Promise((resolve) => setImmediate(resolve));
      expect(isStopped).toBe(false);
      gate.resolve(undefined);
      await stopped;
      await app.close();
      expect(first.length).toBeLessThanOrEqual(500);
      const heir = await startService('end');
      const rest: string[] = [];
      heir.work.promised = (messages) => {
        rest.push(...messages.filter(isOf('end')).map(({ value }) => String(value)));
        return Promise.resolve();
      };
      await eventually('the rest is seen', () => rest.at(-1) === values.at(-1), LIMIT_MS);
      expect([...first, ...rest]).toEqual(values);
    },
    LIMIT_MS,
  );
});
