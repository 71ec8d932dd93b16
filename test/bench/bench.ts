/**
 * `npm run bench`: how fast an instance's transition goes, from the first byte of the request to
 * the last event at a consumer, as a ratio to what the machine gives and to what comes to mind
 * first. Arms are interleaved in one run; a round in which the machine did not hold still is out.
 */
import { Kafka, logLevel } from 'kafkajs';
import pg from 'pg';
import { TOPICS } from '#contracts/topics.js';
import { say } from '../../tools/command.js';
import { registerFleet, untilEnded, upgrade, type Product, type Servers } from './ours.js';
import { runLoop, watch } from './processes.js';
import { rateOf, ratioOf, steadyRounds, type Round } from './rounds.js';

interface Plan {
  readonly name: string;
  readonly instances: number;
  readonly batchSize: number;
  /** Instances of the naive arm: its rate does not depend on how many there are. */
  readonly naiveInstances: number;
}

const PLANS: readonly Plan[] = [
  { name: 'P1: batches of 500', instances: 10_000, batchSize: 500, naiveInstances: 500 },
  { name: 'P2: batches of 5', instances: 2_000, batchSize: 5, naiveInstances: 500 },
];
const TRANSITIONS = 4;
const ROUNDS = { quick: 3, full: 7 } as const;
const CONTROL_COMMITS = 300;

/** A fixed piece of work like the arms' own: small commits that wait for the disk. */
async function control(databaseUrl: string): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query('CREATE TABLE IF NOT EXISTS bench_control (n int, body text)');
  const startedMs = performance.now();
  for (let n = 0; n < CONTROL_COMMITS; n += 1) {
    await client.query('INSERT INTO bench_control VALUES ($1, $2)', [n, 'x'.repeat(200)]);
  }
  const lastedMs = performance.now() - startedMs;
  await client.end();
  return lastedMs;
}

async function createTopic({ kafkaBrokers }: Servers, topic: string): Promise<void> {
  const admin = new Kafka({ brokers: kafkaBrokers.split(','), logLevel: logLevel.ERROR }).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 8 }], waitForLeaders: true });
  await admin.disconnect();
}

/** A loop's transitions per second, checked. */
async function loopRate(
  arm: 'limit' | 'naive',
  servers: Servers,
  plan: { instances: number; batchSize: number },
): Promise<number> {
  const topic = `bench-${arm}-${String(Date.now())}`;
  await createTopic(servers, topic);
  const instanceEvents = plan.instances * TRANSITIONS;
  const { kafkaBrokers } = servers;
  const watched = await watch({ kafkaBrokers, topic, instanceEvents, lastStatus: '' });
  const { startedAtMs } = await runLoop(arm, { ...servers, topic, ...plan });
  return rateOfSeen(arm, instanceEvents, startedAtMs, await watched.seen);
}

async function ourRate(servers: Servers, { api }: Product, plan: Plan): Promise<number> {
  const fleet = await registerFleet(api, `bench-${String(Date.now())}`, plan.instances);
  const instanceEvents = plan.instances * TRANSITIONS;
  const { kafkaBrokers } = servers;
  const topic = TOPICS.progress;
  const watched = await watch({ kafkaBrokers, topic, instanceEvents, lastStatus: 'COMPLETED' });
  const { id, startedAtMs } = await upgrade(api, fleet, plan.batchSize);
  const rate = rateOfSeen('ours', instanceEvents, startedAtMs, await watched.seen);
  const status = await untilEnded(api, id);
  if (status !== 'COMPLETED') throw new Error(`ours: the upgrade is ${status}`);
  return rate;
}

function rateOfSeen(
  arm: string,
  transitions: number,
  startedAtMs: number,
  seen: { lastAtMs: number; problems: readonly string[] },
): number {
  if (seen.problems.length > 0) throw new Error(`${arm}: ${seen.problems.join('; ')}`);
  return (transitions * 1_000) / (seen.lastAtMs - startedAtMs);
}

/** Runs all plans and prints their ratios; throws when a checker finds fault. */
export async function bench(servers: Servers, product: Product, quick: boolean): Promise<void> {
  for (const plan of PLANS) {
    say(`\n${plan.name}, ${plan.instances.toLocaleString('en')} instances`);
    const rounds: Round[] = [];
    // The first round warms the machine up and does not count.
    for (let round = 0; round <= (quick ? ROUNDS.quick : ROUNDS.full); round += 1) {
      const controlMs = await control(servers.databaseUrl);
      const limit = await loopRate('limit', servers, plan);
      const ours = await ourRate(servers, product, plan);
      const instances = plan.naiveInstances;
      const naive = await loopRate('naive', servers, { instances, batchSize: 1 });
      if (round > 0) rounds.push({ controlMs, rates: { limit, ours, naive } });
      say(
        `  round ${String(round)}: limit ${limit.toFixed(0)}/s  ours ${ours.toFixed(0)}/s  ` +
          `naive ${naive.toFixed(0)}/s  (control ${controlMs.toFixed(0)} ms)`,
      );
    }
    const steady = steadyRounds(rounds);
    say(`  ${String(steady.length)} of ${String(rounds.length)} rounds count; median (least–most)`);
    for (const arm of ['limit', 'ours', 'naive']) say(`  ${arm.padEnd(6)} ${rateOf(steady, arm)}`);
    say(`  ours / limit  ${ratioOf(steady, 'ours', 'limit')}`);
    say(`  ours / naive  ${ratioOf(steady, 'ours', 'naive')}`);
  }
}
