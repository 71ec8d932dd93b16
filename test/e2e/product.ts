/**
 * The built product for a test file: real processes on private ports, in a database of its own on
 * the run's stack, watched from outside through Kafka and the public REST API.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { ProgressEvent } from '#contracts/progress.messages.js';
import { EventLog, type Demonstration } from '../../tools/demo/demonstration.js';
import { followProgress } from '../../tools/demo/progress-feed.js';
import { startLoad, type Load } from '../../tools/demo/load.js';
import { watchRoom } from '../../tools/demo/room-watch.js';
import {
  countOf,
  hasEnded,
  newView,
  seen,
  type UpgradeView,
} from '../../tools/demo/upgrade-view.js';
import {
  idOf,
  registerExample,
  targetOf,
  type ExampleFleet,
} from '../../tools/product/example-fleet.js';
import { startProduct, type Fleet, type Product } from '../../tools/product/product.js';
import type { ExecutionAnswer, RegistryApi } from '../../tools/product/registry-api.js';
import { upgradeRequest } from '../../tools/product/upgrade-request.js';
import type { ServiceOptions } from '../../tools/supervise.js';
import { Onlooker } from './onlooker.js';

/** As long as a test may wait for what should take a second or two, on a busy machine. */
const LIMIT_MS = 90_000;

export interface TestedFleet {
  readonly example: ExampleFleet;
  readonly fleet: Fleet;
}

export interface Servers {
  readonly kafkaBrokers: string;
  readonly databaseUrl: string;
}

export interface StartOptions {
  /** The run's own stack when left out. */
  readonly servers?: Servers;
  readonly supervision?: Partial<ServiceOptions>;
  /** What the services are told beside what every start tells them. */
  readonly env?: Demonstration['env'];
}

/** Starts the product; the caller stops it after its last test. */
export async function startTested(options: StartOptions = {}): Promise<TestedProduct> {
  const servers = options.servers ?? serversOfTheRun();
  const database = await createDatabase(servers.databaseUrl);
  const folder = mkdtempSync(join(tmpdir(), 'upgrade-e2e-'));
  const product = await startProduct({
    stack: { kafkaBrokers: servers.kafkaBrokers, databaseUrl: database },
    ports: 'private',
    folder,
    ...(options.supervision === undefined ? {} : { supervision: options.supervision }),
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  const tested = new TestedProduct(product, folder);
  await tested.follow();
  return tested;
}

export function serversOfTheRun(): Servers {
  const { KAFKA_BROKERS, DATABASE_URL } = process.env;
  if (!KAFKA_BROKERS || !DATABASE_URL) throw new Error('the set-up has named no servers');
  return { kafkaBrokers: KAFKA_BROKERS, databaseUrl: DATABASE_URL };
}

/** What one file leaves active must not be driven on by the next one's services. */
export async function createDatabase(url: string): Promise<string> {
  const name = `e2e_${randomUUID().replaceAll('-', '')}`;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`CREATE DATABASE ${name}`);
  await client.end();
  const own = new URL(url);
  own.pathname = `/${name}`;
  return own.href;
}

/** Waits for a condition, and says which one it was when the limit passes. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  limitMs = LIMIT_MS,
): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`not within ${limitMs / 1_000} s: ${what}`);
    await sleep(20);
  }
}

export class TestedProduct {
  readonly api: RegistryApi;
  readonly #events = new EventLog();
  /** What watches and asks on until it is stopped: a test that fails does not come to that. */
  readonly #watchers: { stop(): Promise<unknown> }[] = [];
  /** By the name of the fleet. */
  readonly #onlookers = new Map<string, Onlooker>();
  #fleets = 0;
  #unfollow: (() => Promise<void>) | undefined;

  constructor(
    readonly product: Product,
    private readonly folder: string,
  ) {
    this.api = product.api('e2e');
  }

  async follow(): Promise<void> {
    const { kafkaBrokers } = this.product;
    const feed = await followProgress(kafkaBrokers, this.#events.add, () => undefined);
    this.#unfollow = () => feed.stop();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#watchers.map((each) => each.stop()));
    await this.#unfollow?.();
    await this.product.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A fleet of real processes on 1.0.0, deployed for a tenant of its own. */
  async newFleet(instances = 4): Promise<TestedFleet> {
    this.#fleets += 1;
    const name = `fleet-${String(this.#fleets)}`;
    const fleet = await this.product.ensureFleet(name, '1.0.0', instances);
    const target = targetOf(this.product.urls['fleet-agent'], name);
    const example = await registerExample(this.api, target, `tenant-${String(this.#fleets)}`);
    return { example, fleet };
  }

  load({ fleet }: TestedFleet): Load {
    const load = startLoad({
      url: fleet.trafficUrl,
      ...{ kept: 2, fresh: 1, slow: 1, pauseMs: 10, slowMs: 300 },
    });
    this.#watchers.push(load);
    return load;
  }

  /** Creates and starts an upgrade; the answer follows its events. */
  async upgrade(
    { example, fleet }: TestedFleet,
    toVersion: string,
    more: Record<string, unknown> = {},
  ): Promise<TestedUpgrade> {
    const { currentVersion, tenantId } = example;
    const { id } = await this.api.post<ExecutionAnswer>(`tenants/${tenantId}/upgrades`, {
      ...upgradeRequest(example, currentVersion, toVersion),
      batchDelaySeconds: 0,
      maxUnavailablePercentage: 50,
      healthCheckTimeoutSeconds: 3,
      ...more,
    });
    // The instances of a new set have ids that nobody knows before.
    const instanceIds = more['strategy'] === 'BLUE_GREEN' ? [] : fleet.instanceIds;
    const begun = { fleet: fleet.name, from: currentVersion, to: toVersion, instanceIds };
    return this.#begin(id, begun);
  }

  /** Creates and starts the revert of an upgrade that has ended. */
  async revert(ended: TestedUpgrade): Promise<TestedUpgrade> {
    const { fromVersion, toVersion } = ended.view;
    const { id } = await this.api.post<ExecutionAnswer>(`upgrades/${ended.id}/revert`);
    const { fleet } = ended.begun;
    return this.#begin(id, { fleet, from: toVersion, to: fromVersion, instanceIds: [] });
  }

  /** Looks at the fleet from outside from now on, at each step of its upgrades too. */
  watchRoom({ fleet: { name } }: TestedFleet): Onlooker {
    const onlooker = new Onlooker(() => watchRoom(this.product.urls['fleet-agent'], name));
    this.#watchers.push(onlooker);
    this.#onlookers.set(name, onlooker);
    return onlooker;
  }

  /** Changes a version of the example for all upgrades that are created from now on. */
  async patchVersion(
    { example }: TestedFleet,
    version: string,
    change: Record<string, unknown>,
  ): Promise<void> {
    const { componentId, versionIds } = example;
    await this.api.patch(`components/${componentId}/versions/${idOf(versionIds, version)}`, change);
  }

  async #begin(id: string, begun: Begun): Promise<TestedUpgrade> {
    const upgrade = new TestedUpgrade(this.api, id, begun);
    this.#events.follow(id, (event) => {
      if (upgrade.hear(event)) this.#onlookers.get(begun.fleet)?.atStep();
    });
    await this.api.post(`upgrades/${id}/start`);
    return upgrade;
  }

  /** How often each instance's process was started on this version, as the process itself says. */
  startsOf({ fleet }: TestedFleet, version: string, ids = fleet.instanceIds): number[] {
    return ids.map((id) => {
      const log = join(this.folder, 'fleet-agent', 'logs', fleet.name, `${id}.log`);
      const lines = readFileSync(log, 'utf8').split('\n');
      return lines.filter((line) => line.startsWith(`greeter ${version} as ${id} `)).length;
    });
  }

  /** The answer of a service's readiness, and what it says is missing. */
  async readiness(service: keyof Product['urls']): Promise<{ status: number; text: string }> {
    try {
      const answer = await fetch(`${this.product.urls[service]}/readyz`, {
        signal: AbortSignal.timeout(5_000),
      });
      return { status: answer.status, text: await answer.text() };
    } catch (error) {
      return { status: 0, text: String(error) };
    }
  }
}

interface Begun {
  /** Its name. */
  readonly fleet: string;
  readonly from: string;
  readonly to: string;
  readonly instanceIds: readonly string[];
}

/** An upgrade as its events on Kafka tell it. */
export class TestedUpgrade {
  view: UpgradeView;
  /** Each once, in the order of their sequence. */
  readonly events: ProgressEvent[] = [];
  /** Instance and attempt, for each time an instance went to UPGRADING. */
  readonly taken: string[] = [];

  constructor(
    private readonly api: RegistryApi,
    readonly id: string,
    readonly begun: Begun,
  ) {
    const { from, to, instanceIds } = begun;
    this.view = newView(id, { from, to }, instanceIds);
  }

  /** Says whether it is heard for the first time. */
  hear(event: ProgressEvent): boolean {
    const { lastSequence } = this.view;
    this.view = seen(this.view, event);
    if (this.view.lastSequence === lastSequence) return false;
    this.events.push(event);
    if (!('instanceId' in event.data)) return true;
    const { instanceId, instanceStatus, attempt } = event.data;
    if (instanceStatus === 'UPGRADING') this.taken.push(`${instanceId} attempt ${attempt}`);
    return true;
  }

  /** Waits until some instances stand in this status. */
  async untilSome(status: string, count = 1): Promise<void> {
    await until(`${String(count)} instances ${status}`, () => countOf(this.view, status) >= count);
  }

  async untilStatus(status: string): Promise<void> {
    await until(`the upgrade is ${status}`, () => this.view.status === status);
  }

  async untilNoted(note: string): Promise<void> {
    await until(`the upgrade notes ${note}`, () => this.view.notes.includes(note));
  }

  /** What REST answers for it. */
  answer(): Promise<ExecutionAnswer> {
    return this.api.get(`upgrades/${this.id}`);
  }

  async act(action: string, body: Record<string, unknown> = {}): Promise<void> {
    await this.api.post(`upgrades/${this.id}/${action}`, body);
  }

  async untilEnded(): Promise<string> {
    await until(`the upgrade ends (it is ${this.view.status})`, () => hasEnded(this.view));
    return this.view.status;
  }

  /** Events as the REST API pages them: what Kafka told must be the same. */
  async sequencesByRest(): Promise<number[]> {
    const events = await this.api.all<{ data: { sequence: number } }>(`upgrades/${this.id}/events`);
    return events.map(({ data }) => data.sequence);
  }
}
