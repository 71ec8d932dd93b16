import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { choosePort } from './stack/ports.js';
import { identify, waitForEnd } from './stack/processes.js';
import { supervise, type Service, type ServiceOptions } from './supervise.js';

const SERVER = `
  import { createServer } from 'node:http';
  console.log('greeting', process.env.GREETING);
  createServer((_, answer) => answer.end('ok')).listen(Number(process.env.PORT), '127.0.0.1');
  process.on('SIGTERM', () => process.env.STUBBORN || process.exit(0));
`;

describe('a supervised service', () => {
  let folder: string;
  let service: Service | undefined;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'supervise-'));
  });

  afterEach(async () => {
    await service?.stop();
    service = undefined;
    rmSync(folder, { recursive: true });
  });

  async function start(text: string, more: Partial<ServiceOptions> = {}): Promise<Service> {
    const port = await choosePort();
    const file = join(folder, 'service.mjs');
    writeFileSync(file, text);
    service = await supervise({
      name: 'example',
      entry: `../../../../../../../../../..${file}`,
      readyUrl: `http://127.0.0.1:${port}/`,
      logFolder: folder,
      stopLimitMs: 300,
      ...more,
      env: { PORT: String(port), GREETING: 'hello', ...more.env },
    });
    return service;
  }

  it('is ready when its URL answers, with its environment and its output in its log', async () => {
    const { logFile } = await start(SERVER);
    expect(readFileSync(logFile, 'utf8')).toContain('greeting hello');
  });

  it('is started again after each kill, however many', async () => {
    const running = await start(SERVER);
    for (let kill = 1; kill <= 6; kill += 1) {
      const before = running.pid();
      await running.kill9();
      await running.ready();
      expect(running.pid()).not.toBe(before);
      expect(running.restarts()).toBe(kill);
    }
  }, 30_000);

  it('stays down after stop, even when it does not heed SIGTERM', async () => {
    const running = await start(SERVER, { env: { STUBBORN: 'yes' } });
    const identity = identify(Number(running.pid()));
    await running.stop();
    expect(running.pid()).toBeUndefined();
    expect(identity && (await waitForEnd(identity, 0))).toBe(true);
    await running.start();
    expect(running.pid()).toBeDefined();
  });

  it('stays down after a death without restart, until it is started', async () => {
    const deaths: string[] = [];
    const running = await start(SERVER, { restart: false, onDeath: (how) => deaths.push(how) });
    await running.kill9();
    expect(deaths).toEqual(['SIGKILL']);
    await expect(running.ready()).rejects.toThrow('example ended (SIGKILL)');
    await running.start();
    expect(running.pid()).toBeDefined();
  });

  it('is given up with the end of its log when it cannot start', async () => {
    await expect(start('console.log("no such table"); process.exit(1);')).rejects.toThrow(
      /without being ready[^]*no such table/,
    );
  });

  it('is not tried again when its configuration is wrong', async () => {
    await expect(start('console.log("PORT: is not set"); process.exit(78);')).rejects.toThrow(
      /cannot use its configuration[^]*PORT: is not set/,
    );
  });
});
