import { spawn } from 'node:child_process';
import { mkdir, open } from 'node:fs/promises';
import { dirname, extname } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Starts another entry file of this app as a process that outlives this one, in the same way this
 * one was started: compiled, or from its sources.
 * @param entry file name beside `main`, without extension
 */
export async function startDetached(
  entry: string,
  args: readonly string[],
  logFile: string,
): Promise<void> {
  const here = fileURLToPath(import.meta.url);
  const file = fileURLToPath(new URL(`../${entry}${extname(here)}`, import.meta.url));
  await mkdir(dirname(logFile), { recursive: true });
  const log = await open(logFile, 'a');
  try {
    const child = spawn(process.execPath, [...process.execArgv, file, ...args], {
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
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
