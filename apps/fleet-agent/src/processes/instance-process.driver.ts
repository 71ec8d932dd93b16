import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, open, stat, truncate } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import type { Clock } from '#runtime/clock.js';
import { PROCESS_LIMITS } from '../fleet-agent-limits.js';
import { readIfThere, removeDurably } from './durable-file.store.js';
import type { LaunchCommand } from './launch-command.js';
import { isAlive, type ProcessIdentity } from './process-identity.probe.js';

/**
 * The process tells id and start time in a file before it becomes what it is to be, so that an
 * agent killed between starting it and writing that down still finds it. `exec` keeps both.
 */
const TELL_AND_BECOME = [
  'if [ -r /proc/$$/stat ]',
  'then s="$(cut -d" " -f22 /proc/$$/stat)@$(cat /proc/sys/kernel/random/boot_id)"',
  'else s="$(LC_ALL=C ps -o lstart= -p $$ | tr -s " " | sed "s/^ //; s/ $//")"',
  'fi',
  'printf "%s %s" "$$" "$s" > "$0.tmp" && mv "$0.tmp" "$0" && exec "$@"',
].join('\n');

export interface LaunchRequest {
  readonly token: string;
  readonly instanceId: string;
  readonly port: number;
  readonly command: LaunchCommand;
  readonly logFile: string;
}

/** How a start ended. */
export type LaunchResult =
  'LISTENS' | 'ABORTED' | { readonly failed: string; readonly portTaken: boolean };

/** Starts, finds and ends the processes that instances are. They outlive the agent. */
export class InstanceProcesses {
  readonly #home: string;
  readonly #workFolder: string;
  readonly #clock: Clock;
  /** Ports handed out and not listened on yet. */
  readonly #promised = new Set<number>();

  constructor(home: string, workFolder: string, clock: Clock) {
    this.#home = home;
    this.#workFolder = workFolder;
    this.#clock = clock;
  }

  newToken(): string {
    return randomUUID();
  }

  /** A port nobody listens on now. It may be gone when it is needed: then another is tried. */
  async freePort(except: ReadonlySet<number>): Promise<number> {
    for (;;) {
      const port = await freeLoopbackPort();
      if (this.#promised.has(port) || except.has(port)) continue;
      this.#promised.add(port);
      return port;
    }
  }

  /** Starts a process and waits until it listens. `signal` stops the waiting, not the process. */
  async launch(asked: LaunchRequest, signal: AbortSignal): Promise<LaunchResult> {
    try {
      await this.#spawn(asked);
      return await this.awaitListening(asked, signal);
    } finally {
      this.#promised.delete(asked.port);
    }
  }

  /** Waits until the process of this token listens; for one that was started before, too. */
  async awaitListening(
    asked: Pick<LaunchRequest, 'token' | 'port' | 'logFile'>,
    signal: AbortSignal,
  ): Promise<LaunchResult> {
    const endMs = this.#clock.nowMs() + PROCESS_LIMITS.listenMs;
    const told = await this.#awaitTold(asked.token, PROCESS_LIMITS.tellMs, signal);
    if (told === null) {
      return signal.aborted ? 'ABORTED' : { failed: 'it did not start', portTaken: false };
    }
    while (this.#clock.nowMs() < endMs) {
      if (signal.aborted) return 'ABORTED';
      if (!(await isAlive(told))) return endedAtOnce(await lastOf(asked.logFile));
      // Its own liveness was seen before, so that whoever listens is not somebody else's process.
      if (await listens(asked.port)) return 'LISTENS';
      await this.#clock.sleep(PROCESS_LIMITS.lookMs, signal);
    }
    return { failed: `it did not listen within ${PROCESS_LIMITS.listenMs} ms`, portTaken: false };
  }

  /** Whether the process of a launch lives. */
  async lives(token: string): Promise<boolean> {
    const told = await this.#told(token);
    return told !== null && (await isAlive(told));
  }

  /** Ends the process of a launch with all it started: SIGTERM, then SIGKILL. */
  async stop(token: string): Promise<void> {
    // A launch that was written down and never happened has nothing to tell.
    const identity = await this.#awaitTold(token, PROCESS_LIMITS.tellLateMs);
    if (identity !== null && (await isAlive(identity))) {
      killGroup(identity.pid, 'SIGTERM');
      await this.#isGoneWithin(identity, PROCESS_LIMITS.graceMs);
      // Also when it went by itself: what it had started may have stayed.
      killGroup(identity.pid, 'SIGKILL');
      await this.#isGoneWithin(identity, PROCESS_LIMITS.killMs);
    }
    await removeDurably(this.pidFile(token)).catch(() => undefined);
  }

  pidFile(token: string): string {
    return join(this.#home, 'pids', `${token}.pid`);
  }

  logFile(fleet: string, instanceId: string): string {
    return join(this.#home, 'logs', fleet, `${instanceId}.log`);
  }

  async #spawn({ token, instanceId, port, command, logFile }: LaunchRequest): Promise<void> {
    const pidFile = this.pidFile(token);
    await mkdir(dirname(pidFile), { recursive: true });
    await mkdir(dirname(logFile), { recursive: true });
    await cutWhenLong(logFile);
    const log = await open(logFile, 'a');
    try {
      const run = command.command === 'node' ? process.execPath : command.command;
      const child = spawn('/bin/sh', ['-c', TELL_AND_BECOME, pidFile, run, ...command.args], {
        cwd: this.#workFolder,
        detached: true,
        stdio: ['ignore', log.fd, log.fd],
        // Nothing of the agent's own environment: it may hold its token.
        env: {
          ...command.env,
          PATH: process.env['PATH'],
          PORT: String(port),
          INSTANCE_ID: instanceId,
        },
      });
      await new Promise<void>((resolve, reject) => {
        child.once('spawn', resolve);
        child.once('error', reject);
      });
      child.unref();
    } finally {
      await log.close();
    }
  }

  /** Its identity as soon as it has told it; null when it does not in time. */
  async #awaitTold(
    token: string,
    limitMs: number,
    signal?: AbortSignal,
  ): Promise<ProcessIdentity | null> {
    const endMs = this.#clock.nowMs() + limitMs;
    for (;;) {
      const told = await this.#told(token);
      const isOver = this.#clock.nowMs() >= endMs || signal?.aborted === true;
      if (told !== null || isOver) return told;
      await this.#clock.sleep(PROCESS_LIMITS.lookMs, signal);
    }
  }

  async #told(token: string): Promise<ProcessIdentity | null> {
    const text = await readIfThere(this.pidFile(token));
    const [, pid, startedAt] = /^(\d+) (.+)$/.exec(text ?? '') ?? [];
    return startedAt === undefined ? null : { pid: Number(pid), startedAt };
  }

  async #isGoneWithin(identity: ProcessIdentity, limitMs: number): Promise<boolean> {
    const endMs = this.#clock.nowMs() + limitMs;
    while (await isAlive(identity)) {
      if (this.#clock.nowMs() >= endMs) return false;
      await this.#clock.sleep(PROCESS_LIMITS.lookMs);
    }
    return true;
  }
}

function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // Gone already.
  }
}

function freeLoopbackPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: PROCESS_LIMITS.connectMs });
    const answer = (is: boolean) => (): void => {
      socket.destroy();
      resolve(is);
    };
    socket
      .once('connect', answer(true))
      .once('timeout', answer(false))
      .once('error', answer(false));
  });
}

async function cutWhenLong(logFile: string): Promise<void> {
  const size = await stat(logFile).then(
    (found) => found.size,
    () => 0,
  );
  if (size > PROCESS_LIMITS.logMaxBytes) await truncate(logFile);
}

/** The end of a log, on one line. */
async function lastOf(logFile: string): Promise<string> {
  try {
    const file = await open(logFile, 'r');
    try {
      const { size } = await file.stat();
      const length = Math.min(size, PROCESS_LIMITS.logQuotedBytes);
      const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
      return buffer.toString('utf8').replace(/\s+/g, ' ').trim();
    } finally {
      await file.close();
    }
  } catch {
    return '';
  }
}

function endedAtOnce(lastLog: string): LaunchResult {
  const quoted = lastLog === '' ? '' : `: ${lastLog}`;
  return { failed: `it ended at once${quoted}`, portTaken: lastLog.includes('EADDRINUSE') };
}
