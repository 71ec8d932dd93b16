import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  openSync,
  closeSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { answers, LOOPBACK } from './ports.js';
import { identify, isAlive, type ProcessIdentity } from './processes.js';
import { execute, javaCommand, type Report } from './requirements.js';
import type { KafkaState } from './state.js';

export const KAFKA_VERSION = '4.1.1';
const START_LIMIT_MS = 60_000;

/** Outside the checkout and keyed by version: fetched once for every checkout. */
function cacheFolder(): string {
  const base = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return join(base, 'upgrade-orchestrator', `kafka-${KAFKA_VERSION}`);
}

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId>
  <artifactId>kafka</artifactId>
  <version>${KAFKA_VERSION}</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>${KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
`;

/** Whether Kafka's artifacts lie in the cache, so that Maven is not needed. */
export function isKafkaFetched(): boolean {
  return existsSync(join(cacheFolder(), 'libs'));
}

/** Brings Kafka's artifacts into the cache, whole or not at all. */
export async function fetchKafka(report: Report): Promise<void> {
  if (isKafkaFetched()) return;
  const began = performance.now();
  report(`fetching Kafka ${KAFKA_VERSION} (43 MB, once) …`);
  const building = `${cacheFolder()}.${randomUUID()}`;
  mkdirSync(building, { recursive: true });
  try {
    writeFileSync(join(building, 'pom.xml'), pom);
    const fetched = await execute(
      'mvn',
      [
        '-q',
        '-B',
        'dependency:copy-dependencies',
        '-DincludeScope=runtime',
        `-DoutputDirectory=${join(building, 'libs')}`,
      ],
      { cwd: building },
    );
    if (fetched.code !== 0) throw new Error(`Maven could not fetch Kafka:\n${fetched.output}`);
    mkdirSync(cacheFolder(), { recursive: true });
    // Two checkouts may fetch at once: the first wins, the second uses what is there.
    if (!isKafkaFetched()) renameSync(join(building, 'libs'), join(cacheFolder(), 'libs'));
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
  report(`Kafka ${KAFKA_VERSION} fetched (${seconds(began)})`);
}

/** How long something took, for a person. */
export function seconds(began: number): string {
  return `${((performance.now() - began) / 1_000).toFixed(1)} s`;
}

function serverProperties({ port, controllerPort, folder }: KafkaState): string {
  return `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@${LOOPBACK}:${String(controllerPort)}
listeners=PLAINTEXT://${LOOPBACK}:${String(port)},CONTROLLER://${LOOPBACK}:${String(controllerPort)}
advertised.listeners=PLAINTEXT://${LOOPBACK}:${String(port)}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=${join(folder, 'data')}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
# A killed broker may come back only when its old registration has run out: 4 s instead of 12.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
`;
}

function classPath(): string {
  return join(cacheFolder(), 'libs', '*');
}

async function format(state: KafkaState, properties: string): Promise<void> {
  if (existsSync(join(state.folder, 'data', 'meta.properties'))) return;
  const bytes = randomBytes(16);
  // Otherwise one id in 64 begins with a dash, and the storage tool takes it for an option.
  bytes[0] = Number(bytes[0]) & 0x7f;
  const clusterId = bytes.toString('base64url');
  const formatted = await execute(javaCommand(), [
    '-XX:TieredStopAtLevel=1',
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    '-cp',
    classPath(),
    'kafka.tools.StorageTool',
    'format',
    '-t',
    clusterId,
    '-c',
    properties,
  ]);
  if (formatted.code !== 0) throw new Error(`Kafka's storage tool failed:\n${formatted.output}`);
}

/**
 * Starts a broker; `started` learns of the process before anything waits for it, so that it is
 * found and ended whatever happens to this command.
 */
export async function startKafka(
  state: KafkaState,
  logFile: string,
  started: (process: ProcessIdentity) => void,
): Promise<void> {
  mkdirSync(state.folder, { recursive: true });
  const properties = join(state.folder, 'server.properties');
  // The ports may differ from the last time: the file is written anew at each start.
  writeFileSync(properties, serverProperties(state));
  await format(state, properties);
  const log = openSync(logFile, 'a');
  const child = spawn(
    javaCommand(),
    [
      '-Xms128m',
      '-Xmx384m',
      '-XX:+UseSerialGC',
      '-Dorg.slf4j.simpleLogger.showDateTime=true',
      '-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS',
      '-cp',
      classPath(),
      'kafka.Kafka',
      properties,
    ],
    // A group of its own: Ctrl-C is for the command, which then stops the broker in order.
    { detached: true, stdio: ['ignore', log, log] },
  );
  closeSync(log);
  child.unref();
  const identity = child.pid === undefined ? undefined : identify(child.pid);
  if (!identity) throw new Error(`Kafka ended at once; its log is ${logFile}`);
  started(identity);
  await waitForBroker(identity, state.port, logFile);
}

async function waitForBroker(
  identity: ProcessIdentity,
  port: number,
  logFile: string,
): Promise<void> {
  const deadline = performance.now() + START_LIMIT_MS;
  while (!(await isBrokerReady(`${LOOPBACK}:${String(port)}`))) {
    if (!isAlive(identity)) throw new Error(`Kafka ended while starting; its log is ${logFile}`);
    if (performance.now() > deadline) {
      throw new Error(`Kafka did not answer within 60 s; its log is ${logFile}`);
    }
    await sleep(50);
  }
}

/** Whether the cluster answers and has a broker; the open port alone comes before that. */
export async function isBrokerReady(brokers: string): Promise<boolean> {
  const addresses = brokers.split(',').map((address) => address.trim());
  const [host = LOOPBACK, port = '9092'] = (addresses[0] ?? '').split(':');
  if (!(await answers(Number(port), host))) return false;
  const { Kafka, logLevel } = await import('kafkajs');
  const kafka = new Kafka({
    clientId: 'stack-probe',
    brokers: addresses,
    logLevel: logLevel.NOTHING,
    connectionTimeout: 1_000,
    requestTimeout: 2_000,
    retry: { retries: 0 },
  });
  const admin = kafka.admin();
  try {
    await admin.connect();
    const cluster = await admin.describeCluster();
    return cluster.brokers.length > 0;
  } catch {
    return false;
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}
