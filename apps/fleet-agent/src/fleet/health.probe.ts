import { get } from 'node:http';
import { z } from 'zod';
import type { Clock } from '#runtime/clock.js';
import { AGENT_LIMITS } from '#targets/target-limits.js';
import { HEALTH_LIMITS } from '../fleet-agent-limits.js';
import type { InstanceProcesses } from '../processes/instance-process.driver.js';
import type { LaunchRecord } from './instance-record.js';

/** What an instance says of itself. */
export interface Health {
  readonly version: string | null;
  readonly healthy: boolean;
  readonly problem: string | null;
}

const HealthBody = z.object({
  version: z.string().min(1).max(AGENT_LIMITS.versionMaxChars),
  healthy: z.boolean(),
  problem: z.string().optional(),
});

/** Asks instances for their health, a bounded number at once, and remembers for a moment. */
export class HealthProbe {
  readonly #processes: InstanceProcesses;
  readonly #clock: Clock;
  readonly #known = new Map<string, { readonly atMs: number; readonly health: Promise<Health> }>();
  #running = 0;
  readonly #queue: (() => void)[] = [];

  constructor(processes: InstanceProcesses, clock: Clock) {
    this.#processes = processes;
    this.#clock = clock;
  }

  /** The health of a launched process, at most HEALTH_LIMITS.cachedMs old. */
  healthOf(launch: LaunchRecord | null): Promise<Health> {
    if (launch === null) return Promise.resolve(NOT_RUNNING);
    const nowMs = this.#clock.nowMs();
    const known = this.#known.get(launch.token);
    if (known !== undefined && Math.abs(nowMs - known.atMs) < HEALTH_LIMITS.cachedMs) {
      return known.health;
    }
    const health = this.#inTurn(() => this.#ask(launch));
    this.#known.set(launch.token, { atMs: nowMs, health });
    return health;
  }

  /** The process was changed: what was seen of it does not count any more. */
  forget(launch: LaunchRecord | null): void {
    if (launch !== null) this.#known.delete(launch.token);
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= HEALTH_LIMITS.concurrency) {
      await new Promise<void>((resolve) => this.#queue.push(resolve));
    }
    this.#running += 1;
    try {
      return await work();
    } finally {
      this.#running -= 1;
      this.#queue.shift()?.();
    }
  }

  async #ask({ token, port }: LaunchRecord): Promise<Health> {
    // Another process may listen on the port of one that is gone.
    if (!(await this.#processes.lives(token))) return NOT_RUNNING;
    try {
      const { status, text } = await fetchHealth(port);
      const said = HealthBody.parse(JSON.parse(text));
      const healthy = said.healthy && status === 200;
      const problem = healthy ? null : (said.problem ?? `its health endpoint answers ${status}`);
      return { version: said.version, healthy, problem: cut(problem) };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return { version: null, healthy: false, problem: cut(`no health answer: ${why}`) };
    }
  }
}

const NOT_RUNNING: Health = { version: null, healthy: false, problem: 'its process does not run' };

function cut(text: string | null): string | null {
  return text === null ? null : text.slice(0, AGENT_LIMITS.reasonMaxChars);
}

function fetchHealth(port: number): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(HEALTH_LIMITS.probeMs);
    const options = { host: '127.0.0.1', port, path: '/health', agent: false, signal };
    const asked = get(options, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (part: string) => {
        text += part;
        if (text.length > HEALTH_LIMITS.bodyMaxBytes) asked.destroy(new Error('too long'));
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
      answer.on('error', reject);
    });
    asked.on('error', (error) => {
      const isLate = signal.aborted;
      reject(isLate ? new Error(`not within ${HEALTH_LIMITS.probeMs} ms`) : error);
    });
  });
}
