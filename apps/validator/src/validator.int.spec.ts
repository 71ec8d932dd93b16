import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { TOPIC_SPECS, TOPICS } from '#contracts/topics.js';
import { ValidationResult, type ValidateCommand } from '#contracts/work.messages.js';
import { parseDeadLetter } from '#messaging/dead-letters.js';
import { eventually } from '#messaging/eventually.js';
import { KafkaProducer } from '#messaging/kafka-producer.js';
import { connectTransport, KafkaTransport } from '#messaging/kafka-transport.js';
import { tailTopic } from '#messaging/tail.js';
import { ensureTopics } from '#messaging/topics.js';
import { Health } from '#observability/health.js';
import { MetricRegistry } from '#observability/metric-registry.js';
import { createDataSource } from '#postgres/data-source.js';
import { migrate } from '#postgres/migrate.js';
import { PgServiceDatabase } from '#postgres/pg-service-database.js';
import { PgShardLeases } from '#postgres/pg-shard-leases.js';
import { Plumbing1700000000000 } from '#postgres/plumbing-migration.js';
import { SystemClock } from '#runtime/clock.js';
import { silentLog } from '#runtime/log.js';
import { InMemoryFleetStore } from '#targets/in-memory-fleet.store.js';
import { SimulatedTargets } from '#targets/simulated-targets.js';
import { VALIDATION_MIGRATIONS } from './persistence/validation.migration.js';
import { PgValidationStore } from './persistence/validation.pg.store.js';
import { ValidatorModule } from './validator.module.js';
import { Validator } from './validator.js';
import {
  COMMAND,
  FLEET,
  HEALTHY,
  outcomes,
  questionText,
  TestTargets,
} from '../test/validator-world.js';

const LIMIT_MS = 30_000;
const RUN = `${String(process.pid)}_${String(Date.now())}`;
const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',');
const clock = new SystemClock();
const access = { brokers, clientId: `validator-test-${RUN}`, log: silentLog };

/** The service on real Kafka and Postgres, with a fleet that is only rows. */
describe('the validator on real Kafka and Postgres', () => {
  const endings: (() => Promise<unknown>)[] = [];
  const results: ValidationResult['data'][] = [];
  const letters: string[] = [];
  let producer: KafkaProducer;
  let simulated: SimulatedTargets;

  beforeAll(async () => {
    await ensureTopics(brokers, TOPIC_SPECS, silentLog);
    const schema = `validator_${RUN}`;
    const dataSource = createDataSource({
      url: process.env['DATABASE_URL'] ?? '',
      schema,
      migrations: [Plumbing1700000000000, ...VALIDATION_MIGRATIONS],
    });
    await migrate(dataSource, { schema });
    await dataSource.initialize();
    const database = new PgServiceDatabase(dataSource, RUN);
    producer = new KafkaProducer({ ...access, clock });
    await producer.start();
    simulated = new SimulatedTargets(new InMemoryFleetStore(clock), clock);
    const service = new Validator({
      ...{ database, producer, clock, log: silentLog },
      store: new PgValidationStore(database),
      leases: new PgShardLeases(database, () => performance.now()),
      drivers: new TestTargets(simulated),
    });
    const app = await NestFactory.create<NestFastifyApplication>(
      ValidatorModule.of(
        { health: new Health(clock), metrics: new MetricRegistry('validator') },
        service.runner,
      ),
      new FastifyAdapter(),
      { logger: false },
    );
    const transport = new KafkaTransport({
      ...{ ...access, clock, group: `validator-test-${RUN}`, deadLetters: service.deadLetters },
      onDead: (error) => {
        throw error;
      },
    });
    connectTransport(app, transport);
    await service.start();
    await app.startAllMicroservices();
    await app.init();
    const tail = await tailTopic(
      brokers,
      TOPICS.validatorResults,
      ({ value }) => {
        results.push(ValidationResult.parse(JSON.parse(value?.toString() ?? '')).data);
      },
      { from: 'now' },
    );
    const dead = await tailTopic(
      brokers,
      `${TOPICS.validatorCommands}.dlq`,
      ({ value }) => {
        letters.push(parseDeadLetter(value).reason);
      },
      { from: 'now' },
    );
    endings.push(
      ...[tail.stop, dead.stop],
      ...[() => transport.stopTaking(), () => service.stop(), () => service.loops.flush()],
      ...[() => service.loops.giveShardsBack(), () => app.close(), () => producer.close()],
      ...[() => dataSource.query(`DROP SCHEMA ${schema} CASCADE`), () => database.close()],
    );
  }, LIMIT_MS);

  afterAll(async () => {
    for (const end of endings) await end();
  }, LIMIT_MS);

  /** What was said of an execution, once it has ended so many times. */
  async function ended(executionId: string, times = 1): Promise<ValidationResult['data'][]> {
    const said = () => results.filter((result) => result.executionId === executionId);
    await eventually(
      'it has ended',
      () => said().filter(({ state }) => state === 'ENDED').length >= times,
      LIMIT_MS,
    );
    return said();
  }

  async function ask(
    executionId: string,
    commandId: string,
    but: Partial<ValidateCommand['data']> = {},
  ): Promise<void> {
    const settings = { ...FLEET, fleet: `it/${executionId}` };
    const target = { driver: 'simulated', settings };
    await simulated.declare(settings);
    const snapshot = { ...COMMAND.snapshot, target };
    const value = questionText({ ...COMMAND, ...but, executionId, commandId, snapshot }, 0);
    await producer.publish([{ topic: TOPICS.validatorCommands, key: executionId, value }]);
  }

  test(
    'answers questions, each about its own execution, and a repeated one again',
    async () => {
      const ids = Array.from({ length: 20 }, () => randomUUID());
      await Promise.all(ids.map((id) => ask(id, `${id}/1`)));
      for (const id of ids) {
        const said = await ended(id);
        const [last] = said.slice(-1);
        expect(last === undefined ? {} : outcomes(last)).toEqual(HEALTHY);
      }
      const [first = ''] = ids;
      await ask(first, `${first}/2`);
      const said = await ended(first, 2);
      expect(said.at(-1)).toMatchObject({ commandId: `${first}/2`, state: 'ENDED' });
    },
    LIMIT_MS,
  );

  test(
    'buries what it cannot read, and goes on with what lies behind it',
    async () => {
      const id = randomUUID();
      const poison = { topic: TOPICS.validatorCommands, key: id, value: `not JSON ${id}` };
      await producer.publish([poison]);
      await ask(id, `${id}/1`, { page: 5, pages: 2 });
      await ask(id, `${id}/2`);
      await ended(id);
      await eventually('both are buried', () => letters.length >= 2, LIMIT_MS);
      expect(letters.join()).toContain('page 5 of 2');
    },
    LIMIT_MS,
  );
});
