import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { TOPIC_SPECS, TOPICS } from '#contracts/topics.js';
import { WatchResult, type WatchCommand } from '#contracts/work.messages.js';
import { parseDeadLetter } from '#messaging/dead-letters.js';
import { eventually } from '#messaging/eventually.js';
import { KafkaProducer } from '#messaging/kafka-producer.js';
import { tailTopic } from '#messaging/tail.js';
import { ensureTopics } from '#messaging/topics.js';
import { SystemClock } from '#runtime/clock.js';
import { silentLog } from '#runtime/log.js';
import { openFleetPool } from '#targets/fleet-pool.js';
import { PostgresFleetStore } from '#targets/postgres-fleet.store.js';
import { SimulatedTargets } from '#targets/simulated-targets.js';
import { choosePort } from '../../../tools/stack/ports.js';
import { supervise, type Service } from '../../../tools/supervise.js';
import { COMMAND, questionText } from '../test/canary-monitor-world.js';

const ROOT = join(import.meta.dirname, '../../..');
const LIMIT_MS = 60_000;
const INTERVAL_MS = 1_000;
const VERSION = '1.1.0';
const databaseUrl = process.env['DATABASE_URL'] ?? '';
const kafkaBrokers = process.env['KAFKA_BROKERS'] ?? '';
const brokers = kafkaBrokers.split(',');
const clock = new SystemClock();

/** The service as its own main.ts starts it, in two processes, with fleets that are only rows. */
describe('the canary monitor on real Kafka and Postgres', () => {
  const folder = mkdtempSync(join(tmpdir(), 'canary-monitor-'));
  const endings: (() => unknown)[] = [];
  const results: WatchResult['data'][] = [];
  const letters: string[] = [];
  const replicas: Service[] = [];
  let producer: KafkaProducer;
  let simulated: SimulatedTargets;

  beforeAll(async () => {
    await ensureTopics(brokers, TOPIC_SPECS, silentLog);
    producer = new KafkaProducer({ brokers, clientId: 'canary-test', log: silentLog, clock });
    await producer.start();
    const pool = openFleetPool(databaseUrl);
    simulated = new SimulatedTargets(new PostgresFleetStore(pool), clock);
    const tail = await tailTopic(
      brokers,
      TOPICS.canaryResults,
      ({ value }) => {
        results.push(WatchResult.parse(JSON.parse(value?.toString() ?? '')).data);
      },
      { from: 'now' },
    );
    const dead = await tailTopic(
      brokers,
      `${TOPICS.canaryCommands}.dlq`,
      ({ value }) => {
        letters.push(parseDeadLetter(value).reason);
      },
      { from: 'now' },
    );
    endings.push(
      tail.stop,
      dead.stop,
      () => producer.close(),
      () => pool.end(),
    );
    replicas.push(await start('a'), await start('b'));
  }, LIMIT_MS);

  afterAll(async () => {
    await Promise.all(replicas.map((replica) => replica.stop()));
    for (const end of endings) await end();
    rmSync(folder, { recursive: true });
  }, LIMIT_MS);

  async function start(name: string): Promise<Service> {
    const port = String(await choosePort());
    const loader = pathToFileURL(join(ROOT, 'tools/typescript.mjs')).href;
    return supervise({
      name,
      entry: 'apps/canary-monitor/src/main.ts',
      readyUrl: `http://127.0.0.1:${port}/readyz`,
      restart: false,
      logFolder: folder,
      env: {
        ...{ PORT: port, DATABASE_URL: databaseUrl, KAFKA_BROKERS: kafkaBrokers },
        ...{ REPLICA_ID: name, CANARY_INTERVAL_SECONDS: String(INTERVAL_MS / 1_000) },
        NODE_OPTIONS: `--conditions=source --import=${loader} --disable-warning=ExperimentalWarning`,
      },
    });
  }

  async function ask(executionId: string, but: Partial<WatchCommand['data']> = {}): Promise<void> {
    const settings = { fleet: `canary/${executionId}`, version: VERSION, instances: 4 };
    await simulated.declare(settings);
    const { instances } = await simulated.open(settings).list({ limit: 2 });
    const snapshot = { ...COMMAND.snapshot, target: { driver: 'simulated', settings } };
    const named = instances.map(({ id }, index) => ({ index, id, version: VERSION }));
    const asked = { ...COMMAND, executionId, snapshot, instances: named, beganAtMs: Date.now() };
    await publish(executionId, questionText({ ...asked, ...but }, Date.now()));
  }

  function publish(key: string, value: string): Promise<void> {
    return producer.publish([{ topic: TOPICS.canaryCommands, key, value }]);
  }

  function said(executionId: string): WatchResult['data'][] {
    return results.filter((result) => result.executionId === executionId);
  }

  function numbersOf(executionId: string): number[] {
    const numbers = said(executionId).flatMap(({ samples }) => samples.map(({ number }) => number));
    return [...new Set(numbers)].sort((a, b) => a - b);
  }

  function untilSaid(
    executionId: string,
    what: string,
    is: (result: WatchResult['data']) => boolean,
  ): Promise<void> {
    return eventually(what, () => said(executionId).some(is), LIMIT_MS);
  }

  test(
    'a repeated question is answered again, and an END ends the watch',
    async () => {
      const id = randomUUID();
      await ask(id, { commandId: `${id}/1` });
      await untilSaid(id, 'it is healthy', ({ verdict }) => verdict === 'HEALTHY');
      await ask(id, { commandId: `${id}/2` });
      await untilSaid(id, 'it is answered', ({ commandId }) => commandId === `${id}/2`);
      await ask(id, { commandId: `${id}/3`, kind: 'END', instances: [] });
      await untilSaid(id, 'it has ended', ({ state }) => state === 'ENDED');
      const count = said(id).length;
      const other = randomUUID();
      await ask(other, { commandId: `${other}/1` });
      await untilSaid(other, 'another is watched', ({ totals }) => totals.PASS >= 3);
      expect(said(id)).toHaveLength(count);
      expect(said(id).at(-1)).toMatchObject({ commandId: `${id}/3`, state: 'ENDED' });
    },
    LIMIT_MS,
  );

  test(
    'an END before its WATCH leaves nothing to watch',
    async () => {
      const id = randomUUID();
      await ask(id, { commandId: `${id}/1`, kind: 'END', instances: [] });
      await ask(id, { commandId: `${id}/2` });
      await untilSaid(id, 'the WATCH is answered', ({ commandId }) => commandId === `${id}/2`);
      expect(said(id).map(({ state }) => state)).toEqual(['ENDED', 'ENDED']);
    },
    LIMIT_MS,
  );

  test(
    'what cannot be read is buried, and what lies behind it is watched',
    async () => {
      const id = randomUUID();
      await publish(id, `not JSON ${id}`);
      await ask(id, { commandId: `${id}/1` });
      await untilSaid(id, 'it is sampled', ({ totals }) => totals.PASS > 0);
      await eventually('it is buried', () => letters.length > 0, LIMIT_MS);
    },
    LIMIT_MS,
  );

  test(
    'after a kill -9 the other replica goes on with every watch, and takes no sample twice',
    async () => {
      const ids = Array.from({ length: 8 }, () => randomUUID());
      await Promise.all(ids.map((id) => ask(id, { commandId: `${id}/1` })));
      for (const id of ids) {
        await untilSaid(id, 'it is sampled', ({ totals }) => totals.PASS >= 2);
      }
      const [victim] = replicas;
      await victim?.kill9();
      const before = new Map(ids.map((id) => [id, numbersOf(id).at(-1) ?? 0]));
      for (const id of ids) {
        const last = before.get(id) ?? 0;
        await eventually('it goes on', () => (numbersOf(id).at(-1) ?? 0) >= last + 3, LIMIT_MS);
        const numbers = numbersOf(id);
        // The lease is 1.5 s: at one sample a second, only what nobody was there for is missing.
        const gaps = numbers.slice(1).map((number, at) => number - (numbers[at] ?? 0));
        expect(Math.max(...gaps)).toBeLessThanOrEqual(6);
        const { totals } = said(id).at(-1) ?? {};
        expect(totals?.PASS).toBe(numbers.length);
      }
    },
    LIMIT_MS,
  );
});
