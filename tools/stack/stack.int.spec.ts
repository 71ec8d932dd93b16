import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { answers } from './ports.js';
import { isDatabaseReady } from './postgres.js';
import { startStack } from './stack.js';

/** A command of its own, which starts a private Postgres, says where it is, and lives on. */
const COMMAND = `
  import { startStack } from '${pathToFileURL(join(import.meta.dirname, 'stack.ts')).href}';
  const stack = await startStack({ private: true, parts: ['postgres'] });
  console.log(new URL(stack.databaseUrl).port);
  setInterval(() => {}, 1000);
`;

async function startCommand(): Promise<{ port: number; kill: () => void }> {
  const loader = pathToFileURL(join(import.meta.dirname, '..', 'typescript.mjs')).href;
  const args = [`--import=${loader}`, '--input-type=module', '--eval', COMMAND];
  // What jest needs of Node is not for this one.
  const env = { ...process.env, NODE_OPTIONS: '' };
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: child.stdout })) {
    return { port: Number(line), kill: () => child.kill('SIGKILL') };
  }
  throw new Error('the command ended before its stack was up');
}

describe('a private stack', () => {
  it('can lose Postgres and get it back with what was committed', async () => {
    const { databaseUrl, postgres, stop } = await startStack({
      private: true,
      parts: ['postgres'],
    });
    await postgres.kill();
    expect(await isDatabaseReady(databaseUrl)).toBe(false);
    await postgres.start();
    expect(await isDatabaseReady(databaseUrl)).toBe(true);
    await postgres.stop();
    expect(await isDatabaseReady(databaseUrl)).toBe(false);
    await postgres.start();
    expect(await isDatabaseReady(databaseUrl)).toBe(true);
    await stop();
    expect(await isDatabaseReady(databaseUrl)).toBe(false);
  }, 60_000);

  it('leaves nothing listening when its command is killed with SIGKILL', async () => {
    const { port, kill } = await startCommand();
    expect(await answers(port)).toBe(true);
    kill();
    const deadline = performance.now() + 10_000;
    while ((await answers(port)) && performance.now() < deadline) await sleep(50);
    expect(await answers(port)).toBe(false);
  }, 60_000);

  it('refuses to take away a server that is not its own', async () => {
    const stack = await startStack({ private: true, parts: ['postgres'] });
    await expect(stack.kafka.kill()).rejects.toThrow('kafka is not ours to stop or start');
    await stack.stop();
  }, 60_000);
});
