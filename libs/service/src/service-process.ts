import type { INestApplication } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { TOPIC_SPECS } from '#contracts/topics.js';
import type { DeadLetters } from '#messaging/dead-letters.js';
import { KafkaProducer } from '#messaging/kafka-producer.js';
import { connectTransport, KafkaTransport } from '#messaging/kafka-transport.js';
import type { MessagingMeter } from '#messaging/messaging-meter.js';
import type { ServiceLoops } from '#messaging/service-loops.js';
import { ensureTopics } from '#messaging/topics.js';
import { Health } from '#observability/health.js';
import { createLogger } from '#observability/logger.js';
import { messagingMeter, MetricRegistry } from '#observability/metric-registry.js';
import { createDataSource } from '#postgres/data-source.js';
import { DatabaseClock } from '#postgres/database-clock.js';
import { migrate } from '#postgres/migrate.js';
import { PgServiceDatabase } from '#postgres/pg-service-database.js';
import { PgShardLeases } from '#postgres/pg-shard-leases.js';
import type { ShardLeases } from '#postgres/shard-leases.js';
import { TransientDatabaseError } from '#postgres/service-database.js';
import { SystemClock, type Clock } from '#runtime/clock.js';
import type { Log } from '#runtime/log.js';
import { Shutdown } from '#runtime/shutdown.js';

/** What tells one service from another. */
export interface ServiceDefinition {
  /** Also the consumer group, and the `service` label of every metric. */
  readonly name: string;
  /** Of its own: no service reads another's tables. */
  readonly schema: string;
  readonly migrations: (new () => object)[];
}

/** The variables every service has, as read (see `serviceSettings`). */
export interface ServiceConfig {
  readonly PORT: number;
  readonly HOST: string;
  readonly DATABASE_URL: string;
  readonly KAFKA_BROKERS: readonly string[];
  readonly LOG_LEVEL: string;
  readonly REPLICA_ID: string;
  readonly EGRESS_LINK_LOCAL: boolean;
  readonly SHUTDOWN_TIMEOUT_MS: number;
}

/** The real parts a service stands on in its process. */
export interface ServiceGround {
  readonly definition: ServiceDefinition;
  readonly config: ServiceConfig;
  readonly database: PgServiceDatabase;
  readonly leases: ShardLeases;
  readonly producer: KafkaProducer;
  readonly health: Health;
  readonly metrics: MetricRegistry;
  readonly meter: MessagingMeter;
  /** The database's, which all replicas decide by. */
  readonly clock: Clock;
  readonly log: Log;
  readonly shutdown: Shutdown;
}

/** One replica of a service, as its own file puts it together. */
export interface RunningService {
  readonly loops: ServiceLoops;
  readonly deadLetters: DeadLetters;
  start(): Promise<void>;
  /** Begins nothing more, and waits for what is being committed. */
  stop(): Promise<void>;
}

/** Argument of a service's entry: migrate and end. */
export const MIGRATE_ONLY = '--migrate';

/** While the database is away at start, it is asked again this often. */
const DATABASE_PAUSE_MS = 1_000;

/**
 * Opens the database, migrates it and asks it what time it is: waits while it is away, and says so.
 * With `--migrate` among the arguments the process ends after migrating.
 */
export async function openGround(
  definition: ServiceDefinition,
  config: ServiceConfig,
): Promise<ServiceGround> {
  const { name, schema, migrations } = definition;
  // Before the database has said what time it is, nothing may ask.
  const sleeper = new SystemClock();
  const clock = new DatabaseClock(() => performance.now(), sleeper);
  const log = createLogger({
    service: name,
    replicaId: config.REPLICA_ID,
    level: config.LOG_LEVEL,
  });
  const shutdown = new Shutdown(config.SHUTDOWN_TIMEOUT_MS, sleeper, log);
  shutdown.listen();
  const metrics = new MetricRegistry(name);
  const meter = messagingMeter(metrics);
  const dataSource = createDataSource({ url: config.DATABASE_URL, schema, migrations });
  const access = { brokers: config.KAFKA_BROKERS, clientId: `${name}-${config.REPLICA_ID}`, log };
  const producer = new KafkaProducer({ ...access, clock, meter });
  const insist = (ask: () => Promise<void>): Promise<void> => untilAnswered(ask, sleeper, log);
  await insist(async () => {
    const ran = await migrate(dataSource, { schema });
    if (ran.length > 0) log.info({ migrations: ran }, 'migrated');
    await dataSource.initialize();
  });
  if (process.argv.includes(MIGRATE_ONLY)) {
    await dataSource.destroy();
    log.info({}, 'migrated, and asked for nothing else');
    process.exit(0);
  }
  // A restarted process must not pass for the one before it.
  const owner = `${config.REPLICA_ID}/${randomUUID()}`;
  const database = new PgServiceDatabase(dataSource, owner);
  await insist(() => clock.learnFrom(database));
  const leases = new PgShardLeases(database, clock.monotonicMs, clock.heard);
  const health = new Health(clock, () => shutdown.isEnding);
  const ground = { definition, config, database, leases, producer, health };
  return { ...ground, metrics, meter, clock, log, shutdown };
}

/** Asks the database until it answers: waits while it is away, and says so. */
async function untilAnswered(
  ask: () => Promise<void>,
  sleeper: SystemClock,
  log: Log,
): Promise<void> {
  for (;;) {
    try {
      await ask();
      return;
    } catch (err) {
      if (!(err instanceof TransientDatabaseError) && !isAway(err)) throw err;
      log.warn({ err }, 'waiting for the database');
      await sleeper.sleep(DATABASE_PAUSE_MS);
    }
  }
}

/** Postgres: starting up, shutting down, or nobody listens there. */
function isAway(error: unknown): boolean {
  const { code = '' } = error as { code?: string };
  return ['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', '57P01', '57P03'].includes(code);
}

/**
 * Listens, creates the topics, attaches the consumers, begins the loops, and arranges the end: from
 * here on the process serves until a signal, or until its consumer is dead. Waits for a broker that
 * is away, and says so.
 */
export async function serve(
  ground: ServiceGround,
  app: INestApplication,
  service: RunningService,
): Promise<void> {
  const { definition, config, clock, log, meter, shutdown } = ground;
  const transport = new KafkaTransport({
    brokers: config.KAFKA_BROKERS,
    clientId: `${definition.name}-${config.REPLICA_ID}`,
    group: definition.name,
    deadLetters: service.deadLetters,
    onDead: (error) => {
      shutdown.fatal('the consumer is dead', error);
    },
    ...{ clock, log, meter },
  });
  connectTransport(app, transport);
  watchHealth(ground, transport);
  arrangeEnd(ground, app, transport, service);
  // Listening comes first: readiness says what is still missing, a broker say.
  await app.listen(config.PORT, config.HOST);
  await ensureTopics(config.KAFKA_BROKERS, TOPIC_SPECS, log, { clock });
  await ground.producer.start();
  await service.start();
  await app.startAllMicroservices();
  log.info({ url: await app.getUrl() }, 'ready');
}

function watchHealth(
  { health, database, producer }: ServiceGround,
  transport: KafkaTransport,
): void {
  health.part('database', async () => {
    const ready = await database.isReachable();
    return { live: true, ready, ...(!ready && { reason: 'does not answer' }) };
  });
  health.part('producer', () => {
    const ready = producer.isConnected();
    return { live: true, ready, ...(!ready && { reason: 'no broker answers' }) };
  });
  health.part('consumer', () => transport.health());
}

/** Says what ends at which stage; whatever is left out here ends with the process. */
export function arrangeEnd(
  { shutdown, producer, database }: Pick<ServiceGround, 'shutdown' | 'producer' | 'database'>,
  app: Pick<INestApplication, 'close'>,
  transport: Pick<KafkaTransport, 'stopTaking'>,
  service: Pick<RunningService, 'stop' | 'loops'>,
): void {
  shutdown.at('stopTaking', 'consumer', () => transport.stopTaking());
  shutdown.at('stopTaking', 'work', () => service.stop());
  shutdown.at('commit', 'relay', () => service.loops.flush());
  shutdown.at('giveShardsBack', 'leases', () => service.loops.giveShardsBack());
  shutdown.at('leaveGroup', 'app', () => app.close());
  shutdown.at('closeConnections', 'producer', () => producer.close());
  shutdown.at('closeConnections', 'database', () => database.close());
}
