/**
 * One run: the product with two replicas of each service, upgrades over and over, a nemesis; then
 * everything is healed, everything must end, and what there is then is told to the history.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SeededRandom } from '#testing/seeded-random.js';
import { buildWhenStale } from '../../tools/dist.js';
import { startProduct, type Product } from '../../tools/product/product.js';
import type { VersionAnswer, Registered } from '../../tools/product/registry-api.js';
import { startStack, type Stack } from '../../tools/stack/stack.js';
import { Desk } from './asking.js';
import { takeCensus } from './census.js';
import { CutNetwork } from './cut-network.js';
import { FleetWatch, type Watched } from './fleet-watch.js';
import { HistoryFile, type FleetSeen } from './history.js';
import { LoadWatch } from './load-watch.js';
import { Nemesis, type NemesisPlan } from './nemesis.js';
import type { PlannedFleet } from './plan.js';
import { ProgressWatch } from './progress-watch.js';
import { Servers } from './servers.js';
import { SimulatedFleets } from './simulated-world.js';
import { artifactsOf, Tenant } from './tenant.js';

export interface ChaosPlan {
  readonly seed: number;
  readonly fleets: readonly PlannedFleet[];
  readonly nemesis: NemesisPlan;
  /** How long upgrades are begun and the nemesis strikes; left out: until its plan is done. */
  readonly forMs?: number;
  /** After healing everything must have ended by then. */
  readonly endLimitMs: number;
}

export interface ChaosOptions {
  /** A folder for history and logs; the caller removes it. */
  readonly folder: string;
  readonly report: (line: string) => void;
  /** Ends the first phase early; all that follows is done all the same. */
  readonly interrupted: AbortSignal;
  /** Has something undone at the end of a command, whatever ends it; in reverse order. */
  readonly onEnd: (cleanUp: () => Promise<void>) => void;
}

export interface ChaosRun {
  readonly historyPath: string;
  readonly blows: ReadonlyMap<string, number>;
  readonly served: number;
}

const FIRST_VERSION = '1.0.0';
const REPORT_EVERY_MS = 5_000;
/** All at once, on a machine that may have much else to do. */
const READY_LIMIT_MS = 300_000;
/** Whoever interrupts a run does not wait for canaries and time limits. */
const INTERRUPTED_LIMIT_MS = 30_000;

/** The start of everything takes so long on a quiet machine. */
const QUIET_START_MS = 12_000;

interface World {
  /** How many times slower than a quiet machine this one is; at least 1. */
  readonly slowness: number;
  readonly plan: ChaosPlan;
  readonly options: ChaosOptions;
  readonly history: HistoryFile;
  readonly stack: Stack;
  readonly product: Product;
  readonly network: CutNetwork;
  readonly simulated: SimulatedFleets;
  readonly progress: ProgressWatch;
  readonly random: SeededRandom;
}

/** Runs it; the history is whole when it returns, whatever there was to be seen. */
export async function runChaos(plan: ChaosPlan, options: ChaosOptions): Promise<ChaosRun> {
  const world = await startWorld(plan, options);
  const { history, progress, product } = world;
  const seen = await declareFleets(world);
  const { seed } = plan;
  history.add({
    kind: 'RUN',
    seed,
    originMs: history.originMs,
    fleets: seen.map(({ fleet }) => fleet),
  });
  const watched = seen.map(({ fleet, key }): Watched => {
    return { name: fleet.fleet, driver: fleet.driver, key };
  });
  const logs = join(options.folder, 'fleet-agent', 'logs');
  const fleets = new FleetWatch(history, world.simulated, agentOf(product), logs, watched);
  options.onEnd(() => fleets.stop());
  const loads = seen.flatMap(({ fleet, trafficUrl }) => {
    return trafficUrl === undefined ? [] : [new LoadWatch(history, fleet.fleet, trafficUrl)];
  });
  options.onEnd(async () => {
    await Promise.all(loads.map((load) => load.stop()));
  });

  const tenants = tenantsOf(world, seen);
  const nemesis = nemesisOf(world, watched);
  progress.onEvent = nemesis.hear;
  options.onEnd(() => nemesis.heal());
  await rageAndHeal(world, tenants, nemesis);

  history.add({ kind: 'PHASE', phase: 'CENSUS' });
  await progress.readRest();
  const api = product.api('census');
  const { simulated } = world;
  await takeCensus({
    ...{ history, api, simulated, fleets, tenants, watched },
    brokers: product.kafkaBrokers,
  });
  await Promise.all(loads.map((load) => load.stop()));
  await fleets.stop();
  history.close();
  const served = loads.reduce((sum, load) => sum + load.served, 0);
  return { historyPath: history.path, blows: nemesis.counts, served };
}

async function rageAndHeal(
  world: World,
  tenants: readonly Tenant[],
  nemesis: Nemesis,
): Promise<void> {
  const { plan, options, history, progress } = world;
  const over = new AbortController();
  const given = new AbortController();
  const end = (): void => over.abort();
  options.interrupted.addEventListener('abort', end);
  if (options.interrupted.aborted) end();
  const timer = plan.forMs === undefined ? undefined : setTimeout(end, plan.forMs);
  const beganMs = performance.now();
  const telling = setInterval(() => {
    const seconds = ((performance.now() - beganMs) / 1_000).toFixed(0).padStart(4);
    const blows = [...nemesis.counts.values()].reduce((sum, count) => sum + count, 0);
    const standing = tenants.map((tenant) => tenant.standing).join('  ');
    options.report(
      `${seconds} s  ${String(progress.events)} events, ${String(blows)} blows ` +
        `(${nemesis.latest})  ${standing}`,
    );
  }, REPORT_EVERY_MS);
  try {
    history.add({ kind: 'PHASE', phase: 'SAFETY' });
    const working = Promise.allSettled(
      tenants.map((tenant) => tenant.work(over.signal, given.signal)),
    ).then((ended) => {
      for (const one of ended) if (one.status === 'rejected') throw one.reason;
    });
    // Whoever waits for it below is told; until then nobody waits.
    working.catch(() => undefined);
    await nemesis.rage(over.signal);
    // Whoever has planned its blows is done when they are; time alone ends all others.
    if (plan.forMs === undefined) end();
    else await untilAborted(over.signal);
    options.report('the faults are over: everything is healed, and everything has to end');
    history.add({ kind: 'PHASE', phase: 'HEALING' });
    await nemesis.heal();
    await heal(world);
    history.add({ kind: 'PHASE', phase: 'LIVENESS' });
    const limitMs = options.interrupted.aborted ? INTERRUPTED_LIMIT_MS : plan.endLimitMs;
    await Promise.race([working, sleep(limitMs, undefined, { ref: false })]);
    given.abort();
    await working;
  } finally {
    clearInterval(telling);
    clearTimeout(timer);
    given.abort();
    options.interrupted.removeEventListener('abort', end);
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done();
    else signal.addEventListener('abort', () => done(), { once: true });
  });
}

/** Everything that may be away is there again; returns when all replicas say that they are ready. */
async function heal({ stack, network, simulated, product }: World): Promise<void> {
  const servers = new Servers(stack);
  network.speak();
  await servers.start('kafka');
  await servers.start('postgres');
  const fleets = await simulated.query<{ fleet: string }>('SELECT fleet FROM simulated.fleets');
  for (const { fleet } of fleets) await simulated.setFaults(fleet, []);
  const ready = product.replicas.map(async ({ service }) => {
    await service.start();
  });
  await Promise.race([
    Promise.all(ready),
    sleep(READY_LIMIT_MS, undefined, { ref: false }).then(() => {
      throw new Error(`not every service was ready ${READY_LIMIT_MS / 1_000} s after healing`);
    }),
  ]);
}

async function startWorld(plan: ChaosPlan, options: ChaosOptions): Promise<World> {
  const { report, folder, onEnd } = options;
  const stack = await startStack({ private: true, report });
  onEnd(() => stack.stop());
  const direct = new URL(stack.databaseUrl);
  const network = await CutNetwork.before(direct.hostname, Number(direct.port));
  onEnd(() => network.close());
  const cut = new URL(direct);
  cut.port = String(network.port);
  // A build says nothing of how busy the machine is.
  await buildWhenStale(report);
  const beganMs = performance.now();
  const product = await startProduct({
    stack: { kafkaBrokers: stack.kafkaBrokers, databaseUrl: cut.href },
    ...{ ports: 'private', folder, replicas: 2, onEnd },
    supervision: { readyLimitMs: READY_LIMIT_MS },
    report: (line) => {
      if (!line.includes('is started again')) report(line);
    },
    env: { 'canary-monitor': { CANARY_INTERVAL_SECONDS: '1' } },
  });
  const slowness = Math.max(1, (performance.now() - beganMs) / QUIET_START_MS);
  if (slowness > 1.5) {
    report(`the machine is busy: it is struck ${slowness.toFixed(1)} times more rarely`);
  }
  const simulated = new SimulatedFleets(direct.href);
  onEnd(() => simulated.close());
  const history = new HistoryFile(join(folder, 'history.jsonl'));
  onEnd(async () => history.close());
  const progress = await ProgressWatch.of(history, stack.kafkaBrokers);
  onEnd(() => progress.stop());
  const random = new SeededRandom(plan.seed);
  const made = { history, stack, product, network, simulated, progress, random };
  return { plan, options, slowness, ...made };
}

interface DeclaredFleet {
  readonly planned: PlannedFleet;
  readonly fleet: FleetSeen;
  /** How the simulated driver calls it. */
  readonly key: string;
  readonly trafficUrl?: string;
}

/** Registers a component of its own for each fleet, and deploys it. */
async function declareFleets({ plan, product }: World): Promise<DeclaredFleet[]> {
  const api = product.api('chaos');
  const declared: DeclaredFleet[] = [];
  for (const planned of plan.fleets) {
    const { name, tenantId, driver, instances, latencyMs } = planned;
    const { id: componentId } = await api.post<Registered>('components', {
      ...{ name, displayName: name, kind: 'API', stateless: true },
    });
    const artifacts = artifactsOf(FIRST_VERSION);
    const version = await api.post<VersionAnswer>(`components/${componentId}/versions`, {
      ...{ version: FIRST_VERSION, artifacts, drainTimeoutSeconds: 3 },
    });
    const trafficUrl = driver === 'agent' ? await declareAtAgent(product, planned) : undefined;
    const target =
      driver === 'agent'
        ? { driver, settings: { url: agentOf(product), component: name } }
        : { driver, settings: { instances, latencyMs, seed: plan.seed % 1_000 } };
    const path = `tenants/${tenantId}/deployments/${componentId}`;
    await api.put(path, { target, currentVersionId: version.id });
    const fleet = { fleet: name, tenantId, componentId, driver, instances };
    const key = `${tenantId}/${componentId}`;
    declared.push({ planned, fleet, key, ...(trafficUrl === undefined ? {} : { trafficUrl }) });
  }
  return declared;
}

async function declareAtAgent(product: Product, fleet: PlannedFleet): Promise<string> {
  const { name, instances } = fleet;
  const artifacts = artifactsOf(FIRST_VERSION);
  return (await product.ensureFleet(name, FIRST_VERSION, instances, artifacts)).trafficUrl;
}

function tenantsOf(
  { plan, product, history, progress, simulated, random }: World,
  seen: readonly DeclaredFleet[],
): Tenant[] {
  const bases = product.replicas
    .filter(({ of }) => of === 'orchestrator')
    .map(({ url }) => `${url}/api/v1/registry`);
  const ids = plan.fleets.map(({ tenantId }) => tenantId);
  const desk = new Desk(history, bases, ids);
  const keys = new Map(seen.map(({ planned, key }) => [planned.name, key]));
  return seen.map(({ planned, fleet }, at) => {
    const parts = {
      ...{ desk, progress },
      isPatient: plan.endLimitMs >= PATIENT_MS,
      stranger: ids[(at + 1) % ids.length] ?? '',
      setFaults: async (of: PlannedFleet, faults: Parameters<SimulatedFleets['setFaults']>[1]) => {
        if (of.driver === 'simulated') await simulated.setFaults(keys.get(of.name) ?? '', faults);
      },
    };
    return new Tenant(parts, planned, fleet.componentId, random.fork());
  });
}

/** A canary that promotes itself takes a minute. */
const PATIENT_MS = 120_000;

function nemesisOf(world: World, watched: readonly Watched[]): Nemesis {
  const { plan, product, network, simulated, history, random, stack, slowness } = world;
  const simulatedFleets = plan.fleets.flatMap(({ name, instances }) => {
    const fleet = watched.find((one) => one.name === name && one.driver === 'simulated');
    return fleet === undefined ? [] : [{ key: fleet.key, instances }];
  });
  const parts = {
    ...{ replicas: product.replicas, servers: new Servers(stack), network, simulated },
    simulatedFleets,
  };
  // Where all takes longer, what was struck would otherwise never be back before the next blow.
  const paced = { ...plan.nemesis, everyMs: plan.nemesis.everyMs * slowness };
  return new Nemesis(parts, paced, history, random.fork());
}

function agentOf(product: Product): string {
  return product.urls['fleet-agent'];
}

/** A folder for one run. */
export function newRunFolder(): string {
  return mkdtempSync(join(tmpdir(), 'upgrade-chaos-'));
}

export function removeRunFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}
