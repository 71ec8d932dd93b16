import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { AgentTargets } from '#targets/agent-targets.js';
import type { TargetDriver } from '#targets/target.driver.js';
import { homeOf, type Home } from '../src/home.js';
import { isAlive, type ProcessIdentity } from '../src/processes/process-identity.probe.js';

const ROOT = resolve(import.meta.dirname, '../../..');
const START_LIMIT_MS = 30_000;
const LOOK_MS = 20;

/** What instances of the greeter in one version are started with. */
export function greeter(version: string): Record<string, string> {
  const quick = {
    'env.GREETER_STARTS_AFTER_MS': '60000',
    'env.GREETER_CRASHES_AFTER_MS': '500',
    'env.GREETER_TURNS_BAD_AFTER_MS': '1000',
  };
  return { command: 'node', entry: `examples/greeter/${version}.mjs`, ...quick };
}

export interface Fleet {
  readonly name: string;
  readonly driver: TargetDriver;
  /** Where its traffic comes in, with the slash. */
  readonly trafficUrl: string;
}

/** A fleet agent with its proxy and instances as real processes, all of which `close` ends. */
export class RealAgent {
  readonly home: Home;
  readonly #targets: AgentTargets;
  readonly #env: Record<string, string>;
  #agent: ChildProcess | null = null;
  #port = 0;
  #fleetsMade = 0;

  private constructor(folder: string, env: Record<string, string>) {
    this.home = homeOf(folder);
    this.#env = env;
    this.#targets = new AgentTargets({ env });
  }

  static async start(env: Record<string, string> = {}): Promise<RealAgent> {
    const agent = new RealAgent(await mkdtemp(join(tmpdir(), 'fleet-agent-')), env);
    await agent.startAgent();
    return agent;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get pid(): number {
    return this.#agent?.pid ?? 0;
  }

  /** A new fleet of greeters. */
  async declare(instances: number, version = '1.0.0'): Promise<Fleet> {
    this.#fleetsMade += 1;
    const name = `greeter-${this.#fleetsMade}`;
    const answer = await this.ask('PUT', `fleets/${name}`, {
      instances,
      version,
      artifacts: greeter(version),
    });
    const { trafficPort } = answer.body as { trafficPort: number };
    if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
    return {
      name,
      driver: this.open(name),
      trafficUrl: `http://127.0.0.1:${trafficPort}/`,
    };
  }

  open(component: string): TargetDriver {
    const tokenFrom =
      this.#env['FLEET_AGENT_TOKEN'] === undefined
        ? {}
        : { tokenFrom: { env: 'FLEET_AGENT_TOKEN' } };
    return this.#targets.open({ url: this.url, component, ...tokenFrom });
  }

  async ask(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ readonly status: number; readonly body: unknown }> {
    const token = this.#env['FLEET_AGENT_TOKEN'];
    const answer = await fetch(`${this.url}/${path}`, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: text === '' ? null : JSON.parse(text) };
  }

  async remove(path: string): Promise<void> {
    const { status, body } = await this.ask('DELETE', path);
    if (status !== 204) throw new Error(`${status}: ${JSON.stringify(body)}`);
  }

  async startAgent(): Promise<void> {
    const args = ['--conditions=source', '--import=./tools/typescript.mjs'];
    const agent = spawn(process.execPath, [...args, 'apps/fleet-agent/src/main.ts'], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        PATH: process.env['PATH'],
        PORT: String(this.#port),
        FLEET_AGENT_HOME: this.home.folder,
        // Whatever becomes of the test run, nothing of this stays.
        WATCHDOG_PID: String(process.pid),
        ...this.#env,
      },
    });
    this.#agent = agent;
    this.#port = await listeningPort(agent);
  }

  async killAgent(): Promise<void> {
    const agent = this.#agent;
    if (agent === null) return;
    this.#agent = null;
    const exited = once(agent, 'exit');
    agent.kill('SIGKILL');
    await exited;
  }

  async restartAgent(): Promise<void> {
    await this.killAgent();
    await this.startAgent();
  }

  async proxy(): Promise<ProcessIdentity> {
    return JSON.parse(await readFile(this.home.proxy, 'utf8')) as ProcessIdentity;
  }

  /** What the agent has written down of a fleet. */
  async kept(fleet: string): Promise<Record<string, unknown>> {
    const text = await readFile(join(this.home.fleets, `${fleet}.json`), 'utf8');
    return JSON.parse(text) as Record<string, unknown>;
  }

  /** Living processes of instances. */
  async instances(): Promise<ProcessIdentity[]> {
    const found: ProcessIdentity[] = [];
    for (const file of await readdir(this.home.pids).catch(() => [])) {
      const text = await readFile(join(this.home.pids, file), 'utf8').catch(() => '');
      const [, pid, startedAt] = /^(\d+) (.+)$/.exec(text) ?? [];
      const identity = { pid: Number(pid), startedAt: startedAt ?? '' };
      if (await isAlive(identity)) found.push(identity);
    }
    return found;
  }

  async close(): Promise<void> {
    await this.#targets.close();
    await this.killAgent();
    const others = [this.home.proxy, this.home.watchdog].map(async (file) => {
      return JSON.parse(await readFile(file, 'utf8')) as ProcessIdentity;
    });
    for (const identity of [...(await Promise.all(others)), ...(await this.instances())]) {
      if (await isAlive(identity)) process.kill(identity.pid, 'SIGKILL');
      await until(async () => !(await isAlive(identity)));
    }
    await rm(this.home.folder, { recursive: true });
  }
}

/** Waits until it is so; fails when it does not become so. */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  limitMs = START_LIMIT_MS,
): Promise<void> {
  const endMs = Date.now() + limitMs;
  while (!(await isSo())) {
    if (Date.now() > endMs) throw new Error(`was not so within ${limitMs} ms: ${String(isSo)}`);
    await new Promise((wake) => setTimeout(wake, LOOK_MS));
  }
}

/** Reads the agent's log until it says where it listens; the rest is let through unread. */
async function listeningPort(agent: ChildProcess): Promise<number> {
  const { stdout } = agent;
  if (stdout === null) throw new Error('the agent has no output');
  const limit = AbortSignal.timeout(START_LIMIT_MS);
  const said: string[] = [];
  const port = new Promise<number>((resolvePort, reject) => {
    createInterface(stdout).on('line', (line) => {
      said.push(line);
      if (said.length > 50) said.shift();
      const [, found] = /"url":"http:\/\/[^"]*:(\d+)"/.exec(line) ?? [];
      if (found !== undefined) resolvePort(Number(found));
    });
    const fail = (): void => reject(new Error(`the agent did not start:\n${said.join('\n')}`));
    agent.once('exit', fail);
    limit.addEventListener('abort', fail);
  });
  return port;
}
