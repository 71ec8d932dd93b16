import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { guardProcess } from './stack/guard.js';
import { endProcess, identify, type ProcessIdentity } from './stack/processes.js';
import { STACK_FOLDER } from './stack/stack.js';

const ROOT = join(import.meta.dirname, '..');
const FIRST_RESTART_MS = 50;
const LONGEST_RESTART_MS = 5_000;
/** A process that lived this long had no trouble starting: the next restart is quick again. */
const SETTLED_MS = 5_000;
const READY_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 15_000;
/** Deaths before it was ever ready, after which starting is given up; later it never is. */
const START_ATTEMPTS = 5;
/** EX_CONFIG: the environment does not fit, and will not the next time either. */
const EXIT_CONFIG = 78;

export interface ServiceOptions {
  /** Names the log file too; unique among what one command supervises. */
  readonly name: string;
  /** JavaScript to run, from the checkout's root: `serviceEntry('orchestrator')`. */
  readonly entry: string;
  readonly args?: readonly string[];
  /** Added to this command's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Answers 200 when the service is ready; left out, a service is ready once it runs. */
  readonly readyUrl?: string;
  readonly readyLimitMs?: number;
  readonly stopLimitMs?: number;
  /** Whether a process that died is started again; true when left out. */
  readonly restart?: boolean;
  /** Where its log file lies; `.stack/logs` when left out. */
  readonly logFolder?: string;
  /** Learns of each death that was not asked for. */
  readonly onDeath?: (how: string) => void;
}

export interface Service {
  readonly name: string;
  readonly logFile: string;
  /** The running process, undefined while there is none. */
  pid(): number | undefined;
  /** How often it was started again after a death. */
  restarts(): number;
  /** Resolves when the readiness URL answers; rejects past the limit. */
  ready(): Promise<void>;
  /** SIGTERM, then SIGKILL past the limit; it stays down until `start`. */
  stop(): Promise<void>;
  /** Ends the process at once, as a crash does; supervision then starts another. */
  kill9(): Promise<void>;
  /** Starts it again after `stop`, or after a death without `restart`; returns when ready. */
  start(): Promise<void>;
}

/** Where the build puts a service. */
export function serviceEntry(app: string): string {
  return join('dist', 'apps', app, 'src', 'main.js');
}

/**
 * Starts a service and keeps it running; returns when it is ready. Its output goes straight into
 * its log file, and it is ended when this command dies, however that happens.
 */
export async function supervise(options: ServiceOptions): Promise<Service> {
  const service = new SupervisedService(options);
  try {
    await service.start();
  } catch (error) {
    await service.stop();
    throw error;
  }
  return service;
}

class SupervisedService implements Service {
  readonly name: string;
  readonly logFile: string;
  readonly #options: ServiceOptions;
  #process: ProcessIdentity | undefined;
  #wanted = false;
  #restarts = 0;
  #backoffMs = FIRST_RESTART_MS;
  #wasReady = false;
  #deathsBeforeReady = 0;
  #gaveUp: Error | undefined;
  #next: NodeJS.Timeout | undefined;

  constructor(options: ServiceOptions) {
    const folder = options.logFolder ?? join(STACK_FOLDER, 'logs');
    mkdirSync(folder, { recursive: true });
    this.#options = options;
    this.name = options.name;
    this.logFile = join(folder, `${options.name}.log`);
    rmSync(this.logFile, { force: true });
  }

  pid(): number | undefined {
    return this.#process?.pid;
  }

  restarts(): number {
    return this.#restarts;
  }

  async start(): Promise<void> {
    if (!this.#wanted) {
      this.#wanted = true;
      this.#gaveUp = undefined;
      this.#deathsBeforeReady = 0;
      if (!this.#process) this.#spawn();
    }
    await this.ready();
  }

  async ready(): Promise<void> {
    const limitMs = this.#options.readyLimitMs ?? READY_LIMIT_MS;
    const deadline = performance.now() + limitMs;
    while (performance.now() < deadline) {
      if (this.#gaveUp) throw this.#gaveUp;
      if (!this.#wanted) throw new Error(`${this.name} was stopped`);
      if (this.#process && (await this.#answers())) {
        this.#wasReady = true;
        return;
      }
      await sleep(25);
    }
    throw this.#trouble(`was not ready within ${limitMs / 1_000} s`);
  }

  async stop(): Promise<void> {
    this.#wanted = false;
    clearTimeout(this.#next);
    const running = this.#process;
    if (!running) return;
    await endProcess(running, { limitMs: this.#options.stopLimitMs ?? STOP_LIMIT_MS });
    await this.#gone(running);
  }

  async kill9(): Promise<void> {
    const victim = this.#process;
    if (!victim) return;
    process.kill(victim.pid, 'SIGKILL');
    await this.#gone(victim);
  }

  /** Until the exit was seen here, `pid()` would still name the dead. */
  async #gone(victim: ProcessIdentity): Promise<void> {
    while (this.#process === victim) await sleep(5);
  }

  async #answers(): Promise<boolean> {
    const { readyUrl } = this.#options;
    if (readyUrl === undefined) return true;
    try {
      const answer = await fetch(readyUrl, { signal: AbortSignal.timeout(1_000) });
      await answer.body?.cancel();
      return answer.ok;
    } catch {
      return false;
    }
  }

  #spawn(): void {
    const log = openSync(this.logFile, 'a');
    writeSync(log, `--- ${new Date().toISOString()} ${this.name} starts\n`);
    const { entry, args = [], env = {} } = this.#options;
    const child = spawn(process.execPath, [join(ROOT, entry), ...args], {
      cwd: ROOT,
      // A group of its own: Ctrl-C is for the command, which then stops its services in order.
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...ownEnvironment(), ...env },
    });
    closeSync(log);
    const identity = child.pid === undefined ? undefined : identify(child.pid);
    if (!identity) {
      child.on('error', () => undefined);
      this.#died('could not be started');
      return;
    }
    this.#process = identity;
    this.#watch(child, guardProcess(identity));
  }

  #watch(child: ChildProcess, unguard: () => void): void {
    const began = performance.now();
    child.on('exit', (code, signal) => {
      unguard();
      this.#process = undefined;
      if (!this.#wanted) return;
      if (performance.now() - began > SETTLED_MS) this.#backoffMs = FIRST_RESTART_MS;
      if (code === EXIT_CONFIG) this.#giveUp('cannot use its configuration');
      else this.#died(signal === null ? `exit code ${String(code)}` : signal);
    });
  }

  #died(how: string): void {
    this.#options.onDeath?.(how);
    if (!this.#wasReady) this.#deathsBeforeReady += 1;
    if (this.#options.restart === false) {
      this.#giveUp(`ended (${how})`);
    } else if (this.#deathsBeforeReady >= START_ATTEMPTS) {
      this.#giveUp(`ended ${START_ATTEMPTS} times without being ready (${how})`);
    } else {
      this.#next = setTimeout(() => {
        this.#restarts += 1;
        this.#spawn();
      }, this.#backoffMs);
      this.#backoffMs = Math.min(this.#backoffMs * 2, LONGEST_RESTART_MS);
    }
  }

  #giveUp(what: string): void {
    this.#wanted = false;
    this.#gaveUp = this.#trouble(what);
  }

  #trouble(what: string): Error {
    const tail = readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-15).join('\n');
    return new Error(`${this.name} ${what}; the end of ${this.logFile}:\n${tail}`);
  }
}

/** This command's environment without what was meant for the command itself. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|NODE_OPTIONS$|UPGRADE_COMMAND_PID$|JEST_WORKER_ID$)/.test(name),
  );
  return { ...Object.fromEntries(kept), KAFKAJS_NO_PARTITIONER_WARNING: '1' };
}
