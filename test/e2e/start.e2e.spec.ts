import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { answers } from '../../tools/stack/ports.js';
import { createDatabase, serversOfTheRun, until } from './product.js';

const ROOT = join(import.meta.dirname, '..', '..');
const LIMIT_MS = 120_000;

describe('npm start', () => {
  let folder: string;
  let env: NodeJS.ProcessEnv;
  let command: ChildProcess | undefined;
  let output = '';

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'upgrade-start-'));
    const { kafkaBrokers, databaseUrl } = serversOfTheRun();
    const database = await createDatabase(databaseUrl);
    env = { ...process.env, KAFKA_BROKERS: kafkaBrokers, DATABASE_URL: database };
    // Flags that are meant for the test runner.
    delete env['NODE_OPTIONS'];
  });

  afterEach(() => {
    command?.kill('SIGKILL');
  });

  async function start(): Promise<void> {
    output = '';
    const tool = ['tools/bootstrap.mjs', 'tools/start.ts', '--folder', folder];
    command = spawn(process.execPath, tool, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [command.stdout, command.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
    }
    await until('it says how it ends', () => {
      if (command?.exitCode !== null) throw new Error(`it ended:\n${output}`);
      return output.includes('Ctrl-C ends it all.');
    });
  }

  function portsPrinted(): number[] {
    const ports = [...output.matchAll(/http:\/\/127\.0\.0\.1:(\d+)/g)].map(([, port]) => +port!);
    return [...new Set(ports)];
  }

  /** Every process an instance was, by what the agent wrote down. */
  function instances(): number[] {
    const pids = join(folder, 'fleet-agent', 'pids');
    return readdirSync(pids).map((file) => parseInt(readFileSync(join(pids, file), 'utf8'), 10));
  }

  async function untilNothingIsLeft(ports: readonly number[]): Promise<void> {
    await until('nothing listens any more', async () => {
      const listening = await Promise.all(ports.map((port) => answers(port)));
      return !listening.includes(true) && !instances().some(isRunning);
    });
  }

  async function componentNames(): Promise<string[]> {
    const [, api] = /REST API +(\S+)/.exec(output) ?? [];
    const answer = await fetch(`${api!}/components`);
    const { items } = (await answer.json()) as { items: { name: string }[] };
    return items.map(({ name }) => name);
  }

  it(
    'leaves nothing behind when it is killed, and a second start finds what the first registered',
    async () => {
      await start();
      const ports = portsPrinted();
      expect(ports.length).toBeGreaterThanOrEqual(5);
      expect(await componentNames()).toEqual(['greeter']);
      expect(instances().filter(isRunning)).toHaveLength(8);
      command?.kill('SIGKILL');
      await untilNothingIsLeft(ports);

      await start();
      expect(await componentNames()).toEqual(['greeter']);
      expect(output).toContain('The fleet is on 1.0.0.');
      const portsAgain = portsPrinted();
      command?.kill('SIGINT');
      await until('it has ended', () => command?.exitCode !== null);
      expect(command?.exitCode).toBe(130);
      // In order: when the command is gone, so is all that it started.
      expect(await Promise.all(portsAgain.map((port) => answers(port)))).not.toContain(true);
      expect(instances().some(isRunning)).toBe(false);
      rmSync(folder, { recursive: true });
    },
    LIMIT_MS,
  );
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
