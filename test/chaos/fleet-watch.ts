/** Looks at the fleets from outside, and reads what their processes say of themselves. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HistoryFile, InstanceSeen } from './history.js';
import type { FleetStand, SimulatedFleets } from './simulated-world.js';

const LOOK_EVERY_MS = 150;
const ANSWER_LIMIT_MS = 3_000;
const LIST_LIMIT = 1_000;

export interface Watched {
  readonly name: string;
  readonly driver: 'agent' | 'simulated';
  /** How the simulated driver calls it. */
  readonly key: string;
}

export class FleetWatch {
  readonly #ending = new AbortController();
  readonly #watching: Promise<void>[];
  /** By fleet, then by id. */
  readonly #lastLook = new Map<string, ReadonlyMap<string, string>>();
  /** Bytes of each log that were read. */
  readonly #read = new Map<string, number>();

  /**
   * @param agentUrl of the fleet agent
   * @param logs the folder of the instances' logs, one folder a fleet
   */
  constructor(
    private readonly history: HistoryFile,
    private readonly simulated: SimulatedFleets,
    private readonly agentUrl: string,
    private readonly logs: string,
    fleets: readonly Watched[],
  ) {
    this.#watching = fleets.map((fleet) => this.#watch(fleet));
  }

  /** How the live set stands now; rejects when nobody says it. */
  stand({ name, driver, key }: Watched): Promise<FleetStand> {
    return driver === 'simulated' ? this.simulated.stand(key) : standAtAgent(this.agentUrl, name);
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#watching);
  }

  async #watch(fleet: Watched): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      if (fleet.driver === 'agent') this.readStarts(fleet.name);
      await this.#look(fleet).catch(() => undefined);
      await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #look({ name, driver, key }: Watched): Promise<void> {
    const isSimulated = driver === 'simulated';
    const instances = isSimulated
      ? (await this.simulated.look(key)).instances
      : await listAtAgent(this.agentUrl, name);
    const before = this.#lastLook.get(name) ?? new Map<string, string>();
    const now = new Map(instances.map((one) => [one.id, JSON.stringify(one)]));
    this.#lastLook.set(name, now);
    const changed = instances.filter(({ id }) => before.get(id) !== now.get(id));
    const gone = [...before.keys()].filter((id) => !now.has(id));
    if (changed.length + gone.length === 0) return;
    this.history.add({ kind: 'LOOK', fleet: name, changed, gone });
  }

  /** Tells each start that the logs have come to name since; a retired set takes its logs along. */
  readStarts(fleet: string): void {
    const folder = join(this.logs, fleet);
    for (const file of filesIn(folder)) {
      const path = join(folder, file);
      const text = textOf(path);
      const end = text.lastIndexOf('\n') + 1;
      const from = this.#read.get(path) ?? 0;
      this.#read.set(path, end);
      for (const line of text.slice(from, end).split('\n')) {
        const [, version, instanceId] = /^greeter (\S+) as (\S+) on port/.exec(line) ?? [];
        if (version === undefined || instanceId === undefined) continue;
        this.history.add({ kind: 'STARTED', fleet, instanceId, version });
      }
    }
  }
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

async function listAtAgent(url: string, fleet: string): Promise<InstanceSeen[]> {
  const { instances } = await agentSays<{ instances: InstanceSeen[] }>(
    `${url}/v1/fleets/${fleet}/list`,
    { limit: LIST_LIMIT },
  );
  return instances.map(({ id, version, admitted, healthy }) => ({
    ...{ id, version, admitted, healthy },
  }));
}

async function standAtAgent(url: string, fleet: string): Promise<FleetStand> {
  const { sets } = await agentSays<{ sets: { name: string; live: boolean }[] }>(
    `${url}/v1/fleets/${fleet}/sets`,
  );
  return {
    live: sets.find(({ live }) => live)?.name ?? '',
    sets: sets.map(({ name }) => name),
    instances: await listAtAgent(url, fleet),
  };
}

async function agentSays<Said>(url: string, asked?: unknown): Promise<Said> {
  const answer = await fetch(url, {
    ...(asked === undefined
      ? {}
      : {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(asked),
        }),
    signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
  });
  if (!answer.ok) throw new Error(`the agent answers ${String(answer.status)}`);
  return (await answer.json()) as Said;
}
