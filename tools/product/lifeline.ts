/**
 * What the fleet agent's watchdog guards: a process that lives as long as its command holds its
 * standard input. So instances and proxy can be ended before the command itself ends, and are ended
 * too when it dies without a word.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { identify, waitForEnd, type ProcessIdentity } from '../stack/processes.js';

const END_LIMIT_MS = 20_000;

export interface Lifeline {
  readonly pid: number;
  /** Lets go, and returns when the watchdog has ended everything and then itself. */
  letGo(): Promise<void>;
}

/** @param home the fleet agent's folder, where its watchdog says who it is */
export async function holdLifeline(home: string): Promise<Lifeline> {
  const child = spawn(
    process.execPath,
    ['-e', 'process.stdin.resume().on("end", () => process.exit(0));'],
    { detached: true, stdio: ['pipe', 'ignore', 'ignore'] },
  );
  await new Promise<void>((started, failed) => {
    child.once('spawn', started);
    child.once('error', failed);
  });
  const self = child.pid === undefined ? undefined : identify(child.pid);
  if (self === undefined)
    throw new Error('the process that holds the fleet together ended at once');
  child.unref();
  const before = watchdogOf(home);
  const letGo = async (): Promise<void> => {
    child.stdin.end();
    await waitForEnd(self, END_LIMIT_MS);
    const watchdog = watchdogOf(home);
    // The one of an earlier command is not ours: our agent never came to start its own.
    if (watchdog === undefined || watchdog.startTime === before?.startTime) return;
    await waitForEnd(watchdog, END_LIMIT_MS);
  };
  return { pid: self.pid, letGo };
}

/** The living process that says it is the watchdog of this folder. */
function watchdogOf(home: string): ProcessIdentity | undefined {
  try {
    const { pid } = JSON.parse(readFileSync(join(home, 'watchdog.json'), 'utf8')) as {
      pid: number;
    };
    return identify(pid);
  } catch {
    return undefined;
  }
}
