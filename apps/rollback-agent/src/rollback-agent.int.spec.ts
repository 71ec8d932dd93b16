import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { TOPIC_SPECS, TOPICS } from '#contracts/topics.js';
import { RollbackResult, type RollbackCommand } from '#contracts/work.messages.js';
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
import { Rollbacks1700000002000 } from './persistence/rollback.migration.js';
import { PgRollbackStore } from './persistence/rollback.pg.store.js';
import { RollbackAgentModule } from './rollback-agent.module.js';
import { RollbackAgent } from './rollback-agent.js';
import { NEW, OLD, questionText, TestTargets, World } from '../test/rollback-world.js';

const LIMIT_MS = 30_000;
const RUN = `${String(process.pid)}_${String(Date.now())}`;
const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',');
const clock = new SystemClock();
const access = { brokers, clientId: `rollback-agent-test-${RUN}`, log: silentLog };

/** The service on real Kafka and Postgres, with a fleet that is only rows. */
describe('the rollback agent on real Kafka and Postgres', () => {
  const endings: (() => Promise<unknown>)[] = [];
  const results: RollbackResult['data'][] = [];
  const letters: string[] = [];
  let producer: KafkaProducer;
  let simulated: SimulatedTargets;

  beforeAll(async () => {
    await ensureTopics(brokers, TOPIC_SPECS, silentLog);
    const schema = `rollback_${RUN}`;
    const dataSource = createDataSource({
      url: process.env['DATABASE_URL'] ?? '',
      schema,
      migrations: [Plumbing1700000000000, Rollbacks1700000002000],
    });
    await migrate(dataSource, { schema });
    await dataSource.initialize();
    const database = new PgServiceDatabase(dataSource, RUN);
    producer = new KafkaProducer({ ...access, clock });
    await producer.start();
    simulated = new SimulatedTargets(new InMemoryFleetStore(clock), clock);
    const service = new RollbackAgent({
      ...{ database, producer, clock, log: silentLog },
      store: new PgRollbackStore(database),
      leases: new PgShardLeases(database, () => performance.now()),
      drivers: new TestTargets(simulated),
    });
    const app = await NestFactory.create<NestFastifyApplication>(
      RollbackAgentModule.of(
        { health: new Health(clock), metrics: new MetricRegistry('rollback-agent') },
        service.runner,
      ),
      new FastifyAdapter(),
      { logger: false },
    );
    const transport = new KafkaTransport({
      ...{
        ...access,
        clock,
        group: `rollback-agent-test-${RUN}`,
        deadLetters: service.deadLetters,
      },
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
      TOPICS.rollbackResults,
      ({ value }) => {
        results.push(RollbackResult.parse(JSON.parse(value?.toString() ?? '')).data);
      },
      { from: 'now' },
    );
    const dead = await tailTopic(
      brokers,
      `${TOPICS.rollbackCommands}.dlq`,
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
  async function ended(executionId: string, times = 1): Promise<RollbackResult['data'][]> {
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
    but: Partial<RollbackCommand['data']> = {},
  ): Promise<void> {
    const settings = { fleet: `it/${executionId}`, version: OLD, instances: 10 };
    const { instances } = await simulated.open(settings).list({ limit: 10 });
    const command = new World(10).command();
    const snapshot = { ...command.snapshot, target: { driver: 'simulated', settings } };
    const data = { ...command, executionId, commandId, snapshot, ...but };
    // All of them are to go to a version they are not on, so every one is walked.
    const named = instances.map(({ id }, index) => ({ index, id, version: NEW }));
    const value = questionText({ ...data, instances: but.instances ?? named }, 0);
    await producer.publish([{ topic: TOPICS.rollbackCommands, key: executionId, value }]);
  }

  test(
    'takes every instance back and tells of each once, and asked again of all',
    async () => {
      const ids = Array.from({ length: 5 }, () => randomUUID());
      await Promise.all(ids.map((id) => ask(id, `${id}/1`)));
      for (const id of ids) {
        const restored = (await ended(id)).flatMap((result) => result.restored);
        expect(restored.sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      }
      const [first = ''] = ids;
      const before = (await ended(first)).length;
      await ask(first, `${first}/2`);
      const again = (await ended(first, 2)).slice(before);
      expect(again.flatMap((result) => result.restored)).toHaveLength(10);
    },
    LIMIT_MS,
  );

  test(
    'is stopped by a newer hand-over',
    async () => {
      const id = randomUUID();
      await ask(id, `${id}/1`);
      await ask(id, `${id}/2`, { kind: 'STOP', fence: { handOver: 3 }, instances: [] });
      const isStopped = (): boolean => {
        return results.some(({ executionId, state }) => executionId === id && state === 'STOPPED');
      };
      await eventually('it is stopped', isStopped, LIMIT_MS);
    },
    LIMIT_MS,
  );

  test(
    'buries what it cannot read, and goes on with what lies behind it',
    async () => {
      const id = randomUUID();
      const poison = { topic: TOPICS.rollbackCommands, key: id, value: `not JSON ${id}` };
      await producer.publish([poison]);
      await ask(id, `${id}/1`);
      await ended(id);
      await eventually('it is buried', () => letters.length > 0, LIMIT_MS);
    },
    LIMIT_MS,
  );
});
